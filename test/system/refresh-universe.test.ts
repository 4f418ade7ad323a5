// The refresh-universe function on real parts: ccxt against the simulated exchange and the universe in the embedded S3. Positions
// of symbols that leave the universe are closed as usual.
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createExecuteHandler } from '../../functions/execute/handler.ts';
import { createInferHandler } from '../../functions/infer/handler.ts';
import { createManagePositionsHandler } from '../../functions/manage-positions/handler.ts';
import { createRefreshUniverseHandler } from '../../functions/refresh-universe/handler.ts';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { DAY_MS, MINUTE_MS } from '../../lib/core/units.ts';
import { executionRecords } from '../../lib/execution/use-cases/execution-records.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { sliceSeries } from '../../lib/market/candle-series.ts';
import { REQUEST_BARS, ROW_WINDOW_BARS } from '../../lib/market/grid.ts';
import { UNIVERSE_KEY } from '../../lib/market/universe.ts';
import {
  readUniverse,
  readUniverseChange,
  writeUniverse,
} from '../../lib/market/use-cases/active-universe.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import { tickBreaker } from '../../lib/risk/use-cases/circuit-breaker.ts';
import { allValues } from '../../lib/risk/use-cases/typed-records.ts';
import { composeExecute } from '../../lib/runtime/compose/execute.ts';
import { composeInfer } from '../../lib/runtime/compose/infer.ts';
import { composeManagePositions } from '../../lib/runtime/compose/manage-positions.ts';
import { type OperatorSystem, openLocalStage } from '../../lib/runtime/compose/operator.ts';
import { composeRefreshUniverse } from '../../lib/runtime/compose/refresh-universe.ts';
import type { RefreshUniverseSettings } from '../../lib/runtime/config/function-settings.ts';
import { localTradingSettings } from '../../lib/runtime/config/local-settings.ts';
import { LOCAL_BUCKET, LOCAL_STAGE, resourcesOfStage } from '../../lib/runtime/config/stage.ts';
import { type SimulatedExchange, startSimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../../local/market/generated-market.ts';
import { type MarketSource, marketOf } from '../../local/market/market-source.ts';
import { announceRunningSystem, withdrawRunningSystem } from '../../local/run/running-system.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';
import { buildModelFolder } from '../support/models/build-model-folder.ts';
import { qtrader } from '../support/qtrader.ts';

const generated = generateMarket({
  seed: 3,
  symbols: 10,
  fromMs: Date.UTC(2024, 0, 1),
  bars: REQUEST_BARS + 600,
});
const startMs = generated.firstOpenTimeMs + REQUEST_BARS * BAR_MS + 3_000;
/** The ten largest of the market by their turnover at the start, largest first. */
const [first, second, third] = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'];

/** The generated market with others beside it that trade as much as Bitcoin: none of them is to be traded. */
function marketWithOddities(): MarketSource {
  const like = generated.candles(first!);
  const youngFrom = REQUEST_BARS - ROW_WINDOW_BARS + 1;
  return marketOf(
    new Map([
      ...generated.symbols.map((symbol) => [symbol, generated.candles(symbol)] as const),
      ['USDCUSDT', like],
      ['BTCUPUSDT', like],
      ['YOUNGUSDT', sliceSeries(like, youngFrom, like.length)],
      ['RIPEUSDT', sliceSeries(like, youngFrom - 1, like.length)],
    ]),
  );
}

let target: EmbeddedTarget;
let exchange: SimulatedExchange;
let system: OperatorSystem;
let nowMs: number;
let log: string;
let closers: (() => Promise<void>)[];
const clock = { nowMs: () => nowMs };

async function trade(market: MarketSource): Promise<void> {
  exchange = await startSimulatedExchange({ market, clock });
  closers.push(exchange.close);
}

beforeEach(async () => {
  nowMs = startMs;
  closers = [];
  log = '';
  target = await openEmbedded();
  const { signalsTable, riskTable } = resourcesOfStage(LOCAL_STAGE);
  await ensureLocalResources(target.clients, {
    bucket: LOCAL_BUCKET,
    signalsTable,
    riskTable,
    stage: LOCAL_STAGE,
  });
  system = openLocalStage(target.aws.endpoints, target.stateDir);
  await trade(generated);
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
  await system.close();
  await target.close();
});

const overrides = () => {
  const logOutput = new PassThrough();
  logOutput.on('data', (chunk) => {
    log += chunk;
  });
  return { endpoints: target.aws.endpoints, clock, logOutput, isReplay: true };
};

async function refresh(change: Partial<RefreshUniverseSettings> = {}) {
  const composition = composeRefreshUniverse(
    {
      stage: LOCAL_STAGE,
      bucket: LOCAL_BUCKET,
      exchange: 'binanceusdm',
      exchangeUrl: exchange.url,
      symbols: 4,
      ...change,
    },
    overrides(),
  );
  try {
    return await createRefreshUniverseHandler(composition)();
  } finally {
    await composition.close();
  }
}

const inForce = () => readUniverse(system.objects);
const history = async () => (await system.objects.list('universe/history/')).map(({ key }) => key);
/** The newest change, with reasons by symbol. */
async function newestChange() {
  const change = (await readUniverseChange(system.objects, await inForce()))!;
  const reasons = (rows: readonly { symbol: string; reason: string }[]) =>
    Object.fromEntries(rows.map(({ symbol, reason }) => [symbol, reason]));
  return { ...change, entering: reasons(change.entering), leaving: reasons(change.leaving) };
}

describe('the refresh-universe function', () => {
  it.each(['binanceusdm', 'binance'] as const)(
    'chooses the largest pairs of %s that can be judged',
    async (id) => {
      await trade(marketWithOddities());
      const result = await refresh({ exchange: id });
      const { symbols, asOf } = await inForce();
      expect(result).toMatchObject({ outcome: 'changed', asOf: '2024-01-04', symbols: 4, leaving: [] });
      expect(asOf).toBe('2024-01-04');
      expect([...symbols].sort()).toEqual([first, 'RIPEUSDT', second, third].sort());
      expect(await newestChange()).toMatchObject({ size: 4, previousAsOf: null });
    },
  );

  it('writes a change once, with a reason for every symbol, and confirms what stays', async () => {
    await refresh();
    const chosen = await inForce();
    expect(await refresh()).toMatchObject({ outcome: 'confirmed', entering: [], leaving: [] });
    expect(await inForce()).toEqual(chosen);
    nowMs += DAY_MS;
    expect(await refresh()).toMatchObject({ outcome: 'confirmed', asOf: '2024-01-05' });
    expect(await inForce()).toEqual({ ...chosen, asOf: '2024-01-05' });
    expect(await history()).toHaveLength(1);

    await trade(
      marketOf(new Map([...generated.symbols.slice(1)].map((name) => [name, generated.candles(name)]))),
    );
    expect(await refresh()).toMatchObject({ outcome: 'changed', leaving: [first] });
    const change = await newestChange();
    expect(change).toMatchObject({ previousAsOf: '2024-01-05', leaving: { [first!]: 'not_tradable' } });
    expect(Object.values(change.entering)).toEqual(['vacancy']);
    expect(await history()).toHaveLength(2);
    expect((await inForce()).symbols).toHaveLength(4);
  });

  it.each([
    ['a web page for the volumes', { kind: 'html', path: '/fapi/v1/ticker' }],
    ['nulls for the volumes', { kind: 'nulls', path: '/fapi/v1/ticker' }],
    ['no volumes', { kind: 'empty', path: '/fapi/v1/ticker' }],
    ['half of the volumes', { kind: 'truncated', path: '/fapi/v1/ticker' }],
    ['a web page for the pairs', { kind: 'html', path: '/fapi/v1/exchangeInfo' }],
    ['no pairs', { kind: 'empty', path: '/fapi/v1/exchangeInfo' }],
    ['half of the pairs', { kind: 'truncated', path: '/fapi/v1/exchangeInfo' }],
    ['no candles but errors', { kind: 'server_error', path: '/fapi/v1/klines' }],
    ['no candles of anything', { kind: 'empty', path: '/fapi/v1/klines' }],
    ['a ban', { kind: 'banned' }],
    ['torn connections', { kind: 'reset' }],
  ] as const)('keeps the active universe when the exchange sends %s, and says so', async (_, fault) => {
    await refresh();
    const before = await system.objects.get(UNIVERSE_KEY);
    nowMs += DAY_MS;
    exchange.faults.inject(fault);
    log = '';
    await expect(refresh()).rejects.toThrow(
      /^the universe of 2024-01-04 stays: (exchange_unavailable|too_few_pairs): /,
    );
    expect(await system.objects.get(UNIVERSE_KEY)).toEqual(before);
    expect(await history()).toHaveLength(1);
    expect(log).toMatch(/"UniverseKept":1/);
    exchange.faults.clear();
    // A ban outlasts its cause: until it is over this process asks nobody at the address.
    if (fault.kind === 'banned') return void (await expect(refresh()).rejects.toThrow(/banned/));
    expect(await refresh()).toMatchObject({ outcome: 'confirmed' });
    expect(log).toMatch(/"UniverseRefreshed":1/);
  });

  it('keeps it when most of its symbols are gone, unless an operator chooses afresh', async () => {
    const { refreshUniverse } = await import('../../lib/market/use-cases/refresh-universe.ts');
    await writeUniverse(system.objects, {
      schemaVersion: 1,
      asOf: '2024-01-01',
      symbols: ['AUSDT', 'BUSDT', first!],
    });
    await expect(refresh()).rejects.toThrow(/too_many_gone: only 1 of the 3 active symbols can be traded/);
    const { createCcxtMarketData } = await import('../../lib/adapters/binance/market/ccxt-market-data.ts');
    const market = createCcxtMarketData({ exchange: 'binanceusdm', baseUrl: exchange.url });
    const dependencies = { market, objects: system.objects, clock };
    expect(await refreshUniverse(dependencies, { size: 4, afresh: true })).toMatchObject({
      outcome: 'changed',
    });
    expect((await inForce()).symbols).toHaveLength(4);

    // Nothing that cannot be read is overwritten by the schedule; only by the operator.
    await system.objects.put(UNIVERSE_KEY, Buffer.from('{"schemaVersion":1'));
    await expect(refresh()).rejects.toThrow(/no universe could be chosen: store_unavailable: .* is not JSON/);
    nowMs += 1_000;
    expect(await refreshUniverse(dependencies, { size: 4, afresh: true })).toMatchObject({
      outcome: 'changed',
    });
    expect((await inForce()).symbols).toHaveLength(4);
  });

  it('loses to nobody: of two refreshes at once one counts, and the universe has its reasons', async () => {
    const outcomes = await Promise.allSettled([refresh(), refresh()]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(1);
    expect(await newestChange()).toMatchObject({ previousAsOf: null });
    expect(await refresh()).toMatchObject({ outcome: 'confirmed' });
  });

  it('leaves a symbol out whose own candles make no sense, and believes the others', async () => {
    exchange.faults.inject({
      kind: 'malformed',
      how: 'high_below_low',
      path: '/fapi/v1/klines',
      symbol: second!,
    });
    await refresh();
    expect((await inForce()).symbols).not.toContain(second);
    expect((await inForce()).symbols).toHaveLength(4);
  });
});

describe('qtrader universe', () => {
  it('chooses and shows the symbols of the running system, and fails with what keeps them', async () => {
    const state = ['--state', target.stateDir];
    await announceRunningSystem(target.stateDir, {
      aws: target.aws,
      exchange: 'binanceusdm',
      simulatedExchange: exchange,
    });
    closers.push(async () => withdrawRunningSystem(target.stateDir));
    expect(await qtrader('universe', 'show', ...state)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(
        /there is no universe\/current\.json in the store: run qtrader universe refresh/,
      ),
    });
    const refreshed = await qtrader('universe', 'refresh', '--symbols', '4', ...state);
    expect(refreshed).toMatchObject({ exitCode: 0, stderr: '' });
    expect(refreshed.stdout).toMatch(/^changed: 4 symbols, 2024-01-04\n {2}\+ \w+ {2}first, rank 1\n/);
    expect((await qtrader('universe', 'refresh', ...state)).stdout).toBe(
      'confirmed: 4 symbols, 2024-01-04\n',
    );
    const shown = JSON.parse((await qtrader('universe', 'show', '--json', ...state)).stdout);
    expect(shown.universe).toEqual(await inForce());
    expect(shown.change.entering).toHaveLength(4);
    expect(await qtrader('universe', 'refresh', '--symbols', '21', ...state)).toMatchObject({
      exitCode: 1,
      stderr:
        'error: the universe of 2024-01-04 stays: too_few_pairs: 10 pairs can be traded, 21 were asked for\n',
    });
    expect((await inForce()).symbols).toHaveLength(4);
  });
});

describe('a symbol that leaves the universe', () => {
  it('is inferred no more; its position keeps its stop and ends at its horizon', async () => {
    await buildModelFolder({ store: system.objects, ensemble: { edgeThresholdBps: -1_000 } });
    await refresh();
    const market = { exchange: 'binanceusdm' as const, exchangeUrl: exchange.url };
    const parts = {
      infer: composeInfer(localTradingSettings(market), overrides()),
      execute: composeExecute(localTradingSettings(market), overrides()),
      managePositions: composeManagePositions(localTradingSettings(market), overrides()),
    };
    closers.push(...Object.values(parts).map((part) => () => part.close()));
    const infer = createInferHandler(parts.infer);
    const execute = createExecuteHandler(parts.execute);
    const managePositions = createManagePositionsHandler(parts.managePositions);
    const tick = () => tickBreaker({ ...system, clock, shards: 1, limits: BREAKER_LIMITS }, 'paper');
    const records = executionRecords(system.risk);
    const positions = async () => allValues(await records.positions.all('paper'));

    const decided = await infer({});
    await managePositions();
    await tick();
    await execute(decided);
    nowMs += MINUTE_MS;
    await managePositions();
    const held = (await positions()).map(({ symbol }) => symbol);
    expect(held.length).toBeGreaterThan(1);

    // All but one leave while they are held.
    await refresh({ symbols: 1 });
    const [staying] = (await inForce()).symbols;
    const left = held.filter((symbol) => symbol !== staying);
    expect(left.length).toBeGreaterThan(0);
    nowMs += 4 * MINUTE_MS;
    expect(await infer({})).toMatchObject({ written: 1 });
    await managePositions();
    for (const position of await positions()) expect(position.stopClientOrderId).not.toBeNull();

    const dueMs = Math.max(...(await positions()).map(({ exitDueMs }) => exitDueMs));
    while (nowMs < dueMs + 10 * MINUTE_MS) {
      nowMs += MINUTE_MS;
      await managePositions();
    }
    expect(await positions()).toEqual([]);
    const trades = allValues(await records.trades.all('paper'));
    expect(trades.map(({ symbol }) => symbol).sort()).toEqual([...held].sort());
    for (const { reason } of trades) expect(['horizon', 'stop']).toContain(reason);
  });
});
