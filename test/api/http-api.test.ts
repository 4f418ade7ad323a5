// The HTTP API over real HTTP, on the embedded services and the simulated exchange: who is let in, what is refused, and an
// emergency stop with each service down in turn.
import { readFileSync } from 'node:fs';
import { request as send } from 'node:http';
import { DeleteParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClients } from '../../lib/adapters/aws/create-clients.ts';
import { describeApi } from '../../lib/api/api-document.ts';
import { API_ERRORS } from '../../lib/api/api-error.ts';
import { CLOSED_FLAGS } from '../../lib/risk/breaker/transition-types.ts';
import { riskRecords } from '../../lib/risk/use-cases/risk-records.ts';
import { allValues } from '../../lib/risk/use-cases/typed-records.ts';
import { issueApiToken } from '../../lib/runtime/compose/api-tokens.ts';
import type { OperatorSystem } from '../../lib/runtime/compose/operator.ts';
import { apiTokensParameter, LOCAL_STAGE } from '../../lib/runtime/config/stage.ts';
import type { EmbeddedAws } from '../../local/aws/embedded-aws.ts';
import type { SimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import { type Answered, type ApiStage, type Call, startApiStage, TOKEN } from '../support/api/api-stage.ts';
import { BROKER_START_MS } from '../support/execution/broker-market.ts';
import { runOf, signalOf } from '../support/inference/sample-signals.ts';

const BAR_MS = 300_000;
const READS_PER_MINUTE = 600;
const STOP = '/api/emergency/stop';

let stage: ApiStage;
let aws: EmbeddedAws;
let exchange: SimulatedExchange;
let system: OperatorSystem;

beforeEach(async () => {
  stage = await startApiStage();
  ({ aws, exchange, system } = stage);
});
afterEach(() => stage.close());

const call = (path: string, more?: Call) => stage.call(path, more);
const stop = (body: unknown = { reason: 'a test' }, more: Call = {}) =>
  call(STOP, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...more,
    headers: { 'content-type': 'application/json', ...more.headers },
  });
/** Past the composition: as another hand would. */
async function withParameters(work: (client: ReturnType<typeof createClients>['ssm']) => Promise<unknown>) {
  const clients = createClients(aws.endpoints);
  await work(clients.ssm).finally(clients.close);
}
const Name = apiTokensParameter(LOCAL_STAGE);
const deleteToken = () => withParameters((ssm) => ssm.send(new DeleteParameterCommand({ Name })));
const putParameter = (Value: string) =>
  withParameters((ssm) =>
    ssm.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', Overwrite: true })),
  );
const codeOf = ({ status, json }: Answered) => [status, json?.error?.code];
const flag = async (name: string) => (await system.flags.read([name])).get(name);
const latch = async () => (await system.risk.readGate('paper'))?.latch;
const audited = async () => allValues(await riskRecords(system.risk).audit.all('paper', 'api#'));
interface Described {
  readonly paths: Readonly<
    Record<string, Record<string, { responses: Record<string, { content: Record<string, unknown> }> }>>
  >;
  readonly [more: string]: unknown;
}

const calls = () =>
  stage.api.log.flatMap((line) => {
    const { call: told } = JSON.parse(line);
    return told === undefined ? [] : [told];
  });

describe('who is let in', () => {
  const WRONG: readonly (readonly [string, string | undefined])[] = [
    ['none', undefined],
    ['empty', ''],
    ['no scheme', TOKEN],
    ['another scheme', `Basic ${TOKEN}`],
    ['wrong', `Bearer ${'x'.repeat(TOKEN.length)}`],
    ['truncated', `Bearer ${TOKEN.slice(0, -1)}`],
    ['extended', `Bearer ${TOKEN}0`],
    ['huge', `Bearer ${'x'.repeat(8_000)}`],
    ['two', `Bearer ${TOKEN} ${TOKEN}`],
  ];

  it.each(WRONG)(
    'not with this token: %s; the answer is the same to the letter',
    async (_, authorization) => {
      const headers = authorization === undefined ? {} : { authorization };
      const refused = await call('/api/status', { token: null, headers });
      expect(refused.status).toBe(401);
      expect(refused.headers['www-authenticate']).toBe('Bearer');
      expect(refused.text).toBe(
        JSON.stringify({ error: { code: 'unauthorised', message: API_ERRORS.unauthorised.meaning } }),
      );
      const stopped = await stop(undefined, { token: null, headers });
      expect(stopped.text).toBe(refused.text);
      expect(await latch()).toBe('ARMED');
    },
  );

  it('whoever has the token; a new token counts from the next process on, the old one no more', async () => {
    expect((await call('/api/status')).status).toBe(200);
    const other = TOKEN.split('').reverse().join('');
    await issueApiToken(LOCAL_STAGE, { name: 'ada', role: 'operator', token: other }, aws.endpoints);
    await stage.restart();
    expect((await call('/api/status')).status).toBe(401);
    expect((await call('/api/status', { token: other })).status).toBe(200);
  });

  it.each(['not JSON', '{}', '[]', JSON.stringify([{ name: 'ada', role: 'owner', sha256: 'a'.repeat(64) }])])(
    'nobody when the parameter says %j',
    async (value) => {
      await putParameter(value);
      await stage.restart();
      expect(codeOf(await call('/api/status'))).toEqual([503, 'token_unavailable']);
      expect(codeOf(await stop())).toEqual([503, 'token_unavailable']);
    },
  );

  it('an attacker’s flood is cut short, leaves no trace in a table, and does not keep the operator out', async () => {
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 30; attempt++)
      statuses.push((await stop(undefined, { token: `guess-number-${attempt}-0000` })).status);
    expect(statuses).toEqual([...Array(10).fill(401), ...Array(20).fill(429)]);
    expect(await audited()).toEqual([]);
    expect(calls()).toHaveLength(10);
    const limited = await call('/api/status', { token: null });
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
    expect((await call('/api/status')).status).toBe(200);
    expect((await stop()).status).toBe(200);
  });

  it('reads are limited, a stop is not', async () => {
    const statuses: number[] = [];
    for (let read = 0; read <= READS_PER_MINUTE; read++)
      statuses.push((await call('/api/signals?symbol=XUSDT')).status);
    expect(statuses).toEqual([...Array(READS_PER_MINUTE).fill(200), 429]);
    expect((await stop()).status).toBe(200);
  });

  it('no page of another site, whatever name it gives this machine', async () => {
    for (const origin of [
      'http://evil.example',
      'null',
      'http://127.0.0.1:1',
      stage.api.endpoint.replace('http', 'https'),
    ])
      expect(codeOf(await stop(undefined, { headers: { origin } }))).toEqual([403, 'foreign_origin']);
    const { port } = new URL(stage.api.endpoint);
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      `127.0.0.1.evil.example:${port}`,
      '127.0.0.1',
    ])
      expect((await stop(undefined, { headers: { host } })).status).toBe(403);
    expect(await latch()).toBe('ARMED');
    expect((await call('/api/status', { headers: { host: `localhost:${port}` } })).status).toBe(200);
    expect((await stop(undefined, { headers: { origin: stage.api.endpoint } })).status).toBe(200);
  });
});

describe('what is refused', () => {
  it.each([
    ['no body', ''],
    ['half an object', '{"reason":"x"'],
    ['no object', '[]'],
    ['nothing', 'null'],
    ['no reason', '{}'],
    ['an empty reason', '{"reason":"  "}'],
    ['a reason of two lines', '{"reason":"a\\nb"}'],
    ['a reason that is a number', '{"reason":5}'],
    ['an endless reason', JSON.stringify({ reason: 'x'.repeat(501) })],
    ['a misspelt field', '{"reason":"x","keepPosition":true}'],
    ['a text for a truth', '{"reason":"x","keepPositions":"true"}'],
    ['bytes that are no text', '\uFFFD\u0000{'],
  ])('a stop with %s', async (_, body) => {
    expect(codeOf(await stop(body))).toEqual([400, 'bad_request']);
    expect(await latch()).toBe('ARMED');
  });

  it('a body of a megabyte, or of another kind', async () => {
    expect(codeOf(await stop(JSON.stringify({ reason: 'x'.repeat(5_000) })))).toEqual([413, 'too_large']);
    const huge = await stop('x'.repeat(2 ** 20)).then(
      ({ status }) => status,
      () => 'cut off',
    );
    expect([413, 'cut off']).toContain(huge);
    for (const kind of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', ''])
      expect(codeOf(await stop(undefined, { headers: { 'content-type': kind } }))).toEqual([415, 'not_json']);
    expect(await latch()).toBe('ARMED');
    expect((await call('/api/status')).status).toBe(200);
  });

  it('another path or method', async () => {
    for (const path of [
      ...['/api', '/api/', '/api/status/', '/API/status', '/api/emergency', '/..%2fetc', '//'],
      ...[
        '/api/x/../status',
        '/api/./status',
        '/api//status',
        '/api%2fstatus',
        '/api/status%20',
        '//api/status',
      ],
    ])
      expect([path, ...codeOf(await call(path))]).toEqual([path, 404, 'not_found']);
    const wrong = await call(STOP);
    expect([...codeOf(wrong), wrong.headers.allow]).toEqual([405, 'method_not_allowed', 'POST']);
    for (const method of ['PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const refused = await call('/api/status', { method });
      expect([method, ...codeOf(refused), refused.headers.allow]).toEqual([
        ...[method, 405, 'method_not_allowed'],
        'GET, HEAD',
      ]);
    }
    expect((await call(STOP, { method: 'HEAD' })).status).toBe(405);
    expect(await latch()).toBe('ARMED');
  });

  // A framework that makes a URL of these would route by them, or fail without an answer.
  it('nothing for headers or a body that a read has no use for', async () => {
    const odd: readonly Call[] = [
      { headers: { 'x-forwarded-proto': 'ht tp', 'x-forwarded-host': 'evil.example/api/emergency/stop?' } },
      { headers: { 'x-odd': 'caf\u00e9', 'content-type': 'no/such thing;;' } },
      { body: 'not asked for', headers: { 'content-length': '13' } },
      { headers: { 'x-http-method-override': 'POST' } },
    ];
    for (const more of odd) expect((await call('/api/status', more)).status).toBe(200);
    expect((await call('/nothing', { headers: { 'x-original-url': '/api/status' } })).status).toBe(404);
    expect(calls()).toHaveLength(odd.length + 1);
  });

  it('a HEAD no less than a GET: the same answer without its body', async () => {
    for (const [path, more] of [
      ['/', { token: null }],
      ['/api/openapi.json', { token: null }],
      ['/api/status', {}],
      ['/api/status', { token: null }],
      ['/api/signals?bar=1', {}],
      ['/api/nothing', {}],
    ] as const) {
      const get = await call(path, more);
      const head = await call(path, { ...more, method: 'HEAD' });
      const { 'content-length': _, 'transfer-encoding': __, ...headers } = get.headers;
      expect([path, head.status, head.text]).toEqual([path, get.status, '']);
      expect(head.headers).toMatchObject(headers);
    }
    const { status } = await call('/api/status', {
      method: 'HEAD',
      headers: { origin: 'http://evil.example' },
    });
    expect(status).toBe(403);
  });

  it.each([
    '?symbol=btc',
    '?symbol=',
    '?symbol=BTCUSDT&symbol=ETHUSDT',
    '?bar=1',
    '?bar=-300000',
    '?bar=NaN',
    '?count=0',
    '?count=1001',
    '?count=1e2',
    '?count=0x10',
    '?limit=5',
  ])('signals%s', async (query) => {
    expect(codeOf(await call(`/api/signals${query}`))).toEqual([400, 'bad_request']);
  });

  it('a client that breaks off disturbs nobody', async () => {
    await new Promise<void>((resolve) => {
      const request = send(stage.api.endpoint + STOP, {
        method: 'POST',
        headers: { 'content-length': '1000' },
      });
      request.on('error', () => resolve());
      request.write('{"reason":', () => request.destroy());
      request.on('close', () => resolve());
    });
    expect((await call('/api/status')).status).toBe(200);
    expect(await latch()).toBe('ARMED');
  });
});

describe('an emergency stop', () => {
  it('trips the latch, closes the flags, and stands in the audit trail and in the log', async () => {
    const answer = await stop({ reason: 'a test', drill: true });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ complete: true, failures: [] });
    expect(answer.json.steps.map(({ step }: { step: string }) => step)).toEqual([
      'latch',
      'flags',
      'cancel_orders',
      'flatten',
    ]);
    expect(await latch()).toBe('TRIPPED');
    for (const [name, text] of Object.entries({ ...CLOSED_FLAGS, EMERGENCY_MODE: 'true' }))
      expect(await flag(name)).toEqual({ kind: 'text', text });
    expect(await audited()).toEqual([
      {
        atMs: stage.clock.nowMs(),
        what: 'emergency_stop',
        by: { name: 'ada', proven: true, via: 'token of the HTTP API' },
        message: expect.stringMatching(/^drill: a test; from 127\.0\.0\.1, request [0-9a-f-]+; complete$/),
      },
    ]);
    expect(calls().map(({ status, who }) => [status, who])).toEqual([
      ['begun', 'ada'],
      [200, 'ada'],
    ]);
    expect(stage.api.log.join()).not.toContain(TOKEN);
  });

  it('may come twice at once', async () => {
    const answers = await Promise.all([stop(), stop({ reason: 'another' })]);
    for (const { status, json } of answers) expect([status, json.failures]).toEqual([200, []]);
    expect((await system.risk.readGate('paper'))?.epoch).toBe(2);
    expect(await audited()).toHaveLength(2);
  });

  it('leaves positions when asked to', async () => {
    const { json } = await stop({ reason: 'a test', keepPositions: true });
    expect(json.steps.map(({ step }: { step: string }) => step)).toEqual(['latch', 'flags', 'cancel_orders']);
  });

  it('closes the flags with DynamoDB down, and says what it could not do', async () => {
    aws.faults.dynamodb.inject({ kind: 'error', times: 10_000 });
    const answer = await stop();
    expect([answer.status, answer.json.complete]).toEqual([207, false]);
    for (const what of ['latch (paper): ', 'latch (live): ', 'flatten (paper): ', 'audit: '])
      expect(answer.json.failures.some((why: string) => why.startsWith(what))).toBe(true);
    expect(answer.json.failures.some((why: string) => why.startsWith('flags'))).toBe(false);
    expect(await flag('EMERGENCY_MODE')).toEqual({ kind: 'text', text: 'true' });
    expect(stage.api.log.find((line) => line.includes('"status":207'))).toContain('latch (paper)');
  });

  it('closes the flags at once with DynamoDB silent: it does not wait to learn what trades', async () => {
    aws.faults.dynamodb.inject({ kind: 'hang', times: 10_000 });
    const answer = stop().catch(() => undefined);
    await expect
      .poll(() => flag('EMERGENCY_MODE'), { timeout: 5_000 })
      .toEqual({ kind: 'text', text: 'true' });
    aws.faults.dynamodb.clear();
    // Once DynamoDB answers again, the rest is done.
    expect((await answer)?.status).toBe(200);
  });

  it('latches with Parameter Store down, even in a process that has never read the token', async () => {
    expect((await call('/api/status')).status).toBe(200);
    await stage.restart();
    aws.faults.ssm.inject({ kind: 'error', times: 10_000 });
    expect(codeOf(await call('/api/status'))).toEqual([503, 'token_unavailable']);
    expect(codeOf(await stop(undefined, { token: 'another-token-0123456789' }))).toEqual([
      401,
      'unauthorised',
    ]);
    expect(await latch()).toBe('ARMED');
    const answer = await stop();
    expect(answer.status).toBe(207);
    expect(answer.json.failures.join()).toMatch(
      /^latch \(paper\): writing flag.*flags: writing flag EMERGENCY_MODE/,
    );
    expect(await latch()).toBe('TRIPPED');
  });

  it('is not done for a token of which nothing is known: both stores down, or the parameter gone', async () => {
    expect((await call('/api/status')).status).toBe(200);
    await stage.restart();
    await deleteToken();
    expect(codeOf(await stop())).toEqual([503, 'token_unavailable']);
    for (const faults of [aws.faults.ssm, aws.faults.dynamodb])
      faults.inject({ kind: 'error', times: 10_000 });
    expect(codeOf(await stop())).toEqual([503, 'token_unavailable']);
  });

  it('says 500 when neither latch nor flags could be closed', async () => {
    expect((await call('/api/status')).status).toBe(200);
    for (const faults of [aws.faults.ssm, aws.faults.dynamodb])
      faults.inject({ kind: 'error', times: 10_000 });
    const answer = await stop();
    expect([answer.status, answer.json.complete]).toEqual([500, false]);
  });

  it('latches and closes the flags with the exchange out of reach', async () => {
    await exchange.close();
    const answer = await stop();
    expect(await latch()).toBe('TRIPPED');
    expect(await flag('EMERGENCY_MODE')).toEqual({ kind: 'text', text: 'true' });
    expect(answer.json.failures.every((why: string) => /^(cancel_orders|flatten) /.test(why))).toBe(true);
  });
});

describe('reading', () => {
  const bar = Math.floor(BROKER_START_MS / BAR_MS) * BAR_MS;

  it('gives the signals of a symbol newest first, of a bar, and of the newest bar', async () => {
    for (const [symbol, openMs] of [
      ['AUSDT', bar - BAR_MS],
      ['AUSDT', bar],
      ['BUSDT', bar],
    ] as const)
      await system.signals.put(signalOf(symbol, openMs));
    await system.signals.putRun(runOf(bar, { codeVersion: system.codeVersion }));
    const asked = async (query: string) => {
      const { json } = await call(`/api/signals${query}`);
      return json.signals.map((each: { symbol: string; barOpenTimeMs: number }) => [
        each.symbol,
        each.barOpenTimeMs,
      ]);
    };
    expect(await asked('?symbol=AUSDT&count=5')).toEqual([
      ['AUSDT', bar],
      ['AUSDT', bar - BAR_MS],
    ]);
    expect(await asked('?symbol=AUSDT')).toEqual([['AUSDT', bar]]);
    expect(await asked(`?bar=${bar - BAR_MS}`)).toEqual([['AUSDT', bar - BAR_MS]]);
    expect(await asked(`?symbol=AUSDT&bar=${bar - BAR_MS}`)).toEqual([['AUSDT', bar - BAR_MS]]);
    expect(await asked(`?symbol=BUSDT&bar=${bar - BAR_MS}`)).toEqual([]);
    expect(await asked('')).toEqual([
      ['AUSDT', bar],
      ['BUSDT', bar],
    ]);
    expect(await asked('?count=1')).toEqual([['AUSDT', bar]]);
  });

  it('names what the status could not read, and fails where an answer would be half a one', async () => {
    expect((await call('/api/status')).json).toMatchObject({ mode: 'PAPER', scope: 'paper', unread: [] });
    aws.faults.dynamodb.inject({ kind: 'error', times: 10_000 });
    const status = await call('/api/status');
    expect([status.status, status.json.mode]).toEqual([200, 'OFF']);
    expect(status.json.unread.length).toBeGreaterThan(0);
    expect(codeOf(await call('/api/signals?symbol=AUSDT'))).toEqual([503, 'store_unavailable']);
  });
});

describe('the document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const { json } = await call('/api/openapi.json', { token: null });
    const validator = new Validator();
    const result = await validator.validate(structuredClone(json));
    expect(result.errors).toBeUndefined();
    expect([result.valid, validator.version]).toEqual([true, '3.1']);
  });

  it('is kept by every route: each answers with a status and a body that it names', async () => {
    await system.signals.put(signalOf('AUSDT', 0));
    const document = describeApi() as Described;
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema(document, 'api');
    const answers: (readonly [string, string, number, Answered])[] = [];
    const ask = async (status: number, path: string, more: Call = {}) => {
      const method = more.method ?? 'GET';
      const answer = path === STOP ? await stop(more.body ?? '{"reason":"x"}', more) : await call(path, more);
      answers.push([path.split('?')[0]!, (path === STOP ? 'POST' : method).toLowerCase(), status, answer]);
    };
    await ask(200, '/');
    await ask(200, '/api/openapi.json');
    await ask(200, '/api/status');
    await ask(200, '/api/signals?symbol=AUSDT');
    const reads = [
      ...['metrics', 'trades', 'positions', 'orders', 'equity', 'equity/days', 'candles?symbol=BTCUSDT'],
      ...['universe', 'models', 'rollout', 'audit', 'bars'],
    ].map((name) => `/api/${name}`);
    for (const path of reads) await ask(200, path);
    for (const name of ['trades', 'positions', 'orders', 'equity', 'equity/days', 'audit'])
      for (const query of ['odd=1', 'scope=both', 'count=0', 'count=99999', 'before=x'])
        await ask(400, `/api/${name}?${query}`);
    await ask(400, '/api/candles');
    await ask(400, '/api/bars?count=289');
    await ask(400, '/api/signals?bar=1');
    await ask(404, '/api/candles?symbol=NOSUCHUSDT');
    await ask(400, STOP, { body: '{}' });
    await ask(413, STOP, { body: 'x'.repeat(5_000) });
    await ask(415, STOP, { headers: { 'content-type': 'text/plain' } });
    for (const path of ['/api/status', '/api/signals', '/api/events', ...reads, STOP]) {
      // Refusals are limited.
      await stage.restart();
      await ask(401, path, { token: null });
      await ask(403, path, { headers: { origin: 'http://evil.example' } });
    }
    await ask(200, STOP);
    await ask(200, '/api/status');
    aws.faults.dynamodb.inject({ kind: 'error', times: 10_000 });
    await ask(207, STOP);
    await ask(200, '/api/status');
    await ask(503, '/api/signals');
    for (const path of [
      'trades',
      'positions',
      'orders',
      'equity',
      'equity/days',
      'models',
      'rollout',
      'audit',
      'bars',
    ])
      await ask(503, `/api/${path}`);
    await ask(200, '/api/metrics');
    await exchange.close();
    await ask(503, '/api/candles?symbol=BTCUSDT');
    aws.faults.ssm.inject({ kind: 'error', times: 10_000 });
    await ask(500, STOP);
    await stage.restart();
    await ask(503, '/api/status');
    for (let attempt = 0; attempt < 10; attempt++) {
      aws.faults.ssm.clear();
      aws.faults.dynamodb.clear();
      await call('/api/status', { token: null });
    }
    await ask(429, '/api/status', { token: null });

    for (const [path, method, status, { status: given, json, headers }] of answers) {
      const where = `${method} ${path} ${status}`;
      expect([where, given]).toEqual([where, status]);
      const described = document.paths[path]?.[method]?.responses[status];
      expect([where, described]).not.toEqual([where, undefined]);
      const [kind] = String(headers['content-type']).split(';');
      expect([where, Object.keys(described!.content)]).toEqual([where, [kind]]);
      if (kind !== 'application/json') continue;
      const pointer = ['paths', path, method, 'responses', String(status), 'content', kind, 'schema'];
      const escaped = pointer.map((each) =>
        encodeURIComponent(each.replaceAll('~', '~0').replaceAll('/', '~1')),
      );
      const check = ajv.compile({ $ref: `api#/${escaped.join('/')}` });
      expect([where, check(json), check.errors]).toEqual([where, true, null]);
    }
  });

  it('says of a body what the API says of it', () => {
    const ajv = new Ajv2020({ strict: false });
    ajv.addSchema(describeApi(), 'api');
    const check = ajv.compile({ $ref: 'api#/components/schemas/StopRequest' });
    expect(check({ reason: 'x' })).toBe(true);
    for (const body of [
      {},
      { reason: ' ' },
      { reason: 'a\nb' },
      { reason: 'x', other: 1 },
      { reason: 'x'.repeat(501) },
    ])
      expect([body, check(body)]).toEqual([body, false]);
  });
});

describe('the dashboard', () => {
  it('is one page that loads nothing, with a policy that lets nothing else run', async () => {
    const page = await call('/', { token: null });
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; connect-src 'self'; img-src data:;/,
    );
    expect(policy).not.toContain('unsafe');
    const markup = page.text.replace(/<(script|style)>[\s\S]*?<\/\1>/g, '');
    expect(markup).not.toMatch(/ (src|href)="(?!data:,)/);
    expect(markup).not.toMatch(/ (style|on[a-z]+)="/);
    expect(page.text).toBe(readFileSync('dashboard/page.html', 'utf8'));
  });
});
