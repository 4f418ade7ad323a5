// A real account on this machine: who is refused, and that a run with real orders, real time and the gate survives being killed. The
// account is the simulated exchange's, which the command takes for the real one by its address.
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClients } from '../../../lib/adapters/aws/create-clients.ts';
import { ensureLocalResources } from '../../../lib/adapters/aws/resources.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { REQUEST_BARS } from '../../../lib/market/grid.ts';
import { initialRollout } from '../../../lib/risk/level.ts';
import { riskRecords } from '../../../lib/risk/use-cases/risk-records.ts';
import { openLocalStage } from '../../../lib/runtime/compose/operator.ts';
import { LOCAL_BUCKET, LOCAL_STAGE, resourcesOfStage } from '../../../lib/runtime/config/stage.ts';
import { startEmbeddedAws } from '../../../local/aws/embedded-aws.ts';
import {
  type SimulatedExchange,
  startSimulatedExchange,
} from '../../../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../../../local/market/generated-market.ts';
import { startLocalSystem } from '../../../local/run/local-system.ts';
import { buildModelFolder, DEFAULT_MEMBERS } from '../../support/models/build-model-folder.ts';
import { QT, type QtOutcome } from '../../support/qtrader.ts';

const KEYS = { apiKey: 'live-api-key-0123456789abcdef', secret: 'live-secret-fedcba9876543210' };
const nowBarMs = Math.floor(Date.now() / BAR_MS) * BAR_MS;
const market = generateMarket({
  seed: 3,
  symbols: 4,
  fromMs: nowBarMs - (REQUEST_BARS + 20) * BAR_MS,
  bars: REQUEST_BARS + 300,
});
// The price stands still from now on: no stop is hit, however long the test takes.
for (const symbol of market.symbols) {
  const { open, high, low, close } = market.candles(symbol);
  for (const column of [open, high, low, close]) column.fill(close[REQUEST_BARS + 19]!, REQUEST_BARS + 20);
}
/** Real time, but for the first bar. */
let clockOffsetMs = 0;
const clock = { nowMs: () => Date.now() + clockOffsetMs, waitUntil: async () => undefined };

let folder: string;
let state: string;
let exchange: SimulatedExchange;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-live-run-'));
  state = join(folder, 'state');
  exchange = await startSimulatedExchange({
    market,
    clock,
    account: {
      ...KEYS,
      depositUsdt: 10_000,
      costs: { impactBps: 5, takerFeeBps: 4, fundingRatePer8h: 0 },
    },
  });
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await exchange.close();
  await rm(folder, { recursive: true });
});

const environment = () => ({
  ...process.env,
  QT_EXCHANGE_URL: exchange.url,
  QT_EXCHANGE_API_KEY: KEYS.apiKey,
  QT_EXCHANGE_SECRET: KEYS.secret,
});

/** Until it ends. */
function qtrader(args: readonly string[], env: NodeJS.ProcessEnv = environment()): Promise<QtOutcome> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [QT, ...args], { env });
    children.push(child);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('close', (exitCode) => done({ exitCode: exitCode ?? -1, stdout, stderr }));
  });
}
const startLive = (...args: readonly string[]) => ['start', '--live', '--state', state, ...args];

describe('a live start is refused', () => {
  it.each([
    ['recorded candles', ['--data', 'samples/crash-2024-08-05'], /--data is for the simulated exchange only/],
    ['a generated market', ['--generated'], /--generated is for the simulated exchange only/],
    ['a clock that is not real', ['--speed', '2'], /--speed is for the simulated exchange only/],
    ['a time that is not now', ['--from', '2024-08-05'], /--from is for the simulated exchange only/],
    ['the simulated exchange', ['--exchange', 'simulated'], /leave out --exchange simulated/],
    ['an end', ['--bars', '3'], /nobody would manage its positions/],
    ['another venue than the market data’s', ['--exchange', 'binance'], /trades Binance USDT-M futures/],
  ])('with %s', async (_, args, reason) => {
    const outcome = await qtrader(startLive(...args));
    expect(outcome).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(reason) });
    expect(outcome.stderr.trim().split('\n')).toHaveLength(1);
  });

  it('without keys, with a key that is none, and with both a key and its file, and repeats none of them', async () => {
    const { QT_EXCHANGE_SECRET: _, ...without } = environment();
    const file = join(folder, 'secret');
    await writeFile(file, 'not a key at all');
    for (const [env, reason] of [
      [without, /set QT_EXCHANGE_SECRET or QT_EXCHANGE_SECRET_FILE/],
      [{ ...without, QT_EXCHANGE_SECRET: 's3cr3t!' }, /QT_EXCHANGE_SECRET: is not the form of a key/],
      [{ ...without, QT_EXCHANGE_SECRET_FILE: file }, /does not hold a key/],
      [{ ...without, QT_EXCHANGE_SECRET_FILE: join(folder, 'none') }, /cannot be read/],
      [{ ...environment(), QT_EXCHANGE_SECRET_FILE: file }, /both set/],
      [
        { ...environment(), QT_EXCHANGE_URL: 'http://elsewhere.example/' },
        /QT_EXCHANGE_URL: must be an https/,
      ],
    ] as const) {
      const outcome = await qtrader(startLive(), env);
      expect(outcome).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(reason) });
      expect(outcome.stderr).not.toMatch(/not a key at all|s3cr3t!|live-api|live-secret/);
    }
  });

  it('before GO and two signatures have led above PAPER, and in the folder of another run', async () => {
    const early = await qtrader(startLive());
    expect(early).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/capital level above PAPER, and it is PAPER/),
    });
    await rm(state, { recursive: true });
    const other = join(folder, 'other');
    await qtrader([
      'start',
      '--generated',
      '--symbols',
      '1',
      '--bars',
      '1',
      '--speed',
      'max',
      '--state',
      other,
    ]);
    const refused = await qtrader(['start', '--live', '--state', other]);
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/holds another run/) });
  });
});

/** What weeks on paper and the operators have left: a level, and the flags; and models that act at every bar. */
async function prepareState(): Promise<void> {
  const aws = await startEmbeddedAws({ stateDir: state });
  const clients = createClients(aws.endpoints);
  const { signalsTable, riskTable } = resourcesOfStage(LOCAL_STAGE);
  await ensureLocalResources(clients, { bucket: LOCAL_BUCKET, signalsTable, riskTable, stage: LOCAL_STAGE });
  clients.close();
  const system = openLocalStage(aws.endpoints, state);
  await buildModelFolder({
    store: system.objects,
    members: DEFAULT_MEMBERS.map((member) => ({ ...member, version: 'v20250101_000000' })),
    ensemble: { id: 'e20250101_000000', edgeThresholdBps: -1_000 },
  });
  const level = { ...initialRollout(nowBarMs), level: 'HOUR_1_6' as const };
  await riskRecords(system.risk).rollout.put('live', level, { ifAbsent: true });
  await system.flags.write('QT_PAPER_TRADING', 'false');
  await system.flags.write('QT_ENABLE_EXECUTION', 'true');
  await system.close();
  await aws.close();
}

/** Positions at the exchange, under real orders that went through the gate. */
async function enterPositions(): Promise<void> {
  // Ten seconds after the close of a bar: nothing is entered on one that is older than two minutes.
  clockOffsetMs = Math.floor(Date.now() / BAR_MS) * BAR_MS + 10_000 - Date.now();
  const system = await startLocalSystem({
    stateDir: state,
    port: 0,
    clock,
    exchange: { real: 'binanceusdm', symbols: market.symbols, named: true, url: exchange.url },
    keys: KEYS,
    warn: () => undefined,
  });
  expect(system.notes.join()).toMatch(/LIVE, level HOUR_1_6.*names are not proven/);
  // The breaker is armed once infer and the position manager have run; then the bar is acted on.
  for (const job of ['infer', 'manage-positions', 'circuit-breaker', 'infer', 'manage-positions'] as const)
    expect(await system.call(job)).toEqual({ failed: undefined });
  await system.close();
}

async function runLive(): Promise<{ child: ChildProcess; printed: () => string }> {
  const child = spawn(process.execPath, [QT, ...startLive('--symbols', market.symbols.join())], {
    env: environment(),
  });
  children.push(child);
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      printed += chunk;
    });
  await expect.poll(() => printed, { timeout: 120_000 }).toMatch(/signals: .*positions/);
  return { child, printed: () => printed };
}
const statusOf = async () => JSON.parse((await qtrader(['status', '--json', '--state', state])).stdout);
const positionsAtExchange = () => exchange.truth()!.positions.length;
const stopsAtExchange = () => exchange.truth()!.stops.length;

it('trades the real account, and keeps latch, positions and stops when it is killed', async () => {
  await prepareState();
  await enterPositions();
  const held = positionsAtExchange();
  expect(held).toBeGreaterThan(0);
  expect(stopsAtExchange()).toBe(held);

  clockOffsetMs = 0;
  const first = await runLive();
  expect(first.printed()).toMatch(/LIVE, level HOUR_1_6/);
  await expect.poll(async () => (await statusOf()).mode, { timeout: 120_000, interval: 1_000 }).toBe('LIVE');
  expect((await statusOf()).positions).toHaveLength(held);
  first.child.kill('SIGKILL');
  await new Promise((gone) => first.child.once('close', gone));
  expect(stopsAtExchange()).toBe(held);
  const trip = [
    'breaker',
    'trip',
    '--scope',
    'live',
    '--reason',
    'a rehearsal',
    '--by',
    'ada',
    '--state',
    state,
  ];
  expect(await qtrader(trip)).toMatchObject({ exitCode: 0 });
  expect(await qtrader(['start', '--exchange', 'binanceusdm', '--state', state])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/records of a real account/),
  });

  const second = await runLive();
  expect(await statusOf()).toMatchObject({ scope: 'live', mode: 'OFF', breaker: { latch: 'TRIPPED' } });
  expect((await statusOf()).positions).toHaveLength(held);
  expect(positionsAtExchange()).toBe(held);
  const stop = await qtrader(['emergency-stop', '--reason', 'the end', '--by', 'ada', '--state', state]);
  expect(stop).toMatchObject({ exitCode: 0 });
  expect([positionsAtExchange(), stopsAtExchange()]).toEqual([0, 0]);
  second.child.kill('SIGTERM');
  expect(await new Promise((ended) => second.child.once('close', ended))).toBe(0);

  const files = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const text = files.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1')).join('\n');
  for (const key of Object.values(KEYS)) {
    expect(text).not.toContain(key);
    expect(first.printed() + second.printed()).not.toContain(key);
  }
}, 600_000);
