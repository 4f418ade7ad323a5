// The functions as they are deployed: the bundles of a synthesis, each in a process of its own on Node 24 with the settings and
// the permissions of the template, against the embedded AWS and the simulated exchange.
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DeleteParameterCommand } from '@aws-sdk/client-ssm';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dashboardRows, stateMetrics } from '../../infra/catalog/dashboard-panels.ts';
import { FUNCTION_NAMES } from '../../infra/catalog/functions.ts';
import { codeVersionOf } from '../../infra/constructs/bundle-function.ts';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { createS3ObjectStore } from '../../lib/adapters/aws/s3/s3-object-store.ts';
import { createSsmFlagStore } from '../../lib/adapters/aws/ssm/ssm-flag-store.ts';
import { READ_ROUTES } from '../../lib/api/read-routes.ts';
import { success } from '../../lib/core/result.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { ROW_WINDOW_BARS } from '../../lib/market/grid.ts';
import { writeUniverse } from '../../lib/market/use-cases/active-universe.ts';
import { writeFeatureProfile } from '../../lib/models/use-cases/write-profile.ts';
import { CLOSED_FLAGS } from '../../lib/risk/breaker/transition-types.ts';
import { FLAG_NAMES } from '../../lib/risk/flags.ts';
import { keyOf } from '../../lib/risk/record-kind.ts';
import { POSITION_MANAGER } from '../../lib/risk/records.ts';
import { issueApiToken } from '../../lib/runtime/compose/api-tokens.ts';
import type { FunctionName } from '../../lib/runtime/config/function-settings.ts';
import { resourcesOfStage } from '../../lib/runtime/config/stage.ts';
import { type SimulatedExchange, startSimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../../local/market/generated-market.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';
import { type GuardedAws, guardAws } from '../support/infra/guarded-aws.ts';
import { type HttpParts, httpEvent } from '../support/infra/http-event.ts';
import {
  type EmulatedFunction,
  installLambdaNode,
  runsLambdaNode,
  startFunction,
} from '../support/infra/lambda-emulator.ts';
import {
  ACCOUNT,
  type Json,
  permissionsByRole,
  REGION,
  type SynthesisedStage,
  synthesise,
} from '../support/infra/synthesised-stage.ts';
import { buildModelFolder } from '../support/models/build-model-folder.ts';

const BYTES_MAX = 60 * 2 ** 20;
const BUCKET = `qt-dev-${ACCOUNT}-${REGION}`;
/** A week of rows, which drift is measured on. */
const HISTORY_BARS = ROW_WINDOW_BARS - 1 + 7 * 288;
const market = generateMarket({ seed: 3, symbols: 4, fromMs: Date.UTC(2024, 0, 1), bars: HISTORY_BARS + 10 });
/** Ten seconds after the close of a bar. */
const startMs = market.firstOpenTimeMs + HISTORY_BARS * BAR_MS + 10_000;
/** From when everything stands: signals are void after two minutes, which a slow machine takes to bundle. */
let clockOffsetMs: number;

interface Running {
  readonly lambda: EmulatedFunction;
  readonly aws: GuardedAws;
}

let stage: SynthesisedStage;
let target: EmbeddedTarget;
let exchange: SimulatedExchange;
const running = new Map<FunctionName, Running>();
const closers: (() => Promise<void>)[] = [];

const resourceOf = (name: FunctionName) =>
  stage.ofType('AWS::Lambda::Function').find(({ path }) => path === `${name}/Function`)!;
const folderOf = (name: FunctionName) =>
  join(stage.folder, resourceOf(name).raw.Metadata['aws:asset:path'] as string);

beforeAll(async () => {
  if (runsLambdaNode) installLambdaNode();
  stage = await synthesise({ settings: { symbols: 4 }, bundle: true });
  target = await openEmbedded();
  const { signalsTable, riskTable } = resourcesOfStage('dev');
  await ensureLocalResources(target.clients, { bucket: BUCKET, signalsTable, riskTable, stage: 'dev' });
  const objects = createS3ObjectStore({ client: target.clients.s3, bucket: BUCKET });
  await buildModelFolder({ store: objects, ensemble: { edgeThresholdBps: -1_000 } });
  const profile = await writeFeatureProfile(
    { source: { read: async (symbol) => success(market.candles(symbol)) }, store: objects },
    {
      available: market.symbols,
      symbols: market.symbols,
      range: { fromMs: market.firstOpenTimeMs, toMs: startMs },
      replace: false,
    },
  );
  expect(profile).toMatchObject({ ok: true });
  await writeUniverse(objects, { schemaVersion: 1, asOf: '2024-01-01', symbols: [...market.symbols] });
  clockOffsetMs = startMs - Date.now();
  exchange = await startSimulatedExchange({ market, clock: { nowMs: () => Date.now() + clockOffsetMs } });
}, 240_000);

afterAll(async () => {
  for (const { lambda, aws } of running.values()) {
    await lambda.close();
    await aws.close();
  }
  for (const close of closers) await close();
  await exchange.close();
  await target.close();
  await rm(stage.folder, { recursive: true });
});

async function start(name: FunctionName): Promise<Running> {
  const known = running.get(name);
  if (known !== undefined) return known;
  const aws = await guardAws(target.aws.endpoints, permissionsByRole(stage).get(`${name}/Role`)!);
  const { Environment, FunctionName, Handler } = resourceOf(name).properties;
  const environment = {
    ...Environment.Variables,
    ...aws.environment,
    AWS_LAMBDA_FUNCTION_NAME: FunctionName,
  };
  if ('QT_EXCHANGE' in environment) environment.QT_EXCHANGE_URL = exchange.url;
  const lambda = await startFunction({
    taskRoot: folderOf(name),
    handler: Handler,
    environment,
    clockOffsetMs,
  });
  running.set(name, { lambda, aws });
  return { lambda, aws };
}

/** One run, all of which its role must allow. */
async function run(name: FunctionName, event: unknown = {}): Promise<unknown> {
  const { lambda, aws } = await start(name);
  const result = await lambda.invoke(event).catch((error: unknown) => error);
  expect(aws.denied).toEqual([]);
  if (result instanceof Error) throw result;
  return result;
}

function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/** What a module of a bundle imports before it runs, and all that these import. */
function staticallyImported(folder: string, file: string, known = new Set<string>()): Set<string> {
  const code = readFileSync(join(folder, file), 'utf8');
  for (const [, from] of code.matchAll(/(?:^|[;}\n])(?:import|export)(?:[^"'();]*?from)?["']([^"']+)["']/g)) {
    if (known.has(from!)) continue;
    known.add(from!);
    if (from!.startsWith('./')) staticallyImported(folder, from!, known);
  }
  return known;
}

describe('the bundles', () => {
  it('are each below 60 MB unzipped, and only infer and execute bring ONNX Runtime', () => {
    for (const name of FUNCTION_NAMES)
      expect([name, bytesIn(folderOf(name)) < BYTES_MAX]).toEqual([name, true]);
    const withPackages = FUNCTION_NAMES.filter((name) =>
      readdirSync(folderOf(name)).includes('node_modules'),
    );
    expect(withPackages.toSorted()).toEqual(['execute', 'infer']);
  });

  it('of execute loads it when a policy has to be opened, and not before', () => {
    const atStart = (name: FunctionName) => staticallyImported(folderOf(name), 'handler.mjs');
    expect(atStart('infer')).toContain('onnxruntime-node');
    expect(atStart('execute')).not.toContain('onnxruntime-node');
  });
});

it('the functions of one synthesis that trade together carry the same version of the code', () => {
  const version = codeVersionOf(process.cwd());
  const stamped = FUNCTION_NAMES.filter((name) =>
    readdirSync(folderOf(name))
      .filter((file) => file.endsWith('.mjs'))
      .some((file) => readFileSync(join(folderOf(name), file), 'utf8').includes(version)),
  );
  expect(stamped).toEqual(
    expect.arrayContaining(['infer', 'execute', 'manage-positions', 'circuit-breaker']),
  );
});

describe.runIf(runsLambdaNode)('on Node 24, with the permissions of their roles', () => {
  it('a deploy creates the flag that is missing, leaves the others, and tells CloudFormation', async () => {
    const name = '/qt/dev/flags/EMERGENCY_MODE';
    await target.clients.ssm.send(new DeleteParameterCommand({ Name: name }));
    const before = await flagTexts();
    const { lambda, aws } = await startCreateOnce();
    target.aws.faults.ssm.inject({ kind: 'denied', operation: 'PutParameter' });
    const { properties } = stage.ofType('Custom::CreateOnce')[0]!;
    const answer = await answersOf((ResponseURL) =>
      lambda.invoke({ ...STACK_EVENT, RequestType: 'Create', ResponseURL, ResourceProperties: properties }),
    );
    expect(aws.denied).toEqual([]);
    expect(answer).toMatchObject({ Status: 'SUCCESS', LogicalResourceId: 'Missing', RequestId: '7' });
    expect(await flagTexts()).toEqual({ ...before, EMERGENCY_MODE: 'false' });
    // Closed by default: what the operator has set stands.
    expect(before).toMatchObject({ QT_ENABLE_AI_TRADING: 'true', EMERGENCY_MODE: 'missing' });
    const gone = await answersOf((ResponseURL) =>
      lambda.invoke({ ...STACK_EVENT, RequestType: 'Delete', ResponseURL, PhysicalResourceId: 'p' }),
    );
    expect(gone).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: 'p' });
    expect(await flagTexts()).toEqual({ ...before, EMERGENCY_MODE: 'false' });
  });

  it('a bar becomes signals, signals become orders on paper, and a malformed record closes the gate', async () => {
    const decided = await run('infer', { shard: 0, shardCount: 1 });
    expect(decided).toMatchObject({
      barOpenTimeMs: startMs - 10_000 - BAR_MS,
      written: 4,
      alreadyDecided: 0,
    });
    expect(await run('infer', { shard: 0, shardCount: 1 })).toMatchObject({ written: 0, alreadyDecided: 4 });
    expect(await run('manage-positions')).toEqual({ scopes: [{ scope: 'paper', outcome: 'completed' }] });
    expect(await run('circuit-breaker')).toMatchObject({ scopes: [{ latch: 'ARMED', causes: [] }] });
    const asLambdaSends = { version: '1.0', responsePayload: decided };
    expect(await run('execute', asLambdaSends)).toMatchObject({ mode: 'PAPER', decisions: 4, entered: 4 });
    expect(await run('execute', asLambdaSends)).toMatchObject({ entered: 0 });
    expect(await run('manage-positions')).toEqual({ scopes: [{ scope: 'paper', outcome: 'completed' }] });
    expect(await run('evaluate-rollout')).toMatchObject({
      verdict: 'NO_GO',
      breaches: [],
      level: 'PAPER',
      driftedFeatures: 0,
    });
    expect(await run('refresh-universe')).toMatchObject({ outcome: 'confirmed', symbols: 4, leaving: [] });
    const collected = { symbols: 4, complete: 4, postponed: 0 };
    expect(await run('collect-candles')).toMatchObject({ ...collected, added: 4 * HISTORY_BARS });
    expect(await run('collect-candles')).toMatchObject(collected);
    // Whoever was not told before is told of what happens from now on.
    expect(await run('notify')).toEqual({
      receivers: [{ receiver: 'email', told: 0, lost: 0 }],
      problems: [],
    });
    const unknown = httpEvent('GET', '/api/status', {
      token: 'a-token-that-nobody-has-set-0123456789abcdef',
    });
    expect(await run('api', unknown)).toMatchObject({ statusCode: 503 });
    expect(missingFigures()).toEqual([]);
    await expectTraces();

    const { riskTable } = resourcesOfStage('dev');
    const malformed = { scope: 'paper', sk: keyOf(POSITION_MANAGER), revision: 1, value: 'malformed' };
    await target.clients.dynamodb.send(new PutCommand({ TableName: riskTable, Item: malformed }));
    expect(await run('circuit-breaker')).toMatchObject({ scopes: [{ latch: 'TRIPPED' }] });
    expect(running.get('circuit-breaker')!.aws.notified).toHaveLength(1);
    const flags = await createSsmFlagStore({ client: target.clients.ssm, stage: 'dev' }).read(FLAG_NAMES);
    for (const [name, text] of Object.entries(CLOSED_FLAGS))
      expect(flags.get(name)).toEqual({ kind: 'text', text });
    expect(await run('execute', asLambdaSends)).toMatchObject({ mode: 'OFF', entered: 0 });
  });
});

const STACK_EVENT = { StackId: 'arn:stack', RequestId: '7', LogicalResourceId: 'Missing' };

/** The function behind the flags, with the permissions of its role. */
async function startCreateOnce(): Promise<Running> {
  const aws = await guardAws(target.aws.endpoints, permissionsByRole(stage).get('CreateOnce/Role')!);
  const { raw, properties } = stage
    .ofType('AWS::Lambda::Function')
    .find(({ path }) => path === 'CreateOnce/Function')!;
  const lambda = await startFunction({
    taskRoot: join(stage.folder, raw.Metadata['aws:asset:path'] as string),
    handler: properties.Handler,
    environment: aws.environment,
    clockOffsetMs: 0,
  });
  closers.push(lambda.close, aws.close);
  return { lambda, aws };
}

/** What CloudFormation is told at the address that it gives. */
async function answersOf(call: (responseUrl: string) => Promise<unknown>): Promise<Json> {
  let told: Json;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    // S3 refuses what its signed address was not made for.
    const isSigned = request.method === 'PUT' && request.headers['content-type'] === '';
    if (isSigned) told = JSON.parse(body);
    response.writeHead(isSigned ? 200 : 403).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await call(`http://127.0.0.1:${(server.address() as AddressInfo).port}/signed?by=CloudFormation`);
  server.closeAllConnections();
  server.close();
  return told;
}

async function flagTexts(): Promise<Record<string, string>> {
  const flags = await createSsmFlagStore({ client: target.clients.ssm, stage: 'dev' }).read(FLAG_NAMES);
  return Object.fromEntries(
    [...flags].map(([name, reading]) => [name, reading.kind === 'text' ? reading.text : reading.kind]),
  );
}

/** Every run of every function is in its own trace, with its calls of AWS beneath it, and is found by stage, function and bar. */
async function expectTraces(): Promise<void> {
  for (const [name, { lambda }] of running) {
    const runs = () => lambda.traces().filter((part) => part.name === 'run');
    await expect.poll(() => runs().length).toBe(lambda.invocations());
    expect(new Set(runs().map(({ trace_id }) => trace_id)).size).toBe(lambda.invocations());
    const calls = lambda.traces().filter((part) => part.name !== 'run');
    expect(calls.length).toBeGreaterThan(0);
    const [first, ...later] = runs();
    expect(first!.annotations).toMatchObject({ stage: 'dev', function: `qt-dev-${name}`, ColdStart: true });
    for (const run of later) expect(run.annotations).toMatchObject({ ColdStart: false });
    for (const { parent_id, trace_id, aws } of calls) {
      expect(runs()).toContainEqual(expect.objectContaining({ id: parent_id, trace_id }));
      expect(aws?.operation).toMatch(/^[A-Z][A-Za-z]+$/);
    }
  }
  const bars = running
    .get('infer')!
    .lambda.traces()
    .filter(({ name }) => name === 'run');
  for (const { annotations } of bars)
    expect(annotations).toMatchObject({ barOpenTimeMs: startMs - 10_000 - BAR_MS, shard: 0 });
}

describe.runIf(runsLambdaNode)('the HTTP API on Node 24, with the permissions of its role', () => {
  const token = 'a-token-of-the-right-length-0123456789abcdef';

  it('serves the page, refuses without the token, and stops everything with it', async () => {
    await issueApiToken('dev', { name: 'ada', role: 'operator', token }, target.aws.endpoints);
    const ask = async (method: string, path: string, more: HttpParts = {}) =>
      (await run('api', httpEvent(method, path, more))) as Json;
    expect((await ask('GET', '/')).body).toBe(readFileSync('dashboard/page.html', 'utf8'));
    expect((await ask('GET', '/api/status')).statusCode).toBe(401);
    const status = await ask('GET', '/api/status', { token });
    expect([status.statusCode, JSON.parse(status.body).unread]).toEqual([200, []]);
    const signals = await ask('GET', '/api/signals', { token });
    expect([signals.statusCode, JSON.parse(signals.body).signals.length]).toEqual([200, 4]);
    // Each with the rights that its answer takes.
    for (const { path } of Object.values(READ_ROUTES)) {
      const query = path === '/api/candles' ? { symbol: market.symbols[0]! } : {};
      const answer = await ask('GET', path, { token, query });
      expect([path, answer.statusCode, answer.statusCode === 200 ? '' : answer.body]).toEqual([
        path,
        200,
        '',
      ]);
    }
    const body = JSON.stringify({ reason: 'an artefact' });
    const stopped = await ask('POST', '/api/emergency/stop', { token, body });
    expect([stopped.statusCode, JSON.parse(stopped.body).failures]).toEqual([200, []]);
    const flags = createSsmFlagStore({ client: target.clients.ssm, stage: 'dev' });
    expect((await flags.read(['EMERGENCY_MODE'])).get('EMERGENCY_MODE')).toEqual({
      kind: 'text',
      text: 'true',
    });
  });
});

interface Figure {
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

/** Two figures are one to CloudWatch when all their dimensions are. Which scope trades, and which criterion has a value, differs. */
const identify = ({ name, dimensions }: Figure): string =>
  [
    name,
    ...Object.entries(dimensions).map(([key, value]) =>
      /^(scope|criterion)$/.test(key) ? key : `${key}=${value}`,
    ),
  ]
    .sort()
    .join(' ');

/** What alarms and dashboards show and no function has recorded. */
function missingFigures(): string[] {
  const recorded = new Set(
    [...running.values()].flatMap(({ lambda }) => figuresIn(lambda.output()).map(identify)),
  );
  const ofAlarms = stage
    .ofType('AWS::CloudWatch::Alarm')
    .flatMap(({ properties }) => [
      properties,
      ...(properties.Metrics ?? []).map(({ MetricStat }: Json) => MetricStat?.Metric),
    ])
    .filter((metric) => metric?.Namespace === 'QuantumTrader')
    .map(({ MetricName, Dimensions }) => ({
      name: MetricName,
      dimensions: Object.fromEntries(Dimensions.map(({ Name, Value }: Json) => [Name, Value])),
    }));
  const ofPanels = [...dashboardRows('dev').flat(), { metrics: Object.values(stateMetrics('dev')) }]
    .flatMap(({ metrics }) => metrics)
    .filter(({ namespace }) => namespace === 'QuantumTrader')
    .map(({ metricName, dimensions }) => ({
      name: metricName,
      dimensions: dimensions as Record<string, string>,
    }));
  return [...ofAlarms, ...ofPanels].map(identify).filter((figure) => !recorded.has(figure));
}

/** Of lines in CloudWatch's embedded metric format. */
function figuresIn(output: string): Figure[] {
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  return lines.flatMap((line) => {
    const entry: Json = JSON.parse(line);
    return (entry._aws?.CloudWatchMetrics ?? []).flatMap(({ Metrics, Dimensions }: Json) =>
      Metrics.map(({ Name }: Json) => ({
        name: Name,
        dimensions: Object.fromEntries(Dimensions[0].map((key: string) => [key, entry[key]])),
      })),
    );
  });
}
