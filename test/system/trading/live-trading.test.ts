// Execute, guard and breaker with the real broker on an exchange that fills half, refuses, forgets to answer, hangs up and sets its
// clock: one order per decision, a stop behind every position, books that are the exchange's, limits that hold.
import { afterEach, describe, expect, it } from 'vitest';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import type { ExecuteReport } from '../../../lib/execution/execute-report.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { riskRecords } from '../../../lib/risk/use-cases/risk-records.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import type { FaultRequest } from '../../../local/exchange/faults.ts';
import type { Unkindness } from '../../../local/exchange/unkindness.ts';
import { approveEntry, approveReduce, expectRows } from '../../support/execution/broker-market.ts';
import { type Dips, LIVE_DEPOSIT_USDT, LiveWorld } from '../../support/trading/live-world.ts';
import { Crash, CrashPlan, START_MS, TradingWorld } from '../../support/trading/trading-world.ts';

const ORDER = { path: '/fapi/v1/order', method: 'POST' } as const;
const STOP = { path: '/fapi/v1/algoOrder', method: 'POST' } as const;
const { outcomes } = TradingWorld;

let world: LiveWorld;
const open = async (dips?: Dips) => {
  world = await LiveWorld.open(dips);
  return world;
};
afterEach(() => world.exchange.close());
const trades = async () => allValues(await riskRecords(world.risk).trades.all('live'));

describe('live trading', () => {
  it('enters with a stop, holds, and leaves at the horizon', async () => {
    await open();
    await world.decide({ BTCUSDT: 'BUY', ETHUSDT: 'SELL', SOLUSDT: 'HOLD' });
    const report = await world.execute();
    expect(report).toMatchObject({ mode: 'LIVE', scope: 'live' });
    expect([outcomes(report, 'BTCUSDT'), outcomes(report, 'ETHUSDT')]).toEqual([['entered'], ['entered']]);
    await world.expectProtected('at once');
    await world.minute();
    await world.expectSettled();
    expect(Object.keys(await world.held()).sort()).toEqual(['BTCUSDT', 'ETHUSDT']);
    await world.minutes(17);
    expect(await world.held()).toEqual({});
    await world.expectSettled();
    expect((await trades()).map(({ reason }) => reason)).toEqual(['horizon', 'horizon']);
    expect(await world.latch()).toBe('ARMED');
  });

  it('takes a stop that was hit on the exchange for the end, dated when it was', async () => {
    await open({ BTCUSDT: [2] });
    await world.decide({ BTCUSDT: 'BUY' });
    await world.execute();
    await world.minutes(12);
    expect(await world.held()).toEqual({});
    await world.expectSettled();
    expect(await trades()).toMatchObject([{ reason: 'stop', closedAtMs: START_MS + 3 * BAR_MS }]);
    expect(await world.latch()).toBe('ARMED');
  });

  it('trips after five stops within 45 minutes, and enters nothing more', async () => {
    await open({ BTCUSDT: [2, 4], ETHUSDT: [2, 4], SOLUSDT: [2, 4, 6] });
    const everything = { BTCUSDT: 'BUY', ETHUSDT: 'BUY', SOLUSDT: 'BUY' } as const;
    for (let bar = 0; bar < 6 && (await world.latch()) === 'ARMED'; bar++) {
      await world.decide(everything);
      await world.execute();
      await world.minutes(5);
    }
    expect(await world.latch()).toContain('stop_hits');
    expect(world.flagTexts.get('QT_ENABLE_EXECUTION')).toBe('false');
    const before = (await world.orders()).length;
    await world.decide(everything);
    expect(await world.execute()).toMatchObject({ mode: 'OFF', decisions: [] });
    expect((await world.orders()).length).toBe(before);
    await world.minutes(1);
    await world.expectSettled();
  });

  it('protects exactly what a partly filled entry holds', async () => {
    await open();
    world.exchange.faults.inject({ kind: 'partial_fill', share: 0.5, ...ORDER, count: 1 });
    await world.decide({ BTCUSDT: 'BUY' });
    await world.execute();
    const [entry] = (await world.orders()).filter(({ leg }) => leg === 'entry');
    expect(entry).toMatchObject({ state: { status: 'cancelled' }, filledAtMs: world.nowMs });
    expect((await world.held()).BTCUSDT).toBeLessThan(entry!.quantity);
    await world.minute();
    await world.expectSettled();
    await world.minutes(18);
    expect(await world.held()).toEqual({});
    await world.expectSettled();
  });

  it('closes what a partly filled exit has left, and the trade ends with the last fill', async () => {
    await open();
    await world.decide({ BTCUSDT: 'BUY' });
    await world.execute();
    await world.minutes(13);
    world.exchange.faults.inject({ kind: 'partial_fill', share: 0.5, ...ORDER, count: 1 });
    await world.minutes(7);
    expect(await world.held()).toEqual({});
    await world.expectSettled();
    const exits = (await world.orders()).filter(({ leg }) => leg === 'exit');
    expect(exits).toHaveLength(2);
    const closedAtMs = Math.max(...exits.map(({ filledAtMs }) => filledAtMs!));
    expect(await trades()).toMatchObject([{ reason: 'horizon', closedAtMs }]);
  });

  it('closes a position at once whose stop is refused', async () => {
    await open();
    world.exchange.faults.inject({
      kind: 'reject',
      code: -2021,
      msg: 'Order would immediately trigger.',
      ...STOP,
    });
    await world.decide({ BTCUSDT: 'BUY' });
    await world.execute();
    expect(await world.held()).toEqual({});
    world.exchange.faults.clear();
    await world.minutes(2);
    await world.expectSettled();
    expect((await trades()).map(({ reason }) => reason)).toEqual(['stop_rejected']);
  });

  it('trips after three refused orders', async () => {
    await open();
    world.exchange.faults.inject({ kind: 'reject', code: -2019, msg: 'Margin is insufficient.', ...ORDER });
    await world.decide({ BTCUSDT: 'BUY', ETHUSDT: 'BUY', SOLUSDT: 'SELL' });
    const report = await world.execute();
    expect(report.decisions.map((decision) => decision.outcomes)).toEqual(
      Array.from({ length: 3 }, () => ['entry_rejected']),
    );
    await world.minute();
    expect(await world.latch()).toEqual(['order_rejections']);
    expect(world.told.join()).toContain('order_rejections');
    await world.expectSettled();
  });
});

/** None of three entries is taken while the fault lasts, which trips nothing, and all of them are after it. */
async function expectUntaken(fault: FaultRequest): Promise<ExecuteReport> {
  await open();
  const decide = () => world.decide({ BTCUSDT: 'BUY', ETHUSDT: 'BUY', SOLUSDT: 'SELL' });
  world.exchange.faults.inject(fault);
  await decide();
  const report = await world.execute();
  expect(report.decisions.map((decision) => decision.outcomes)).toEqual(
    Array.from({ length: 3 }, () => ['entry_unsent']),
  );
  world.exchange.faults.clear();
  await world.minutes(5);
  expect(await world.latch()).toBe('ARMED');
  await world.expectSettled();
  await decide();
  await world.execute();
  expect(Object.keys(await world.held()).sort()).toEqual(['BTCUSDT', 'ETHUSDT', 'SOLUSDT']);
  return report;
}

it('does not trip for orders that never left, which the exchange has not refused', async () => {
  await expectUntaken({ kind: 'server_error', ...ORDER, method: 'GET' });
});

describe('an exchange that is overloaded and takes no order', () => {
  const overloaded = (path: string, over: Partial<FaultRequest> = {}) =>
    ({ kind: 'overloaded', path, sparesReductions: false, ...over }) as FaultRequest;
  const overload = (...about: Parameters<typeof overloaded>) =>
    world.exchange.faults.inject(overloaded(...about));
  const enter = async () => {
    await world.decide({ BTCUSDT: 'BUY' });
    await world.execute();
  };

  it('has refused no entry: the circuit breaker does not trip, and the next bar enters', async () => {
    const report = await expectUntaken(overloaded('/fapi/v1/order'));
    expect(report.decisions[0]!.message).toContain('-1008');
  });

  it('has refused no stop: the position stays, and has its stop with the next run', async () => {
    await open();
    overload('/fapi/v1/algoOrder', { count: 1 });
    await enter();
    expect(Object.keys(await world.held())).toEqual(['BTCUSDT']);
    expect(await world.minute(30_000)).toMatchObject({ outcome: 'completed' });
    await world.expectSettled();
    expect(Object.keys(await world.held())).toEqual(['BTCUSDT']);
    expect(await world.latch()).toBe('ARMED');
  });

  it('for long: a position that is bare for too long is closed', async () => {
    await open();
    overload('/fapi/v1/algoOrder');
    await enter();
    await world.minutes(2);
    expect(await world.held()).toEqual({});
    expect((await trades()).map(({ reason }) => reason)).toEqual(['unprotected']);
  });

  it('for long, and for exits as well: the circuit breaker trips, and the position has its stop as soon as one is taken', async () => {
    await open();
    overload('/fapi/v1/algoOrder');
    await enter();
    overload('/fapi/v1/order');
    await world.minutes(2);
    expect(Object.keys(await world.held())).toEqual(['BTCUSDT']);
    expect(await world.latch()).toEqual(['unprotected_position']);
    world.exchange.faults.clear();
    await world.minutes(2);
    await world.expectSettled();
  });

  it('for a while: the exit at the horizon is sent anew each minute, however often it was not taken', async () => {
    await open();
    await enter();
    await world.minutes(14);
    overload('/fapi/v1/order');
    await world.minutes(14);
    expect(Object.keys(await world.held())).toEqual(['BTCUSDT']);
    await world.expectProtected();
    expect(await world.latch()).toBe('ARMED');
    world.exchange.faults.clear();
    await world.minutes(2);
    expect(await world.held()).toEqual({});
    await world.expectSettled();
  });
});

describe('a run of the position manager, on an exchange whose lists lag by seconds', () => {
  const enter = async (unkind: Partial<Unkindness>) => {
    world = await LiveWorld.open({}, unkind);
    await world.decide({ BTCUSDT: 'BUY' });
    await world.execute();
  };

  it('is complete while the trades of what has just filled are not listed yet', async () => {
    await enter({ tradeLagMs: 4_000 });
    expect(await world.minute(2_000)).toMatchObject({ outcome: 'completed', faults: [], differences: [] });
    const [entry] = (await world.orders()).filter(({ leg }) => leg === 'entry');
    expect(entry).toMatchObject({ bookedQuantity: 0, state: { status: 'filled' } });
    await world.minute();
    await world.expectSettled();
  });

  it('is not complete while they are missing for longer than a list may lag', async () => {
    await enter({ tradeLagMs: 100_000 });
    expect(await world.minute(44_000)).toMatchObject({ outcome: 'completed' });
    expect(await world.minute(1_000)).toMatchObject({
      outcome: 'incomplete',
      faults: [expect.stringContaining('the exchange lists trades of 0 of')],
    });
    await world.minute();
    expect(await world.latch()).toBe('ARMED');
    await world.expectSettled();
  });

  describe('seconds after a stop was hit', () => {
    const HIT_MS = START_MS + 3 * BAR_MS;
    const hit = async (unkind: Partial<Unkindness>) => {
      world = await LiveWorld.open({ BTCUSDT: [2] }, unkind);
      await world.decide({ BTCUSDT: 'BUY' });
      await world.execute();
      while (world.nowMs + MINUTE_MS < HIT_MS) await world.minute();
      world.waitingTakesTime = true;
      world.nowMs = HIT_MS;
      world.exchange.truth();
    };
    const expectOver = async () => {
      await world.minutes(2);
      await world.expectSettled();
      expect(await world.latch()).toBe('ARMED');
      expect(await trades()).toMatchObject([{ reason: 'stop' }]);
      const refused = (await world.orders()).filter(({ state }) => state.status === 'rejected');
      expect(refused).toEqual([]);
    };
    const STEPS = { triggeringMs: 800, triggeredMs: 400 };

    it.each<[string, Partial<Unkindness>]>([
      ['it is looked up late', { lookupLagMs: 4_000 }],
      ['it is looked up and listed late', { lookupLagMs: 4_000, listLagMs: 4_000 }],
      ['it is looked up late, step by step', { lookupLagMs: 4_000, stopSteps: STEPS }],
      ['what it became is looked up late', { lookupLagMs: 2_500, stopLookupLagMs: 0 }],
      [
        'what it became is looked up late, step by step',
        { lookupLagMs: 2_500, stopLookupLagMs: 0, stopSteps: STEPS },
      ],
      ['the position is shown late', { positionLagMs: 4_000 }],
      ['the position and the list of stops are shown late', { positionLagMs: 4_000, listLagMs: 2_000 }],
      [
        'all of it is late',
        { lookupLagMs: 1_500, stopLookupLagMs: 200, listLagMs: 3_000, positionLagMs: 2_000 },
      ],
    ])('is complete, and finds no difference and nothing to send, where %s', async (_how, unkind) => {
      for (const afterMs of [100, 900, 1_700, 2_200, 3_500]) {
        await hit(unkind);
        const report = await world.minute(afterMs);
        expect(report, `after ${afterMs} ms`).toMatchObject({
          outcome: 'completed',
          faults: [],
          differences: [],
        });
        await expectOver();
        await world.exchange.close();
      }
    });

    it('is not complete where what the stop became is missing for longer', async () => {
      await hit({ lookupLagMs: 10_000, stopLookupLagMs: 0 });
      expect(await world.minute(1_000)).toMatchObject({
        outcome: 'incomplete',
        faults: [expect.stringContaining('is not listed yet')],
      });
      await expectOver();
    });

    it('closes what is shown as held for longer, whatever the stop says of it', async () => {
      await hit({ positionLagMs: 60_000 });
      expect(await world.minute(19_000)).toMatchObject({ actions: [{ done: ['waiting'] }] });
      expect(await world.minute(2_000)).toMatchObject({
        actions: [{ done: ['stop_rejected', 'exit_rejected'] }],
      });
    });
  });

  it('takes nothing over from the exchange while trades are late', async () => {
    await enter({ tradeLagMs: 4_000 });
    await world.minute();
    const { BTCUSDT: quantity } = await world.held();
    await world.decide({ ETHUSDT: 'BUY' });
    await world.execute();
    world.exchange.external.marketOrder({ symbol: 'BTCUSDT', side: 'SELL', quantity: quantity! });
    const { differences } = await world.minute(1_000);
    expect(differences).toEqual([expect.stringContaining('BTCUSDT')]);
    const { records } = await executionRecords(world.risk).audit.all('live');
    expect(records.filter(({ value }) => value.what === 'reconciled')).toEqual([]);
    await world.minutes(2);
    expect(Object.keys(await world.held())).toEqual(['ETHUSDT']);
    const [entry] = (await world.orders()).filter(
      ({ symbol, leg }) => symbol === 'ETHUSDT' && leg === 'entry',
    );
    expect(entry?.bookedQuantity).toBe(entry?.state.filledQuantity);
  });

  it('cancels a second stop once, though the list has it still', async () => {
    await enter({ listLagMs: 3_000 });
    await world.decide({ ETHUSDT: 'BUY' });
    await world.execute();
    await world.minute();
    world.exchange.faults.inject({
      ...{ kind: 'odd_row', path: '/fapi/v1/openAlgoOrders', method: 'GET', how: 'null_row', count: 1 },
    });
    expect((await world.minute()).actions).toMatchObject([{ done: ['stop_acknowledged'] }]);
    expect(await world.minute()).toMatchObject({
      ...{ outcome: 'completed', faults: [] },
      actions: [{ done: ['surplus_stop_cancelled'] }],
    });
    await world.minute();
    expect(expectRows(await world.broker.openStops())).toHaveLength(2);
    await world.expectSettled();
  });
});

describe('an answer that is lost', () => {
  const lost: readonly (readonly [string, FaultRequest, boolean])[] = [
    ['the entry’s, by a timeout', { kind: 'accept_then', how: 'timeout', ...ORDER, count: 1 }, true],
    ['the entry’s, by a reset', { kind: 'accept_then', how: 'reset', ...ORDER, count: 1 }, true],
    ['the entry’s, by a 503', { kind: 'accept_then', how: 'server_error', ...ORDER, count: 1 }, true],
    ['the entry’s, by a page', { kind: 'html', ...ORDER, count: 1 }, true],
    ['the stop’s, by a timeout', { kind: 'accept_then', how: 'timeout', ...STOP, count: 1 }, true],
    ['the stop’s, by a reset', { kind: 'accept_then', how: 'reset', ...STOP, count: 1 }, true],
    ['the stop’s, that never arrived', { kind: 'reset', ...STOP, count: 1 }, true],
    ['the entry’s, that never arrived', { kind: 'reset', ...ORDER, count: 1 }, false],
    ['the entry’s, refused by a 500', { kind: 'server_error', status: 500, ...ORDER, count: 1 }, false],
  ];
  it.each(lost)('%s: one order, and a stop within a minute', async (_what, fault, arrives) => {
    await open();
    world.exchange.faults.inject(fault);
    await world.decide({ BTCUSDT: 'BUY' });
    await world.execute();
    // Lambda's retry, and the same event once more.
    await world.execute();
    await world.minute();
    await world.expectProtected('after a minute');
    await world.execute();
    expect(Object.keys(await world.held())).toEqual(arrives ? ['BTCUSDT'] : []);
    await world.minutes(2);
    await world.expectSettled();
    expect((await world.orders()).filter(({ leg }) => leg === 'entry')).toHaveLength(1);
    await world.minutes(16);
    expect(await world.held()).toEqual({});
    await world.expectSettled('at the end');
  });

  it('the exit’s: it is found, and no second one is sent', async () => {
    await open();
    await world.decide({ BTCUSDT: 'BUY' });
    await world.execute();
    await world.minutes(13);
    world.exchange.faults.inject({ kind: 'accept_then', how: 'timeout', ...ORDER, count: 1 });
    await world.minutes(5);
    expect(await world.held()).toEqual({});
    await world.expectSettled();
    expect((await world.orders()).filter(({ leg }) => leg === 'exit')).toHaveLength(1);
  });

  it.each([-90_000, -6_000, 6_000, 90_000])('a clock that is set by %i ms changes nothing', async (ms) => {
    await open();
    world.exchange.faults.inject({ kind: 'clock_skew', ms });
    await world.decide({ BTCUSDT: 'BUY' });
    expect(outcomes(await world.execute(), 'BTCUSDT')).toEqual(['entered']);
    world.exchange.faults.clear();
    await world.minute();
    await world.expectSettled();
  });

  it('an exchange that is gone for minutes: nothing is entered, the breaker trips, what is held keeps its stop', async () => {
    await open();
    await world.decide({ BTCUSDT: 'BUY' });
    await world.execute();
    await world.minutes(5);
    world.exchange.faults.inject({ kind: 'reset' });
    await world.decide({ ETHUSDT: 'BUY' });
    const report = await world.execute();
    expect(report.decisions.flatMap((decision) => decision.outcomes)).toEqual(['exchange_unavailable']);
    await world.minutes(4);
    expect(await world.latch()).toContain('position_manager_silent');
    world.exchange.faults.clear();
    await world.minute();
    expect(Object.keys(await world.held())).toEqual(['BTCUSDT']);
    await world.expectSettled();
  });
});

describe('what nobody here decided', () => {
  it('a foreign position is told, trips the breaker, gets a stop or goes', async () => {
    await open();
    await world.broker.submit(
      await approveEntry('live', { clientOrderId: 'by-hand', symbol: 'ETHUSDT', quantity: 1 }),
    );
    await world.minute();
    expect(await world.latch()).toContain('reconciliation');
    await world.minutes(2);
    expect(await world.held()).toEqual({});
    expect((await world.managePositions()).outcome).toBe('completed');
  });

  it('a foreign order on a held symbol goes, and the stop stays', async () => {
    await open();
    await world.decide({ BTCUSDT: 'BUY' });
    await world.execute();
    await world.minute();
    const quantity = (await world.held()).BTCUSDT!;
    await world.broker.submit(
      approveReduce('live', { clientOrderId: 'by-hand', quantity, stopPrice: 40_000 }),
    );
    await world.minutes(2);
    await world.expectSettled();
    const stops = expectRows(await world.broker.openStops());
    expect(stops.map(({ clientOrderId }) => clientOrderId)).toEqual([
      (await world.orders()).find(({ leg }) => leg === 'stop')!.clientOrderId,
    ]);
  });
});

describe('whatever is repeated or cut off', () => {
  it('five deliveries, two at once with guard: one order each', async () => {
    await open();
    await world.decide({ BTCUSDT: 'BUY', ETHUSDT: 'SELL', SOLUSDT: 'BUY' });
    await Promise.all([world.execute(), world.execute(), world.managePositions()]);
    for (let delivery = 0; delivery < 3; delivery++) await world.execute();
    await world.minutes(2);
    expect(Object.keys(await world.held())).toHaveLength(3);
    await world.expectSettled();
  });

  it.each([
    ['QT_MAX_POSITIONS', '1'],
    ['QT_MAX_CAPITAL_ALLOCATION', '0.01'],
  ])('never exceeds %s %s', async (flag, text) => {
    await open();
    world.flagTexts.set(flag, text);
    await world.decide({ BTCUSDT: 'BUY', ETHUSDT: 'BUY', SOLUSDT: 'BUY' });
    await Promise.all([world.execute(), world.execute()]);
    await world.minute();
    const gate = (await world.risk.readGate('live'))!;
    expect(gate.positionCount).toBeLessThanOrEqual(flag === 'QT_MAX_POSITIONS' ? 1 : 10);
    const capital = flag === 'QT_MAX_CAPITAL_ALLOCATION' ? Number(text) : 1;
    expect(gate.exposureMicroUsdt).toBeLessThanOrEqual(capital * LIVE_DEPOSIT_USDT * 1e6);
    const exposure = expectRows(await world.broker.positions()).reduce(
      (sum, { quantity, markPrice }) => sum + Math.abs(quantity) * (markPrice ?? Number.NaN),
      0,
    );
    expect(exposure).toBeLessThanOrEqual(capital * LIVE_DEPOSIT_USDT);
    await world.expectSettled();
  });

  it.each(['before', 'after'] as const)(
    'a process that dies %s any call of the broker, and its successor: repaired within minutes',
    { timeout: 120_000 },
    async (when) => {
      for (let call = 1; ; call++) {
        await open();
        await world.decide({ BTCUSDT: 'BUY' });
        const at = `dead ${when} call ${call}`;
        const crash = new CrashPlan(call, when);
        await world.execute(crash).catch((error: unknown) => {
          if (!(error instanceof Crash)) throw error;
        });
        world.restart();
        await world.execute();
        await world.minute();
        await world.expectProtected(`${at}, a minute later`);
        await world.minutes(2);
        await world.expectSettled(at);
        expect(await world.latch(), at).toBe('ARMED');
        if (!crash.happened) break;
        await world.exchange.close();
      }
    },
  );

  it('a guard that dies at the horizon, and its successor', { timeout: 120_000 }, async () => {
    for (let call = 1; ; call++) {
      await open();
      await world.decide({ BTCUSDT: 'BUY' });
      await world.execute();
      await world.minutes(13);
      world.nowMs += 2 * MINUTE_MS;
      const crash = new CrashPlan(call, 'after');
      await world.managePositions(crash).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error;
      });
      world.restart();
      await world.minutes(3);
      expect(await world.held()).toEqual({});
      await world.expectSettled(`dead after call ${call}`);
      if (!crash.happened) break;
      await world.exchange.close();
    }
  });
});
