// No key, secret or signature leaves the process, whatever an exchange, a proxy or an AWS endpoint echoes of what it was sent: markers
// go in as credentials, every error path is taken, and everything that comes out is searched for them.
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { inspect } from 'node:util';
import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { ScanCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createManagePositionsHandler } from '../../functions/manage-positions/handler.ts';
import { createClients } from '../../lib/adapters/aws/create-clients.ts';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { createS3ObjectStore } from '../../lib/adapters/aws/s3/s3-object-store.ts';
import { createSnsNotifier } from '../../lib/adapters/aws/sns/sns-notifier.ts';
import { readSecretParameter } from '../../lib/adapters/aws/ssm/read-secret-parameter.ts';
import { createSsmFlagStore } from '../../lib/adapters/aws/ssm/ssm-flag-store.ts';
import { createCcxtMarketData } from '../../lib/adapters/binance/market/ccxt-market-data.ts';
import { createFileNotifier } from '../../lib/adapters/files/file-notifier.ts';
import { createRedactor } from '../../lib/adapters/redact.ts';
import { unproven } from '../../lib/core/actor.ts';
import { emergencyStop } from '../../lib/execution/use-cases/emergency-stop.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import { openedBrokers } from '../../lib/runtime/compose/exchange/brokers.ts';
import { composeManagePositions } from '../../lib/runtime/compose/manage-positions.ts';
import { openRiskStore, openSignalStore } from '../../lib/runtime/compose/stores.ts';
import { credentialParameters, resourcesOfStage } from '../../lib/runtime/config/stage.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';

const KEYS = { apiKey: 'MARKERKEY7f3a+91/x', secret: 'MARKERSECRETc04d2e' };
const AWS_KEYS = { accessKeyId: 'AKIAMARKERMARKERMARK', sessionToken: 'MARKERTOKEN/abc+def==' };

/** All that a server has seen of a request: line, headers, body. */
async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`);
  return [`${request.method} ${request.url}`, ...headers, '', Buffer.concat(chunks)].join('\n');
}

type Reply = { status: number; body: string; headers?: Record<string, string>; cut?: true };
const spelt: Readonly<Record<string, (text: string) => string>> = {
  raw: (text) => text,
  // The credentials first: what is cut short still shows them.
  'from the headers on': (text) => text.slice(text.search(/x-mbx-apikey|authorization/i)),
  'URL-encoded': encodeURIComponent,
  base64: (text) => Buffer.from(text).toString('base64'),
  'base64 of the headers': (text) =>
    Buffer.from(text.slice(text.search(/x-mbx-apikey|authorization/i))).toString('base64'),
};
const replies: Readonly<Record<string, (echo: string) => Reply>> = {
  'a page with 200': (echo) => ({ status: 200, body: `<html>${echo}` }),
  'a page with 404': (echo) => ({ status: 404, body: echo }),
  'a page with 502': (echo) => ({ status: 502, body: echo }),
  'a ban': (echo) => ({ status: 418, body: echo, headers: { 'retry-after': '0' } }),
  'a limit': (echo) => ({ status: 429, body: echo, headers: { 'retry-after': '0' } }),
  'a firewall': (echo) => ({ status: 403, body: echo }),
  'a refusal': (echo) => ({ status: 400, body: JSON.stringify({ code: -2019, msg: echo }) }),
  'a refusal of the keys': (echo) => ({ status: 401, body: JSON.stringify({ code: -2015, msg: echo }) }),
  'a redirect': (echo) => ({
    status: 302,
    body: echo,
    headers: { location: `http://127.0.0.1:9/?${encodeURIComponent(echo)}` },
  }),
  'half a body': (echo) => ({ status: 200, body: echo, cut: true }),
};

let target: EmbeddedTarget;
let closers: (() => Promise<void>)[];
/** Signatures that left the process. */
let signatures: string[];
/** What every request is answered with. */
let reply: (echo: string) => Reply;

beforeEach(async () => {
  closers = [];
  signatures = [];
  target = await openEmbedded();
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', AWS_KEYS.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'MARKERAWSSECRET0123456789');
  vi.stubEnv('AWS_SESSION_TOKEN', AWS_KEYS.sessionToken);
});
afterEach(async () => {
  for (const close of closers) await close();
  vi.unstubAllEnvs();
  await target.close();
});

/** @param own answers some requests itself, by its path */
async function startEcho(own: Readonly<Record<string, () => string>> = {}): Promise<string> {
  const server = createServer(async (request, response) => {
    const text = await textOf(request);
    signatures.push(...[...text.matchAll(/signature=([0-9a-f]{64})/gi)].map(([, signature]) => signature!));
    const answer = own[request.url!.split('?')[0]!];
    if (answer !== undefined) return response.end(answer());
    const { status, body, headers = {}, cut } = reply(text);
    const length = { 'content-length': String(Buffer.byteLength(body) + (cut ? 100 : 0)) };
    response.writeHead(status, { 'content-type': 'application/json', ...length, ...headers });
    if (!cut) return response.end(body);
    return response.write(body, () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Every way in which a credential could be read from a text. */
function expectNothingIn(texts: Readonly<Record<string, string>>): void {
  const secrets = [
    ...Object.values(KEYS),
    ...Object.values(AWS_KEYS),
    ...signatures.map((each) => each.slice(0, 16)),
  ];
  const forms = secrets.flatMap((secret) => {
    // The middle of a secret, at every place that base64 can give it.
    const encoded = [0, 1, 2].map((offset) =>
      Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)])
        .toString('base64')
        .slice(4, 16),
    );
    return [secret, encodeURIComponent(secret), ...encoded];
  });
  for (const [where, text] of Object.entries(texts)) {
    for (const form of forms)
      expect([where, text.toLowerCase().includes(form.toLowerCase()) && form]).toEqual([where, false]);
    expect([where, text.match(/.{0,60}MARKER.{0,20}/i)?.[0]]).toEqual([where, undefined]);
  }
}

async function filesUnder(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [path, await readFile(path, 'latin1')])),
  );
}

describe('an exchange that echoes', { timeout: 180_000 }, () => {
  it('puts nothing into logs, errors, records, state or notifications', async () => {
    const stage = 'local';
    const names = resourcesOfStage(stage);
    await ensureLocalResources(target.clients, { bucket: 'qt-local', stage, ...names });
    const parameters = credentialParameters(stage);
    for (const [Name, Value] of [
      [parameters.apiKey, KEYS.apiKey],
      [parameters.secret, KEYS.secret],
      [`/qt/${stage}/flags/QT_PAPER_TRADING`, 'false'],
    ] as const)
      await target.clients.ssm.send(
        new PutParameterCommand({
          Name,
          Value,
          Type: Value === 'false' ? 'String' : 'SecureString',
          Overwrite: true,
        }),
      );
    const exchangeUrl = await startEcho({
      '/fapi/v1/time': () => JSON.stringify({ serverTime: Date.now() }),
    });
    const logs: string[] = [];
    const logOutput = new PassThrough().on('data', (line) => logs.push(String(line)));
    const { endpoints } = target.aws;
    const overrides = { endpoints, logOutput, isReplay: true };
    const settings = {
      ...{
        stage,
        exchange: 'binanceusdm' as const,
        exchangeUrl,
        externalPositions: 'adopt-and-close' as const,
      },
      riskTable: names.riskTable,
    };
    const context = { clients: target.clients, clock: { nowMs: Date.now } };
    const risk = openRiskStore(context, names);
    const notifications = join(target.stateDir, 'logs', 'notifications.jsonl');
    const thrown: unknown[] = [];
    for (const spell of Object.values(spelt))
      for (const answer of Object.values(replies)) {
        reply = (echo) => answer(spell(echo));
        const composition = composeManagePositions(settings, overrides);
        await createManagePositionsHandler(composition)().catch((error) => thrown.push(error));
        await composition.close();
      }
    reply = (echo) => replies['a refusal']!(echo);
    thrown.push(
      await emergencyStop(
        {
          ...{
            risk,
            signals: openSignalStore(context, { stage, ...names }),
            limits: BREAKER_LIMITS,
            shards: 1,
          },
          flags: createSsmFlagStore({ client: target.clients.ssm, stage }),
          notifier: createFileNotifier({ path: notifications, clock: context.clock }),
          clock: context.clock,
          codeVersion: 'v1',
          openBroker: openedBrokers({ ...settings, ...context, risk, isReplay: true }),
          stopwatchMs: () => performance.now(),
          pause: async () => {},
          expire: () => new Promise(() => {}),
        },
        { scopes: ['live'], operator: unproven('ann'), reason: 'a test', keepPositions: false },
      ),
      await createCcxtMarketData({ exchange: 'binanceusdm', baseUrl: exchangeUrl, attempts: 1 }).prices(),
    );
    // The paths were taken.
    expect(signatures.length).toBeGreaterThan(20);
    expect(thrown.length).toBeGreaterThan(40);
    const { Items } = await target.clients.dynamodb.send(new ScanCommand({ TableName: names.riskTable }));
    expectNothingIn({
      errors: inspect(thrown, { depth: 12, showHidden: true }) + JSON.stringify(thrown),
      logs: logs.join(''),
      records: JSON.stringify(Items),
      ...(await filesUnder(target.stateDir)),
    });
  });
});

describe('an AWS endpoint that echoes', { timeout: 120_000 }, () => {
  it.each(['raw', 'from the headers on'])('puts nothing into errors: %s', async (spelling) => {
    const url = await startEcho();
    const clients = createClients();
    const at = { endpoints: { dynamodb: url, s3: url, ssm: url, accessKeyId: AWS_KEYS.accessKeyId } };
    clients.close();
    vi.stubEnv('AWS_ENDPOINT_URL_SNS', url);
    const echoing = createClients(at.endpoints);
    closers.push(async () => echoing.close());
    const names = resourcesOfStage('dev');
    const thrown: unknown[] = [];
    const bodies: ((echo: string) => Reply)[] = [
      (echo) => ({
        status: 400,
        body: JSON.stringify({ __type: 'ValidationException', message: spelt[spelling]!(echo) }),
      }),
      (echo) => ({
        status: 403,
        body: `<Error><Code>AccessDenied</Code><Message>${spelt[spelling]!(echo).replace(/[<>&]/g, '_')}</Message></Error>`,
      }),
      (echo) => ({ status: 400, body: spelt[spelling]!(echo) }),
    ];
    for (const body of bodies) {
      reply = body;
      const context = { clients: echoing, clock: { nowMs: Date.now } };
      const works: (() => Promise<unknown>)[] = [
        () => openRiskStore(context, names).readGate('live'),
        () => openSignalStore(context, { stage: 'dev', ...names }).putRun({} as never),
        () => createS3ObjectStore({ client: echoing.s3, bucket: 'qt' }).get('models/x'),
        () => readSecretParameter(echoing.ssm, '/qt/dev/exchange/secret'),
        () => createSsmFlagStore({ client: echoing.ssm, stage: 'dev' }).write('EMERGENCY_MODE', 'true'),
        () =>
          createSnsNotifier({ topicArn: 'arn:aws:sns:eu-central-1:1:t' }).notify({ subject: 's', text: 't' }),
      ];
      for (const work of works) await work().catch((error: unknown) => thrown.push(error));
      const read = await createSsmFlagStore({ client: echoing.ssm, stage: 'dev' }).read(['EMERGENCY_MODE']);
      thrown.push([...read]);
    }
    expect(thrown.length).toBeGreaterThan(12);
    const told = thrown.map((error) =>
      error instanceof Error
        ? `${error.message} ${error.stack} ${inspect(error.cause)}`
        : inspect(error, { depth: 6 }),
    );
    expectNothingIn({ errors: told.join('\n') });
  });
});

it('knows a secret in every spelling', () => {
  const redact = createRedactor(Object.values(KEYS));
  for (const before of ['', 'a', 'ab', 'abc'])
    for (const secret of Object.values(KEYS)) {
      const text = `${before}${secret}`;
      for (const form of [
        text,
        encodeURIComponent(text),
        Buffer.from(text).toString('base64'),
        Buffer.from(text).toString('base64url'),
      ])
        expectNothingIn({ [form]: redact(`it said ${form}, and no more`) });
    }
});
