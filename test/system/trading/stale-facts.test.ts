// What was true a moment ago: prices, marks, signals, approvals and lists that have aged, and orders whose end is not known yet.
import { describe, expect, it } from 'vitest';
import { success } from '../../../lib/core/result.ts';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import { ORDERS } from '../../../lib/execution/records.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { keyOf } from '../../../lib/risk/record-kind.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import {
  BAR,
  CrashPlan,
  PRICES,
  requestOf,
  START_MS,
  signalOf,
  TradingWorld,
} from '../../support/trading/trading-world.ts';

const open = () => TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
const { outcomes } = TradingWorld;
const reservedIn = async (world: TradingWorld) => Object.keys((await world.gate()).reserved);

describe('a price', () => {
  it('that was within the collar when the run began, and is not when the entry is planned, lets nothing through', async () => {
    const world = await open();
    const { prices } = world.exchange.broker;
    let asked = 0;
    world.exchange.broker.prices = (symbols) => {
      // From the second question on the market has moved by 5 %.
      if (++asked === 2) world.exchange.prices.set('BTCUSDT', PRICES.BTCUSDT * 1.05);
      return prices(symbols);
    };
    expect(outcomes(await world.execute(), 'BTCUSDT')).toEqual(['price_collar']);
    expect(world.exchange.sent).toEqual([]);
    expect(await reservedIn(world)).toEqual([]);
  });
});

describe('a mark of the equity', () => {
  it('that is five minutes old sizes nothing', async () => {
    const world = await TradingWorld.open();
    world.nowMs = START_MS + BAR_MS + 2_000;
    await world.renewLease();
    const barOpenTimeMs = BAR + BAR_MS;
    await world.signals.put(signalOf('BTCUSDT', 'BUY', { barOpenTimeMs }));
    expect(outcomes(await world.execute(requestOf({ barOpenTimeMs })), 'BTCUSDT')).toEqual([
      'equity_unknown',
    ]);
    await world.managePositions();
    expect(outcomes(await world.execute(requestOf({ barOpenTimeMs })), 'BTCUSDT')).toEqual(['entered']);
  });
});

describe('a signal of nine minutes ago', () => {
  it('closes no position', async () => {
    const world = await open();
    await world.execute();
    await world.minute();
    const barOpenTimeMs = BAR + BAR_MS;
    await world.signals.put(signalOf('BTCUSDT', 'SELL', { barOpenTimeMs }));
    world.nowMs = START_MS + BAR_MS + 9 * MINUTE_MS;
    await world.renewLease();
    expect(outcomes(await world.execute(requestOf({ barOpenTimeMs })), 'BTCUSDT')).toEqual(['signal_stale']);
    expect(world.exchange.held.get('BTCUSDT')).toBeGreaterThan(0);
  });
});

describe('an approval', () => {
  it('is good for ten seconds from the gate’s write, whatever the process was doing when it was frozen', async () => {
    const world = await open();
    // Of a process that was frozen, the monotonic clock stands still as well.
    world.stopwatchMs = () => 0;
    const { commit } = world.risk;
    world.risk.commit = async (scope, plan) => {
      const written = await commit(scope, plan);
      world.afterFlagsRead = () => {
        world.nowMs += 11_000;
        world.afterFlagsRead = () => undefined;
      };
      return written;
    };
    expect(outcomes(await world.execute(), 'BTCUSDT')).toEqual(['entry_unsent']);
    expect(world.exchange.sent).toEqual([]);
    expect(await reservedIn(world)).toEqual([]);
  });

  it('holds its place while the entry is between the gate and its record', async () => {
    const world = await open();
    const { put } = world.risk;
    let inBetween: readonly string[] | undefined;
    world.risk.put = async (scope, key, value, condition) => {
      if (inBetween === undefined && key.startsWith(keyOf(ORDERS, ''))) {
        inBetween = [];
        await world.managePositions();
        inBetween = await reservedIn(world);
      }
      return put(scope, key, value, condition);
    };
    expect(outcomes(await world.execute(), 'BTCUSDT')).toEqual(['entered']);
    expect(inBetween).toEqual(['BTCUSDT']);
    expect(await reservedIn(world)).toEqual(['BTCUSDT']);
  });

  it.each(['lost', 'timeout'] as const)(
    'holds its place while nobody knows whether the entry arrived: %s',
    async (answer) => {
      const world = await open();
      world.exchange.answer = ({ kind }) => (kind === 'entry' ? answer : 'fill');
      expect(outcomes(await world.execute(), 'BTCUSDT')).toEqual(['entry_unknown']);
      expect(await reservedIn(world)).toEqual(['BTCUSDT']);
      world.nowMs += 30_000;
      await world.managePositions();
      expect(await reservedIn(world)).toEqual(['BTCUSDT']);
      await world.minutes(2);
      expect(await reservedIn(world)).toEqual([...world.exchange.held.keys()]);
    },
  );
});

describe('a run of the position manager that saw nothing', () => {
  it('is no sign of life in its record', async () => {
    const world = await open();
    const recordOf = async () => (await executionRecords(world.risk).positionManager.get('paper'))!.value;
    const before = await recordOf();
    world.exchange.isDown = true;
    await world.minute();
    expect(await recordOf()).toMatchObject({
      completedAtMs: before.completedAtMs,
      attemptedAtMs: world.nowMs,
    });
  });
});

describe('a position that was adopted, and whose exit is refused', () => {
  it('is not entered again', async () => {
    const world = await open();
    world.exchange.answer = (order) =>
      order.kind === 'reduce' && order.stopPrice === null ? 'reject' : 'fill';
    world.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.01 });
    await world.managePositions();
    expect(await executionRecords(world.risk).positions.get('paper', 'BTCUSDT')).toBeDefined();
    expect(await reservedIn(world)).toEqual([]);
    expect(outcomes(await world.execute(), 'BTCUSDT')).toEqual(['position_open']);
    expect(world.exchange.entries()).toEqual([]);
    expect(world.exchange.held.get('BTCUSDT')).toBe(0.01);
  });
});

describe('an anomaly that only the first of two looks can see', () => {
  it('is told all the same', async () => {
    const world = await open();
    world.exchange.answer = () => 'later';
    await world.execute();
    // The exchange forgets the order that it had acknowledged; something else makes the run look twice.
    const { broker } = world.exchange;
    const nothing = async () => success({ rows: [], problems: [] });
    Object.assign(broker, { find: async () => success(undefined), openOrders: nothing });
    world.exchange.tradeByHand({ symbol: 'SOLUSDT', side: 'BUY', quantity: 1 });
    world.nowMs += 2 * MINUTE_MS;
    const { differences } = await world.managePositions();
    expect(differences.filter((line) => line.includes('vanished'))).toHaveLength(1);
  });
});

const allOrders = async (world: TradingWorld) =>
  allValues(await executionRecords(world.risk).orders.all('paper'));

describe('a stop that another run has placed a moment ago', () => {
  it('stays, wherever that run was cut off', async () => {
    let placed = 0;
    for (let call = 1; ; call++) {
      const world = await open();
      world.exchange.answer = ({ kind }) => (kind === 'entry' ? 'slow' : 'fill');
      await world.execute();
      world.nowMs += 30_000;
      // The position grows, so that its stop has to be replaced.
      world.exchange.settle();
      const held = world.exchange.held.get('BTCUSDT')!;
      const { broker } = world.exchange;
      const { openStops } = broker;
      const crash = new CrashPlan(call, 'after');
      broker.openStops = async () => {
        broker.openStops = openStops;
        await world.managePositions(crash).catch(() => undefined);
        return openStops();
      };
      await world.managePositions();
      if (!crash.happened) break;
      const isPlaced = (await allOrders(world)).some(
        ({ leg, createdAtMs, state }) =>
          leg === 'stop' && createdAtMs === world.nowMs && state.status !== 'authorised',
      );
      if (!isPlaced) continue;
      placed++;
      const stops = world.exchange.openStops('BTCUSDT');
      expect(Math.max(0, ...stops.map(({ quantity }) => quantity ?? 0)), `cut off at ${call}`).toBe(held);
    }
    expect(placed).toBeGreaterThan(5);
  });
});

describe('an entry that execute has sent a moment ago', () => {
  it('is not cancelled as an order of nobody, whichever list it turns up on', async () => {
    let seen = 0;
    for (let look = 1; ; look++) {
      const world = await open();
      world.exchange.answer = () => 'later';
      const { broker } = world.exchange;
      const { openOrders } = broker;
      let looks = 0;
      broker.openOrders = async () => {
        if (++looks === look) await world.execute();
        return openOrders();
      };
      const { actions } = await world.managePositions();
      if (looks < look) break;
      seen++;
      expect(actions.flatMap(({ done }) => done)).not.toContain('orphan_order_cancelled');
      world.exchange.settle();
      expect([...world.exchange.held.keys()]).toContain('BTCUSDT');
    }
    expect(seen).toBeGreaterThan(0);
  });
});

describe('a trade', () => {
  it('is not ended by its stop while nobody knows what became of its exit', async () => {
    const world = await open();
    await world.execute();
    world.exchange.answer = (order) =>
      order.kind === 'reduce' && order.stopPrice === null ? 'lost' : 'fill';
    while (!(await allOrders(world)).some(({ leg }) => leg === 'exit')) await world.minute();
    world.exchange.move('BTCUSDT', PRICES.BTCUSDT * 0.98);
    expect(world.exchange.held.size).toBe(0);
    world.nowMs += 20_000;
    await world.managePositions();
    const { trades } = executionRecords(world.risk);
    expect(allValues(await trades.all('paper'))).toEqual([]);
    expect(await reservedIn(world)).toEqual(['BTCUSDT']);
    await world.minutes(2);
    expect(allValues(await trades.all('paper'))).toMatchObject([{ symbol: 'BTCUSDT', reason: 'stop' }]);
    expect(await reservedIn(world)).toEqual([]);
  });
});
