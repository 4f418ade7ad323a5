// Where the AWS suites run: on the embedded endpoints, and on a real account too when QT_AWS_CONFORMANCE_STAGE names the prefix
// of the buckets, tables and parameters that they may create there (they remove them again).
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { type AwsClients, createClients } from '../../lib/adapters/aws/create-clients.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../local/aws/embedded-aws.ts';

export interface AwsTarget {
  readonly clients: AwsClients;
  /** Unique to this run; lower case letters, digits and dashes. */
  readonly prefix: string;
  close(): Promise<void>;
}

export interface EmbeddedTarget extends AwsTarget {
  readonly aws: EmbeddedAws;
  readonly stateDir: string;
}

const runId = () => randomUUID().slice(0, 8);

/** @param way how its clients reach it: over HTTP, or in this process as the local run does */
export async function openEmbedded(way: 'endpoints' | 'inProcess' = 'endpoints'): Promise<EmbeddedTarget> {
  const stateDir = await mkdtemp(`${tmpdir()}/qt-aws-`);
  const aws = await startEmbeddedAws({ stateDir });
  const clients = createClients(aws[way]);
  return {
    aws,
    stateDir,
    clients,
    prefix: `qt-${runId()}`,
    close: async () => {
      clients.close();
      await aws.close();
      await rm(stateDir, { recursive: true });
    },
  };
}

/** Name and opener of every target that the environment allows. */
export function awsTargets(): readonly { name: string; open: () => Promise<AwsTarget> }[] {
  const stage = process.env.QT_AWS_CONFORMANCE_STAGE;
  const embedded = [
    { name: 'embedded', open: () => openEmbedded() },
    { name: 'embedded, in process', open: () => openEmbedded('inProcess') },
  ];
  if (stage === undefined) return embedded;
  const openReal = async (): Promise<AwsTarget> => {
    const clients = createClients();
    return { clients, prefix: `${stage}-${runId()}`, close: async () => clients.close() };
  };
  return [...embedded, { name: `AWS, ${stage}`, open: openReal }];
}

/** The name of the error that a promise is rejected with, as the SDK gives it; fails when it is fulfilled. */
export async function errorName(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof Error ? error.name : String(error)),
  );
}
