// AWS by an emulator that nobody here wrote: moto's server, a process of its own. scripts/test-aws-emulator.ts installs it, and tells
// by QT_PYTHON_TOOLS where it is.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SSMClient } from '@aws-sdk/client-ssm';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { AwsTarget } from './aws-target.ts';
import type { AwsEndpoints } from './infra/guarded-aws.ts';

const SERVER = fileURLToPath(new URL('./emulated-aws.py', import.meta.url));
const START_MS = 120_000;
const POLL_MS = 100;

export interface EmulatedAws {
  /** Of every service. */
  readonly url: string;
  readonly endpoints: Required<Omit<AwsEndpoints, 'inProcess'>>;
  /** Forgets everything that was ever created, in every region. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

export async function startEmulatedAws(): Promise<EmulatedAws> {
  const tools = process.env.QT_PYTHON_TOOLS;
  if (tools === undefined) throw new Error('start these tests by `npm run test:aws-emulator`');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = spawn(`${tools}/python`, [SERVER, String(port)], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  server.stderr.on('data', (chunk) => {
    errors = (errors + String(chunk)).slice(-2_000);
  });
  await answering(server, url).catch((error: unknown) => {
    server.kill('SIGKILL');
    throw new Error(`moto does not start: ${errors}`, { cause: error });
  });
  return {
    url,
    endpoints: { dynamodb: url, s3: url, ssm: url, sns: url, accessKeyId: 'emulated' },
    async reset() {
      const answer = await fetch(`${url}/moto-api/reset`, { method: 'POST' });
      if (!answer.ok) throw new Error(`moto does not reset: ${answer.status}`);
    },
    async close() {
      const exited = once(server, 'exit');
      server.kill('SIGKILL');
      await exited;
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** The first call of Parameter Store takes seconds: the emulator reads all of AWS's public parameters. */
async function answering(server: ChildProcess, url: string): Promise<void> {
  const deadlineMs = Date.now() + START_MS;
  const headers = {
    authorization:
      'AWS4-HMAC-SHA256 Credential=emulated/20240101/us-east-1/ssm/aws4_request, SignedHeaders=host, Signature=0',
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': 'AmazonSSM.DescribeParameters',
  };
  for (;;) {
    const answer = await fetch(url, { method: 'POST', headers, body: '{}' }).catch(() => undefined);
    if (answer?.ok) return;
    if (server.exitCode !== null || Date.now() > deadlineMs) throw new Error('no answer');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/**
 * For the suites of stores and services: emptied at each opening, so that one at a time may use it. The clients wait as long as the
 * emulator takes: it answers one request after the other.
 */
export async function openEmulated(aws: EmulatedAws): Promise<AwsTarget> {
  await aws.reset();
  const shared = {
    region: 'us-east-1',
    credentials: { accessKeyId: aws.endpoints.accessKeyId, secretAccessKey: 'emulated' },
    endpoint: aws.url,
    requestHandler: { requestTimeout: START_MS },
  };
  const dynamodb = new DynamoDBClient(shared);
  const s3 = new S3Client({ ...shared, forcePathStyle: true });
  const ssm = new SSMClient(shared);
  const close = () => {
    for (const client of [dynamodb, s3, ssm]) client.destroy();
  };
  return {
    clients: { dynamodb: DynamoDBDocumentClient.from(dynamodb), s3, ssm, close },
    prefix: `qt-${randomUUID().slice(0, 8)}`,
    close: async () => close(),
  };
}
