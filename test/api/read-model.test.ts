// What the HTTP API tells of an account that has traded: every figure is the one on record, and pages miss and repeat nothing.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createExecuteHandler } from '../../functions/execute/handler.ts';
import { createManagePositionsHandler } from '../../functions/manage-positions/handler.ts';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { readOrders } from '../../lib/api/read-model/account.ts';
import { readAudit } from '../../lib/api/read-model/audit.ts';
import { readBars } from '../../lib/api/read-model/bars.ts';
import { ordersQuerySchema } from '../../lib/api/read-queries.ts';
import { unproven } from '../../lib/core/actor.ts';
import { HOUR_MS, MINUTE_MS } from '../../lib/core/units.ts';
import type { OrderRecord } from '../../lib/execution/records.ts';
import { executionRecords } from '../../lib/execution/use-cases/execution-records.ts';
import { FEATURE_SET_HASH } from '../../lib/features/feature-set.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../lib/market/candle.ts';
import { writeUniverse } from '../../lib/market/use-cases/active-universe.ts';
import { quarantineKey } from '../../lib/models/ensemble.ts';
import { readCurrentEnsemble } from '../../lib/models/use-cases/read-ensemble.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import type { RiskStore } from '../../lib/risk/ports.ts';
import { keyOf, seriesId } from '../../lib/risk/record-kind.ts';
import { dayId, type EquitySnapshot, TRADES, type TradeRecord } from '../../lib/risk/records.ts';
import { tickBreaker } from '../../lib/risk/use-cases/circuit-breaker.ts';
import { composeExecute } from '../../lib/runtime/compose/execute.ts';
import { composeManagePositions } from '../../lib/runtime/compose/manage-positions.ts';
import { localTradingSettings } from '../../lib/runtime/config/local-settings.ts';
import { type ApiStage, startApiStage } from '../support/api/api-stage.ts';
import { BROKER_START_MS } from '../support/execution/broker-market.ts';
import { runOf } from '../support/inference/sample-signals.ts';
import { signalOf } from '../support/trading/trading-world.ts';

let stage: ApiStage;

beforeEach(async () => {
  stage = await startApiStage();
});
afterEach(() => stage.close());

const get = async (path: string) => {
  const { status, json, text } = await stage.call(path);
  expect([path, status, status === 200 ? '' : text]).toEqual([path, 200, '']);
  return json;
};

/** Follows `next` to the end. */
async function readPages(path: string, list: string) {
  const pages: unknown[][] = [];
  let next: string | null = '';
  while (next !== null) {
    const page = await get(`${path}${next === '' ? '' : `&before=${next}`}`);
    pages.push(page[list]);
    next = page.next;
  }
  return pages;
}

const AT = BROKER_START_MS;

const records = () => executionRecords(stage.system.risk);

const tradeOf = (closedAtMs: number, symbol: string): TradeRecord => ({
  symbol,
  side: 'BUY',
  quantity: 0.1,
  entryPrice: 100,
  exitPrice: 101.5,
  reason: 'horizon',
  feesMicroUsdt: 9_000,
  profitMicroUsdt: 141_000,
  openedAtMs: closedAtMs - BAR_MS,
  closedAtMs,
  entryClientOrderId: `qt-${symbol}-${closedAtMs}`,
  ensembleId: null,
});

const orderOf = (createdAtMs: number, clientOrderId: string): OrderRecord => ({
  clientOrderId,
  symbol: 'BTCUSDT',
  leg: 'exit',
  side: 'SELL',
  quantity: 0.1,
  stopPrice: null,
  exitDueMs: null,
  authorisedEpoch: null,
  barOpenTimeMs: null,
  ensembleId: null,
  referencePrice: null,
  notionalMicroUsdt: 0,
  state: { status: 'filled', quantity: 0.1, filledQuantity: 0.1, averagePrice: 100 },
  filledAtMs: createdAtMs,
  bookedQuantity: 0.1,
  bookedFeeMicroUsdt: 1,
  note: '',
  createdAtMs,
  updatedAtMs: createdAtMs,
});

const snapshotOf = (atMs: number, equityMicroUsdt: number): EquitySnapshot => ({
  atMs,
  equityMicroUsdt,
  walletMicroUsdt: equityMicroUsdt,
  exposureMicroUsdt: 0,
  positions: 0,
});

/** The functions that trade, on this stage. */
function openTrading() {
  const { aws, exchange, clock, system } = stage;
  const overrides = { endpoints: aws.endpoints, clock, isReplay: true };
  const settings = localTradingSettings({ exchange: 'binanceusdm', exchangeUrl: exchange.url });
  const compositions = [
    composeExecute(settings, overrides),
    composeManagePositions(settings, overrides),
  ] as const;
  const execute = createExecuteHandler({ ...compositions[0], record: () => undefined });
  const managePositions = createManagePositionsHandler({ ...compositions[1], record: () => undefined });
  return {
    execute,
    async minute() {
      stage.advance(MINUTE_MS);
      await system.signals.putRun(runOf(lastClosedOpenTimeMs(clock.nowMs())));
      await managePositions();
      await tickBreaker({ ...system, clock, shards: 1, limits: BREAKER_LIMITS }, 'paper');
    },
    async close() {
      for (const composition of compositions) await composition.close();
    },
  };
}

describe('a position', () => {
  it('shows as order, position, trade, equity and metric with the figures on record', async () => {
    const { system, clock } = stage;
    const current = await readCurrentEnsemble(system.objects);
    if (!current.ok) throw new Error(current.error.message);
    const { id, label } = current.value.ensemble;
    const trading = openTrading();
    try {
      await trading.minute();
      const barOpenTimeMs = lastClosedOpenTimeMs(clock.nowMs());
      const about = {
        barOpenTimeMs,
        close: 50_000,
        atr: 200,
        stopAtr: 200,
        atrRatio: 1,
        spreadBps: 2,
        ensembleId: id,
        codeVersion: system.codeVersion,
      };
      await system.signals.put(signalOf('BTCUSDT', 'BUY', about));
      const run = {
        barOpenTimeMs,
        shard: 0,
        shardCount: 1,
        ensembleId: id,
        featureSetHash: FEATURE_SET_HASH,
      };
      expect(
        await trading.execute({ ...run, written: 1, alreadyDecided: 0, symbols: ['BTCUSDT'] }),
      ).toMatchObject({ entered: 1 });
      await trading.minute();

      const [position] = (await get('/api/positions')).positions;
      expect(position).toMatchObject({ symbol: 'BTCUSDT', side: 'BUY', price: 50_000 });
      expect(position.unrealisedMicroUsdt).toBe(
        Math.round((50_000 - position.entryPrice) * position.quantity * 1_000_000),
      );
      expect(position.unrealisedMicroUsdt).toBeLessThan(0);
      expect(position.stopDistanceFraction).toBeCloseTo(1 - position.stopPrice / 50_000, 12);
      expect((await get('/api/positions?scope=live')).positions).toEqual([]);
      const legs = (await get('/api/orders')).orders.map((order: OrderRecord) => order.leg);
      expect(legs.toSorted()).toEqual(['entry', 'stop']);
      expect((await stage.call('/api/metrics')).text).toContain('qt_open_positions{scope="paper"} 1\n');

      const dueMs = barOpenTimeMs + (1 + label.horizonBars) * BAR_MS;
      while (clock.nowMs() < dueMs + 3 * MINUTE_MS && (await get('/api/trades')).trades.length === 0)
        await trading.minute();
      const { trades } = await get('/api/trades');
      expect(trades).toMatchObject([{ symbol: 'BTCUSDT', reason: 'stop', quantity: position.quantity }]);
      await trading.minute();
      expect((await get('/api/positions')).positions).toEqual([]);
      const { snapshots, drawdown } = await get('/api/equity?count=5000');
      expect(snapshots[0].equityMicroUsdt).toBe(10_000_000_000 + trades[0].profitMicroUsdt);
      expect(drawdown.fraction).toBeGreaterThan(0);
      expect((await get('/api/equity/days')).days).toEqual([
        { day: '2024-01-02', startMicroUsdt: 10_000_000_000, changeMicroUsdt: trades[0].profitMicroUsdt },
      ]);
      const { text } = await stage.call('/api/metrics');
      expect(text).toContain(`qt_equity_usdt{scope="paper"} ${snapshots[0].equityMicroUsdt / 1_000_000}\n`);
      expect(text).toContain('qt_open_positions{scope="paper"} 0\n');
      expect(text).toContain('qt_mode{mode="PAPER"} 1\n');
    } finally {
      await trading.close();
    }
  });

  it('is shown without a price while the exchange is gone', async () => {
    const position = {
      ...{ symbol: 'BTCUSDT', side: 'SELL' as const, quantity: 0.5, entryPrice: 50_000, stopPrice: 51_000 },
      ...{ entryClientOrderId: 'e', stopClientOrderId: 's', stopSequence: 0, exitClientOrderId: null },
      ...{ exitSequence: null, unprotectedSinceMs: null, exitDueMs: 0, openedAtMs: 0 },
    };
    await records().positions.put('paper', position, { ifAbsent: true });
    const [short] = (await get('/api/positions')).positions;
    expect(short).toMatchObject({ price: 50_000, unrealisedMicroUsdt: 0, stopDistanceFraction: 0.02 });
    await stage.exchange.close();
    const { positions, problems } = await get('/api/positions');
    expect(positions).toMatchObject([{ symbol: 'BTCUSDT', price: null, unrealisedMicroUsdt: null }]);
    expect(problems).toHaveLength(1);
  });
});

describe('pages', () => {
  it.each([1, 2, 3, 7, 8])(
    'of %i trades miss none and repeat none, also of the same moment',
    async (count) => {
      // Two that ended at once; one of the other account.
      const trades = [0, 1, 2, 2, 3, 4, 5].map((minutes, index) =>
        tradeOf(AT + minutes * MINUTE_MS, `S${index}USDT`),
      );
      for (const trade of trades) await records().trades.add('paper', trade);
      await records().trades.add('live', tradeOf(AT, 'LIVEUSDT'));
      const pages = await readPages(`/api/trades?count=${count}`, 'trades');
      expect(pages.flat()).toEqual(trades.toReversed());
      expect(pages.map(({ length }) => length).slice(0, -1)).toEqual(Array(pages.length - 1).fill(count));
    },
  );

  it('hold still while new records come, and end at the bounds of a span', async () => {
    for (let minute = 0; minute < 10; minute++)
      await records().equity.add('paper', snapshotOf(AT + minute * MINUTE_MS, 1_000_000 + minute));
    const first = await get('/api/equity?count=3');
    await records().equity.add('paper', snapshotOf(AT + 11 * MINUTE_MS, 1));
    const second = await get(`/api/equity?count=3&before=${first.next}`);
    const minutesOf = ({ snapshots }: { snapshots: EquitySnapshot[] }) =>
      snapshots.map(({ atMs }) => (atMs - AT) / MINUTE_MS);
    expect([minutesOf(first), minutesOf(second)]).toEqual([
      [9, 8, 7],
      [6, 5, 4],
    ]);
    const span = `fromMs=${AT + 2 * MINUTE_MS}&toMs=${AT + 6 * MINUTE_MS}`;
    const pages = await readPages(`/api/equity?count=3&${span}`, 'snapshots');
    expect(pages.map((snapshots) => minutesOf({ snapshots: snapshots as EquitySnapshot[] }))).toEqual([
      [5, 4, 3],
      [2],
    ]);
    expect(minutesOf(await get(`/api/equity?fromMs=${AT + MINUTE_MS}&toMs=${AT + MINUTE_MS}`))).toEqual([]);
    expect(minutesOf(await get(`/api/equity?fromMs=${AT + 2 * MINUTE_MS}&toMs=${AT}`))).toEqual([]);
  });

  it('of one symbol within a span hold its records alone, full to the count', async () => {
    for (let minute = 0; minute < 12; minute++) {
      const symbol = minute % 3 === 0 ? 'AUSDT' : 'BUSDT';
      await records().trades.add('paper', tradeOf(AT + minute * MINUTE_MS, symbol));
      const order = { ...orderOf(AT + minute * MINUTE_MS, `order-${minute}`), symbol };
      await records().orders.put('paper', order, { ifAbsent: true });
    }
    const query = `count=2&symbol=AUSDT&fromMs=${AT + MINUTE_MS}&toMs=${AT + 10 * MINUTE_MS}`;
    const minutesOf = (pages: unknown[][], time: string) =>
      pages.map((page) =>
        (page as Record<string, number>[]).map((record) => (record[time]! - AT) / MINUTE_MS),
      );
    expect(minutesOf(await readPages(`/api/trades?${query}`, 'trades'), 'closedAtMs')).toEqual([[9, 6], [3]]);
    expect(minutesOf(await readPages(`/api/orders?${query}`, 'orders'), 'createdAtMs')).toEqual([
      [9, 6],
      [3],
    ]);
    expect((await get('/api/trades?symbol=CUSDT')).trades).toEqual([]);
  });

  it('of orders and audit entries go by time, not by key', async () => {
    const ids = ['z', 'a', 'm', 'b', 'y'];
    for (const [index, id] of ids.entries())
      await records().orders.put('paper', orderOf(AT + index * 1_000, id), { ifAbsent: true });
    const orders = (await readPages('/api/orders?count=2', 'orders')).flat() as OrderRecord[];
    expect(orders.map(({ clientOrderId }) => clientOrderId)).toEqual(ids.toReversed());

    const entry = (atMs: number) => ({ atMs, what: 'a test', by: unproven('ada'), message: String(atMs) });
    await records().audit.add('paper', 'rollout#2', entry(AT + HOUR_MS));
    await records().audit.add('paper', 'api#3', entry(AT + 7_200_000));
    const entries = (await readPages('/api/audit?count=1', 'entries')).flat() as {
      what: string;
      atMs: number;
    }[];
    expect(entries.map(({ atMs }) => atMs)).toEqual(entries.map(({ atMs }) => atMs).sort((a, b) => b - a));
    // The breaker's arming is the first.
    expect(entries.map(({ what }) => what).slice(0, 2)).toEqual(['a test', 'a test']);
    expect(entries).toHaveLength(3);
  });

  it('of orders and audit entries read no more than they show, however long the history', async () => {
    for (let index = 0; index < 40; index++) {
      const atMs = AT + index * 1_000;
      await records().orders.put('paper', orderOf(atMs, `o${index}`), { ifAbsent: true });
      const entry = { atMs, what: 'a test', by: unproven('ada'), message: '' };
      await records().audit.add('paper', `api#${index}`, entry);
    }
    let looked = 0;
    const { risk } = stage.system;
    const counting: RiskStore = {
      ...risk,
      async list(query, schema) {
        const list = await risk.list(query, schema);
        looked += list.records.length + list.problems.length;
        return list;
      },
    };
    const page = { scope: 'paper', count: 3 } as const;
    const first = await readOrders({ risk: counting }, page);
    expect(first.orders.map(({ clientOrderId }) => clientOrderId)).toEqual(['o39', 'o38', 'o37']);
    const { before } = ordersQuerySchema.parse({ before: first.next! });
    const second = await readOrders({ risk: counting }, { ...page, before });
    expect(second.orders.map(({ clientOrderId }) => clientOrderId)).toEqual(['o36', 'o35', 'o34']);
    const { entries } = await readAudit({ risk: counting }, page);
    expect(entries.map(({ atMs }) => (atMs - AT) / 1_000)).toEqual([39, 38, 37]);
    // One more than is shown tells whether there is a next page.
    expect(looked).toBe(3 * 4);
  });

  it.each([
    ...['before=', 'before=abc', 'before=%00', `before=${'A'.repeat(400)}`, 'before=b3JkZXIjeA'],
    ...[
      'symbol=',
      'symbol=btc',
      'fromMs=-1',
      'fromMs=1e3',
      'toMs=now',
      'toMs=99999999999999',
      'scope=',
      'scope=paper&scope=live',
    ],
    ...['count=-1', 'count=1001', 'count=', 'cursor=x'],
  ])('refuse ?%s', async (query) => {
    expect((await stage.call(`/api/trades?${query}`)).json.error.code).toBe('bad_request');
  });

  it('are refused as a whole where a record is malformed: half a list would look like all of it', async () => {
    await records().trades.add('paper', tradeOf(AT, 'AUSDT'));
    const key = keyOf(TRADES, seriesId(TRADES, tradeOf(AT, 'BUSDT')));
    await stage.system.risk.put('paper', key, { symbol: 'BUSDT' }, { ifAbsent: true });
    expect((await stage.call('/api/trades')).json.error.code).toBe('store_unavailable');
  });
});

describe('days', () => {
  it('change by what the next one began with, the last one by what there is now', async () => {
    const [monday, tuesday, thursday] = ['2024-07-01', '2024-07-02', '2024-07-04'].map((day) =>
      Date.parse(day),
    );
    await records().days.add('paper', dayId(monday!), { startMicroUsdt: 100 });
    await records().days.add('paper', dayId(tuesday!), { startMicroUsdt: 130 });
    await records().days.add('paper', dayId(thursday!), { startMicroUsdt: 90 });
    expect(
      (await get('/api/equity/days')).days.map((day: { changeMicroUsdt: number }) => day.changeMicroUsdt),
    ).toEqual([...[null, -40, 30]]);
    await records().equity.add('paper', snapshotOf(thursday! + 1, 95));
    expect((await get('/api/equity/days')).days[0]).toEqual({
      ...{ day: '2024-07-04', startMicroUsdt: 90, changeMicroUsdt: 5 },
    });
  });
});

describe('the market', () => {
  it('gives closed candles up to a bar, never the one being formed', async () => {
    const lastMs = lastClosedOpenTimeMs(stage.clock.nowMs());
    const { candles } = await get('/api/candles?symbol=BTCUSDT&count=3');
    expect(candles.map(({ openTimeMs }: { openTimeMs: number }) => openTimeMs)).toEqual([
      ...[lastMs - 2 * BAR_MS, lastMs - BAR_MS, lastMs],
    ]);
    expect(candles[0]).toMatchObject({
      open: 50_000,
      high: 50_010.1,
      low: 49_990,
      close: 50_000,
      volume: 12.345,
    });
    const bar = lastMs - 5 * BAR_MS;
    expect((await get(`/api/candles?symbol=BTCUSDT&count=1&bar=${bar}`)).candles).toMatchObject([
      { openTimeMs: bar },
    ]);
    expect(
      (await get(`/api/candles?symbol=BTCUSDT&count=1&bar=${lastMs + 100 * BAR_MS}`)).candles,
    ).toMatchObject([{ openTimeMs: lastMs }]);
  });

  it('says of a symbol that does not trade, and of an exchange that is gone, which of both', async () => {
    expect((await stage.call('/api/candles?symbol=NOSUCHUSDT')).json.error.code).toBe('unknown_symbol');
    for (const query of ['symbol=btc', 'symbol=BTCUSDT&count=999', 'symbol=BTCUSDT&bar=1'])
      expect((await stage.call(`/api/candles?${query}`)).json.error.code).toBe('bad_request');
    await stage.exchange.close();
    expect((await stage.call('/api/candles?symbol=BTCUSDT')).json.error.code).toBe('exchange_unavailable');
  });

  it('names the active universe, or none', async () => {
    expect(await get('/api/universe')).toEqual({ universe: null, change: null });
    const universe = { schemaVersion: 1, asOf: '2024-01-02', symbols: ['BTCUSDT', 'ETHUSDT'] } as const;
    await writeUniverse(stage.system.objects, { ...universe, symbols: [...universe.symbols] });
    expect(await get('/api/universe')).toEqual({ universe, change: null });
  });
});

describe('bars', () => {
  it('count what was decided of all symbols, and weigh the consensus by the signals', async () => {
    const { signals } = stage.system;
    expect((await get('/api/bars')).bars).toEqual([]);
    const abstention = { symbol: 'S', barOpenTimeMs: AT, message: '' };
    const actions = { BUY: 3, SELL: 1, HOLD: 6 };
    const run = {
      ...{ actions, meanConsensus: 0.5 },
      abstentions: [
        { ...abstention, abstained: 'stale' as const },
        { ...abstention, abstained: 'stale' as const },
        { ...abstention, abstained: 'illiquid' as const },
      ],
    };
    await signals.putRun(runOf(AT, run));
    await signals.putRun(runOf(AT + BAR_MS, { actions: { BUY: 0, SELL: 0, HOLD: 0 }, meanConsensus: null }));
    const decided = {
      ...{ barOpenTimeMs: AT, actions, abstained: 3, abstentions: { stale: 2, illiquid: 1 } },
      ...{ meanConsensus: 0.5, missingShards: 0 },
    };
    const { bars } = await get('/api/bars');
    expect(bars).toMatchObject([{ barOpenTimeMs: AT + BAR_MS, abstained: 1, meanConsensus: null }, decided]);
    expect((await get('/api/bars?count=1')).bars).toHaveLength(1);

    const shard = {
      ...run,
      shard: 1,
      shardCount: 2,
      meanConsensus: 0.9,
      actions: { BUY: 30, SELL: 0, HOLD: 0 },
    };
    const split = createMemorySignalStore();
    await split.putRun(runOf(AT, { ...run, shardCount: 2 }));
    await split.putRun(runOf(AT, shard));
    await split.putRun(runOf(AT - BAR_MS, shard));
    const both = await readBars({ signals: split, shards: 2 }, { count: 2 });
    expect(both.bars[0]).toMatchObject({ actions: { BUY: 33, SELL: 1, HOLD: 6 }, abstained: 6 });
    expect(both.bars[0]!.meanConsensus).toBeCloseTo((10 * 0.5 + 30 * 0.9) / 40, 12);
    expect(both.bars.map(({ missingShards }) => missingShards)).toEqual([0, 1]);
  });
});

describe('models and rollout', () => {
  it('tell who decides, who is out of service and why, and what live trading lacks', async () => {
    const { objects } = stage.system;
    const { active, shadow, problems } = await get('/api/models');
    expect([active.id, shadow, problems]).toEqual(['e20240728_205500', null, []]);
    expect(active.members.map(({ name }: { name: string }) => name).toSorted()).toEqual([
      ...['lightgbm', 'nhits', 'patchtst', 'xgboost'],
    ]);
    for (const { quarantine, training, calibration } of active.members)
      expect([quarantine, training.rows > 0, typeof calibration.kind]).toEqual([null, true, 'string']);
    const [{ name, version }] = active.members;
    // An order that cannot be read stands.
    await objects.put(quarantineKey({ name, version }), Buffer.from('{'));
    const [out] = (await get('/api/models')).active.members;
    expect([out.name, typeof out.quarantine]).toEqual([name, 'string']);

    const rollout = await get('/api/rollout');
    expect(rollout.state.level).toBe('PAPER');
    expect(rollout.denials.length).toBeGreaterThan(0);
    // Reading begins no rollout.
    expect(await records().rollout.getStored('live')).toBeUndefined();
  });

  it('say why there is no ensemble where there should be one', async () => {
    await stage.system.objects.put('ensembles/current.json', Buffer.from('{}'));
    const { active, problems } = await get('/api/models');
    expect([active, problems]).toEqual([null, [expect.stringMatching(/^pointer_invalid: /)]]);
  });
});

describe('metrics', () => {
  it('are Prometheus text with a type for each, and no sample for what is not known', async () => {
    const known = await stage.call('/api/metrics');
    expect(known.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    const lines = known.text.split('\n');
    expect(lines.pop()).toBe('');
    for (const line of lines)
      expect(line).toMatch(
        /^(# (HELP|TYPE) qt_[a-z_]+ .+|qt_[a-z_]+(\{([a-z]+="[A-Za-z_]+",?)+\})? -?[0-9.e+-]+)$/,
      );
    expect(known.text).toContain('qt_breaker_tripped{scope="paper"} 0\n');
    expect(known.text).not.toContain('qt_equity_usdt');
    stage.aws.faults.dynamodb.inject({ kind: 'error', times: 10_000 });
    const { text } = await stage.call('/api/metrics');
    expect(text).toContain('qt_mode{mode="OFF"} 1\n');
    for (const name of ['qt_breaker_tripped', 'qt_open_positions', 'qt_missed_bars', 'qt_exposure_usdt'])
      expect(text).not.toContain(name);
  });
});
