// Who is let in by the listeners of this machine: every one of them, asked as a page in the operator's browser would ask.
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingHttpHeaders, request as send } from 'node:http';
import { tmpdir } from 'node:os';
import { GetParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClients } from '../../../lib/adapters/aws/create-clients.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../../local/aws/embedded-aws.ts';
import { type ClaimedPort, RUN_PATH } from '../../../local/aws/host/http-listener.ts';
import {
  type SimulatedExchange,
  startSimulatedExchange,
} from '../../../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../../../local/market/generated-market.ts';
import { claimApiPort, serveApi } from '../../../local/run/api-server.ts';

let stateDir: string;
let aws: EmbeddedAws;
let exchange: SimulatedExchange;
let api: ClaimedPort;
/** What the API's function was asked for. */
const asked: string[] = [];

beforeAll(async () => {
  stateDir = await mkdtemp(`${tmpdir()}/qt-door-`);
  aws = await startEmbeddedAws({ stateDir });
  const market = generateMarket({ seed: 1, symbols: 2, fromMs: Date.UTC(2024, 0, 1), bars: 300 });
  exchange = await startSimulatedExchange({ market, clock: { nowMs: () => market.lastOpenTimeMs } });
  api = await claimApiPort(0);
  const answer = async ({ path }: { path: string }) => {
    asked.push(path);
    return { status: 200, headers: {}, body: '{}' };
  };
  serveApi({ answer }, api);
});
afterAll(async () => {
  await api.close();
  await exchange.close();
  await aws.close();
  await rm(stateDir, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

interface Call {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

function call(url: string, { method, headers, body }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = send(url, { method, headers, agent: false }, async (answer) => {
      let text = '';
      for await (const chunk of answer) text += chunk;
      resolve({ status: answer.statusCode!, headers: answer.headers, text });
    });
    request.on('error', reject);
    request.end(body);
  });
}

const signed = (accessKeyId: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/20240101/us-east-1/x/aws4_request, SignedHeaders=host, Signature=0`,
  'x-amz-date': '20240101T000000Z',
});
const json = (target: string) => ({ 'x-amz-target': target, 'content-type': 'application/x-amz-json-1.0' });

interface Door {
  readonly url: () => string;
  readonly call: Call;
  /** Headers of a caller with this secret; none where the listener knows its callers by other means. */
  readonly pass?: (secret: string) => Record<string, string>;
  readonly secret?: () => string;
}

const awsSecret = { pass: signed, secret: () => aws.endpoints.accessKeyId };
const DOORS: Readonly<Record<string, Door>> = {
  DynamoDB: {
    url: () => aws.endpoints.dynamodb,
    call: { method: 'POST', headers: json('DynamoDB_20120810.ListTables'), body: '{}' },
    ...awsSecret,
  },
  S3: { url: () => `${aws.endpoints.s3}/new-bucket`, call: { method: 'PUT', headers: {} }, ...awsSecret },
  'Parameter Store': {
    url: () => aws.endpoints.ssm,
    call: { method: 'POST', headers: json('AmazonSSM.DescribeParameters'), body: '{}' },
    ...awsSecret,
  },
  "the run's name": {
    url: () => aws.endpoints.dynamodb + RUN_PATH,
    call: { method: 'GET', headers: {} },
    pass: (secret) => ({ 'x-qt-secret': secret }),
    secret: () => aws.endpoints.accessKeyId,
  },
  'the exchange': {
    url: () => `${exchange.url}/fapi/v1/exchangeInfo`,
    call: { method: 'GET', headers: {} },
  },
  "the exchange's archive": {
    url: () => `${exchange.url}/data/futures/um/daily/klines/BTCUSDT/5m/BTCUSDT-5m-2024-01-01.zip`,
    call: { method: 'GET', headers: {} },
  },
  "the exchange's faults": {
    url: () => `${exchange.url}/__faults`,
    call: {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: '{"kind":"html","path":"/nowhere"}',
    },
    pass: (secret) => ({ 'x-qt-secret': secret }),
    secret: () => exchange.secret,
  },
  'the API': { url: () => `${api.endpoint}/api/status`, call: { method: 'GET', headers: {} } },
};

/** Asks with what a caller of the house's own has, but for these headers. */
function ask(
  { url, call: plain, pass, secret }: Door,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const own = pass !== undefined && secret !== undefined ? pass(secret()) : {};
  return call(url(), { ...plain, headers: { ...plain.headers, ...own, ...headers } });
}
const isTurnedAway = ({ status, text }: Answer) =>
  [400, 403].includes(status) && /Host header|another site|credentials/.test(text);
const corsOf = ({ headers }: Answer) =>
  Object.keys(headers).filter((name) => name.startsWith('access-control'));
const doors = Object.entries(DOORS);

describe.each(doors)('%s', (_, door) => {
  it('lets in who belongs to the run', async () => {
    const answer = await ask(door);
    expect(isTurnedAway(answer)).toBe(false);
    expect([200, 404]).toContain(answer.status);
  });

  it.each([
    'evil.example',
    'evil.example:PORT',
    '127.0.0.1',
    '127.0.0.1:1',
    'localhost',
    'localhost.evil:PORT',
  ])('turns the Host %s away', async (host) => {
    const answer = await ask(door, { host: host.replace('PORT', new URL(door.url()).port) });
    expect(answer.text).toContain('Host header');
    expect(isTurnedAway(answer)).toBe(true);
  });

  it.each<Record<string, string>>([
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:1' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
    { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' },
  ])('turns a page of another site away, and says nothing of CORS: %j', async (headers) => {
    const answer = await ask(door, headers);
    expect(answer.text).toContain('another site');
    expect(isTurnedAway(answer)).toBe(true);
    expect(corsOf(answer)).toEqual([]);
    const preflight = { ...door, call: { method: 'OPTIONS', headers: {} } };
    const asked = await ask(preflight, { ...headers, 'access-control-request-method': 'POST' });
    expect(isTurnedAway(asked)).toBe(true);
    expect(corsOf(asked)).toEqual([]);
  });

  if (door.pass !== undefined)
    it.each(['', '0'.repeat(64), 'local'])(
      'turns the secret %j away, and no secret at all',
      async (secret) => {
        expect((await ask(door, door.pass!(secret))).text).toMatch(/credentials/);
        const { host } = new URL(door.url());
        const nameless = await call(door.url(), { ...door.call, headers: { ...door.call.headers, host } });
        expect(isTurnedAway(nameless)).toBe(true);
      },
    );
});

describe('a request that is turned away', () => {
  it('changes nothing, and uses up no fault', async () => {
    const clients = createClients(aws.endpoints);
    const Name = '/door/flag';
    await clients.ssm.send(new PutParameterCommand({ Name, Value: 'false', Type: 'String' }));
    aws.faults.ssm.inject({ kind: 'throttle' });
    const put: Door = {
      ...DOORS['Parameter Store']!,
      call: {
        method: 'POST',
        headers: json('AmazonSSM.PutParameter'),
        body: JSON.stringify({ Name, Value: 'true', Overwrite: true }),
      },
    };
    expect(isTurnedAway(await ask(put, { host: 'evil.example' }))).toBe(true);
    expect(isTurnedAway(await ask(put, signed('local')))).toBe(true);
    expect(aws.faults.ssm.take('PutParameter')).toMatchObject({ kind: 'throttle' });
    expect((await clients.ssm.send(new GetParameterCommand({ Name }))).Parameter).toMatchObject({
      Value: 'false',
      Version: 1,
    });
    clients.close();
    exchange.faults.clear();
    await ask(DOORS["the exchange's faults"]!, { 'x-qt-secret': 'wrong' });
    const faults = await ask({ ...DOORS["the exchange's faults"]!, call: { method: 'GET', headers: {} } });
    expect(JSON.parse(faults.text)).toEqual({ faults: [] });
  });

  it.each(['/x/../__faults', '//evil.example/__faults', '/__faults?x=1', '/__faults#', '/./__faults', '//'])(
    'finds no way round to the faults: %s',
    async (path) => {
      const { hostname, port, host } = new URL(exchange.url);
      const answer = await new Promise<number>((resolve, reject) => {
        send({ hostname, port, path, method: 'POST', headers: { host }, agent: false }, (got) => {
          got.resume();
          resolve(got.statusCode!);
        })
          .on('error', reject)
          .end('{"kind":"html"}');
      });
      expect([400, 403]).toContain(answer);
    },
  );
});

describe("the API's own page", () => {
  it('may be opened by a link, and may ask from its own origin', async () => {
    const door = { ...DOORS['the API']!, url: () => `${api.endpoint}/` };
    const link = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    };
    expect((await ask(door, link)).status).toBe(200);
    expect((await ask(door, { origin: api.endpoint, 'sec-fetch-site': 'same-origin' })).status).toBe(200);
    const { port } = new URL(api.endpoint);
    expect((await ask(door, { host: `localhost:${port}`, origin: `http://localhost:${port}` })).status).toBe(
      200,
    );
    asked.length = 0;
    expect((await ask(door, { ...link, 'sec-fetch-dest': 'iframe' })).status).toBe(403);
    expect((await ask({ ...door, call: { method: 'POST', headers: {} } }, link)).status).toBe(403);
    expect(asked).toEqual([]);
  });
});
