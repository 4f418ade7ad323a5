// Positions stay protected and are closed by what the account holds, whatever the records, the ledger or single answers say.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { unproven } from '../../../lib/core/actor.ts';
import { failure, success } from '../../../lib/core/result.ts';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import type { Broker } from '../../../lib/execution/ports.ts';
import { BOOKED_LEDGER, ORDERS, POSITIONS } from '../../../lib/execution/records.ts';
import { emergencyStop } from '../../../lib/execution/use-cases/emergency-stop.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { BREAKER_LIMITS } from '../../../lib/risk/breaker/limits.ts';
import { keyOf } from '../../../lib/risk/record-kind.ts';
import { POSITION_MANAGER } from '../../../lib/risk/records.ts';
import { collectBreakerEvidence } from '../../../lib/risk/use-cases/breaker-evidence.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import { signalOf, TradingWorld } from '../../support/trading/trading-world.ts';

const open = () => TradingWorld.open(signalOf('BTCUSDT', 'BUY'), signalOf('ETHUSDT', 'SELL'));

describe('a position that somebody has turned around', () => {
  it('is reduced on the side that the account holds, and the trade before it is told', async () => {
    const world = await open();
    await world.execute();
    await world.minute();
    const quantity = world.exchange.held.get('BTCUSDT')!;
    world.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'SELL', quantity: quantity * 2 });
    const before = world.exchange.sent.length;
    await world.minute();
    const sent = world.exchange.sent.slice(before).filter(({ symbol }) => symbol === 'BTCUSDT');
    expect(sent).not.toEqual([]);
    expect(sent.every(({ side }) => side === 'BUY')).toBe(true);
    await world.minutes(3);
    expect(world.exchange.held.has('BTCUSDT')).toBe(false);
    expect(world.exchange.openStops('BTCUSDT')).toEqual([]);
    const trades = allValues(await executionRecords(world.risk).trades.all('paper'));
    expect(trades.map(({ side, reason }) => [side, reason])).toEqual([
      ['BUY', 'unknown'],
      ['SELL', 'adopted'],
    ]);
  });
});

const noAnswer = async () => failure({ code: 'unavailable' as const, message: 'no answer', retryable: true });

/** From now on these calls of the broker fail. */
function fail(world: TradingWorld, ...calls: readonly (keyof Broker)[]): () => void {
  const { broker } = world.exchange;
  const before = { ...broker };
  for (const call of calls) Object.assign(broker, { [call]: noAnswer });
  return () => void Object.assign(broker, before);
}

describe('book-keeping that is not possible', () => {
  it.each([
    { calls: ['fills'] },
    { calls: ['incomeSince'] },
    { calls: ['walletMicroUsdt'] },
    { calls: ['openOrders'] },
    { calls: ['fills', 'incomeSince', 'walletMicroUsdt', 'openOrders'] },
  ] as const)('does not keep a position from its stop and its exit: $calls', async ({ calls }) => {
    const world = await open();
    world.exchange.answer = () => 'later';
    await world.execute();
    world.exchange.settle();
    world.exchange.answer = () => 'fill';
    const mend = fail(world, ...calls);
    expect((await world.minute()).outcome).toBe('incomplete');
    const held = world.exchange.held.get('BTCUSDT')!;
    expect(world.exchange.openStops('BTCUSDT').map(({ quantity }) => quantity)).toEqual([held]);
    await world.minutes(15);
    expect(world.exchange.held.size).toBe(0);
    mend();
    await world.minutes(3);
    expect((await world.bookedLedger()).ledger.positions).toEqual({});
    expect((await world.bookedLedger()).ledger.depositMicroUsdt).toBe(10_000_000_000);
    expect((await world.gate()).positionCount).toBe(0);
  });
});

describe('a list of stops that cannot be read', () => {
  it('leads to no second stop beside one that is found', async () => {
    const world = await open();
    await world.execute();
    fail(world, 'openStops');
    await world.minutes(4);
    expect(world.exchange.openStops('BTCUSDT')).toHaveLength(1);
    expect(world.exchange.held.has('BTCUSDT')).toBe(true);
  });

  it('closes the position within two minutes when the stop cannot be found either', async () => {
    const world = await open();
    await world.execute();
    fail(world, 'openStops', 'find');
    await world.minutes(2);
    expect(world.exchange.openStops('BTCUSDT').length).toBeLessThanOrEqual(1);
    expect(world.exchange.held.has('BTCUSDT')).toBe(false);
  });
});

describe('a row that bears another symbol than its order', () => {
  it('does not make an orphan of a stop of ours', async () => {
    const world = await open();
    await world.execute();
    await world.minute();
    const { broker } = world.exchange;
    const { openStops } = broker;
    Object.assign(broker, {
      openStops: async () => {
        const listed = await openStops();
        if (!listed.ok) return listed;
        const rows = listed.value.rows.map((row) => ({ ...row, symbol: 'OTHERUSDT' }));
        return success({ ...listed.value, rows });
      },
    });
    await world.minute();
    expect(world.exchange.openStops('BTCUSDT')).toHaveLength(1);
    expect(world.exchange.openStops('ETHUSDT')).toHaveLength(1);
  });
});

describe('an account that is shown as it was before the entry', () => {
  it('in both looks of a run, is no difference, and costs the position no stop', async () => {
    const world = await open();
    await world.minute();
    await world.renewLease();
    await world.execute();
    world.nowMs += 17_000;
    const { broker } = world.exchange;
    const { positions } = broker;
    Object.assign(broker, { positions: async () => success({ rows: [], problems: [] }) });
    expect((await world.managePositions()).differences).toEqual([]);
    Object.assign(broker, { positions });
    expect(world.exchange.openStops('BTCUSDT')).toHaveLength(1);
    expect((await world.minute()).differences).toEqual([]);
  });
});

describe('a position without a record', () => {
  const recordOf = async (world: TradingWorld) =>
    (await executionRecords(world.risk).positionManager.get('paper'))!.value;

  it('is unprotected since it was first seen, and closed when the entry of its symbol came to nothing', async () => {
    const world = await open();
    world.exchange.answer = () => 'lost';
    await world.execute();
    world.exchange.answer = () => 'fill';
    world.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.02 });
    world.nowMs += 20_000;
    await world.managePositions();
    const firstSeenMs = world.nowMs;
    world.nowMs += 20_000;
    const report = await world.managePositions();
    expect(report.unprotectedSinceMs).toBe(firstSeenMs);
    expect((await recordOf(world)).unprotectedSince).toEqual({ BTCUSDT: firstSeenMs });
    await world.minutes(2);
    expect(world.exchange.held.size).toBe(0);
    await world.minutes(2);
    expect((await recordOf(world)).unprotectedSince).toEqual({});
  });

  it('stays known by the runs that are not complete, and by those that see nothing', async () => {
    const world = await open();
    const completedAtMs = world.nowMs;
    world.exchange.answer = () => 'reject';
    fail(world, 'incomeSince');
    world.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.02 });
    expect((await world.minute()).outcome).toBe('incomplete');
    const firstSeenMs = world.nowMs;
    world.exchange.isDown = true;
    expect((await world.minute()).outcome).toBe('exchange_unavailable');
    expect(await recordOf(world)).toMatchObject({
      completedAtMs,
      attemptedAtMs: world.nowMs,
      unprotectedSinceMs: firstSeenMs,
    });
  });
});

describe('answers that come late', () => {
  const withLate = async (world: TradingWorld, call: 'fills' | 'find', answer: unknown, runs: number) => {
    const { broker } = world.exchange;
    const before = broker[call];
    Object.assign(broker, { [call]: async () => success(answer) });
    for (let run = 0; run < runs; run++) await world.minute();
    Object.assign(broker, { [call]: before });
  };

  it('of the trades of an order are booked once, and never taken over before', async () => {
    const world = await open();
    world.exchange.answer = () => 'later';
    await world.execute();
    world.exchange.settle();
    world.exchange.answer = () => 'fill';
    await withLate(world, 'fills', [], 2);
    const report = await world.minute();
    expect(report).toMatchObject({ outcome: 'completed', differences: [] });
    const { ledger } = await world.bookedLedger();
    expect(ledger.depositMicroUsdt).toBe(10_000_000_000);
    for (const [symbol, quantity] of world.exchange.held)
      expect(ledger.positions[symbol]?.quantity).toBe(quantity);
  });

  it('of an order that was just acknowledged are no difference', async () => {
    const world = await open();
    world.exchange.answer = (order) => (order.kind === 'entry' ? 'later' : 'fill');
    await world.execute();
    world.nowMs += 15_000;
    const { broker } = world.exchange;
    const { find } = broker;
    Object.assign(broker, { find: async () => success(undefined) });
    expect((await world.managePositions()).differences).toEqual([]);
    Object.assign(broker, { find });
    world.exchange.settle();
    expect((await world.minute()).differences).toEqual([]);
    expect((await world.bookedLedger()).ledger.depositMicroUsdt).toBe(10_000_000_000);
  });

  it('of funding are waited for, and booked once', async () => {
    const world = await open();
    const { ledger } = world.exchange;
    const paid = 5_000_000;
    world.exchange.ledger = { ...ledger, fundingMicroUsdt: paid, cashMicroUsdt: ledger.cashMicroUsdt + paid };
    const atMs = world.nowMs + 1_000;
    for (let minute = 0; minute < 4; minute++)
      expect(await world.minute()).toMatchObject({ outcome: 'completed', differences: [] });
    const row = {
      id: 'f1',
      kind: 'funding',
      type: 'FUNDING_FEE',
      symbol: 'BTCUSDT',
      asset: 'USDT',
      amount: 5,
    };
    const rows = [{ ...row, tradeId: null, atMs }];
    Object.assign(world.exchange.broker, { incomeSince: async () => success({ rows, problems: [] }) });
    expect((await world.minute()).differences).toEqual([]);
    expect((await world.minute()).differences).toEqual([]);
    expect((await world.bookedLedger()).ledger).toMatchObject({
      fundingMicroUsdt: paid,
      depositMicroUsdt: 10_000_000_000,
    });
  });

  it('a wallet that nothing explains is told in the end', async () => {
    const world = await open();
    const { ledger } = world.exchange;
    world.exchange.ledger = { ...ledger, depositMicroUsdt: ledger.depositMicroUsdt - 5_000_000 };
    await world.minutes(9);
    const { differences } = await world.minute();
    expect(differences).toEqual([]);
    const later = [await world.minute(), await world.minute()];
    expect(later.flatMap((report) => report.differences).length).toBeGreaterThan(0);
  });
});

describe('a wallet that could not be compared for a moment', () => {
  it('is not taken to be alike: what differs before and after is told as late as otherwise', async () => {
    const world = await open();
    const { ledger } = world.exchange;
    world.exchange.ledger = { ...ledger, depositMicroUsdt: ledger.depositMicroUsdt - 5_000_000 };
    const differences: string[] = [];
    for (let minute = 0; minute < 16; minute++) {
      const mend = minute % 4 === 3 ? fail(world, 'walletMicroUsdt') : () => undefined;
      differences.push(...(await world.minute()).differences);
      mend();
    }
    expect(differences.length).toBeGreaterThan(0);
  });

  it('forgets what it differed by once it is seen to be alike', async () => {
    const world = await open();
    const { ledger } = world.exchange;
    const reports = [];
    for (let minute = 0; minute < 40; minute++) {
      const lost = minute % 4 === 3 ? 0 : 5_000_000;
      world.exchange.ledger = { ...ledger, depositMicroUsdt: ledger.depositMicroUsdt - lost };
      reports.push(await world.minute());
    }
    expect(reports.flatMap((report) => report.differences)).toEqual([]);
  });
});

describe('a run that is held up', () => {
  it('books nothing again of what another run has booked and ended, and says so', async () => {
    const world = await open();
    await world.execute();
    await world.minutes(14);
    const { broker } = world.exchange;
    const { positions } = broker;
    let isFirst = true;
    // Just after it has looked the exits up, its successors end the trades.
    Object.assign(broker, {
      positions: async () => {
        const seen = await positions();
        if (isFirst) {
          isFirst = false;
          await world.minutes(4);
        }
        return seen;
      },
    });
    const late = await world.managePositions();
    expect(world.exchange.held.size).toBe(0);
    expect(late.outcome).toBe('overtaken');
    await world.minutes(2);
    expect((await world.bookedLedger()).ledger).toMatchObject({
      positions: {},
      depositMicroUsdt: 10_000_000_000,
    });
    const trades = allValues(await executionRecords(world.risk).trades.all('paper'));
    expect(trades).toHaveLength(2);
  });
});

describe('an exchange that refuses to reduce', () => {
  const exitsOf = (world: TradingWorld) =>
    world.exchange.sent.filter(
      (order) => order.symbol === 'BTCUSDT' && order.kind === 'reduce' && order.stopPrice === null,
    );

  it('is asked for days, more slowly, until it lets the position go', { timeout: 60_000 }, async () => {
    const world = await open();
    await world.execute();
    await world.minutes(15);
    world.exchange.answer = (order) =>
      order.kind === 'reduce' && order.stopPrice === null ? 'reject' : 'fill';
    world.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.02 });
    await world.minutes(400);
    const asked = exitsOf(world).length;
    expect(asked).toBeGreaterThan(60);
    expect(asked).toBeLessThan(120);
    world.exchange.answer = () => 'fill';
    await world.minutes(8);
    expect(world.exchange.held.size).toBe(0);
  });

  /** One line for each thing that could not be done. */
  const stopEverything = async (world: TradingWorld): Promise<readonly string[]> => {
    let stopwatchMs = 0;
    const steps = await emergencyStop(
      {
        ...world,
        ...{ shards: 1, limits: BREAKER_LIMITS, codeVersion: 'v1' },
        notifier: { notify: async () => undefined },
        openBroker: async () => world.exchange.broker,
        stopwatchMs: () => stopwatchMs,
        pause: async (durationMs) => {
          stopwatchMs += durationMs;
        },
        expire: () => new Promise(() => undefined),
      },
      { scopes: ['paper'], operator: unproven('ada'), reason: 'a drill', keepPositions: false },
    );
    return steps.flatMap((step) => step.failures);
  };

  it('at an emergency stop keeps its stop, and what could be closed loses its own', async () => {
    const world = await open();
    await world.execute();
    await world.minute();
    world.exchange.answer = ({ symbol }) => (symbol === 'BTCUSDT' ? 'reject' : 'fill');
    const failures = await stopEverything(world);
    expect(failures).toEqual(['BTCUSDT: the position is still open; its stop stays']);
    expect([...world.exchange.held.keys()]).toEqual(['BTCUSDT']);
    expect(world.exchange.openStops('ETHUSDT')).toEqual([]);
    expect(world.exchange.openStops('BTCUSDT').map(({ quantity }) => quantity)).toEqual([
      world.exchange.held.get('BTCUSDT'),
    ]);
  });

  /** From now on BTCUSDT is traded by one step of 0.004 at a time. */
  const coarsen = ({ exchange }: TradingWorld) => {
    const step = 0.004;
    const filters = {
      tickSize: 0.1,
      stepSize: step,
      minQuantity: step,
      maxQuantity: step,
      minNotionalUsdt: 5,
    };
    const fits = (quantity: number) => quantity <= step && Math.abs(quantity / step - 1) < 1e-9;
    Object.assign(exchange.broker, {
      filters: async () => success(new Map([['BTCUSDT', filters]])),
    });
    exchange.answer = (order) =>
      order.symbol === 'BTCUSDT' && order.quantity !== null && !fits(order.quantity) ? 'filters' : 'fill';
  };

  it('by new filters gets what they let pass, and a stop beside the market for the rest', async () => {
    const world = await open();
    await world.execute();
    await world.minute();
    const held = world.exchange.held.get('BTCUSDT')!;
    coarsen(world);
    await world.minutes(15);
    expect(held).toBe(0.014);
    expect(world.exchange.held.get('BTCUSDT')).toBe(0.002);
    expect(world.exchange.openStops('BTCUSDT').map(({ quantity }) => quantity)).toEqual([null]);
    world.exchange.move('BTCUSDT', 49_950);
    await world.minutes(3);
    expect(world.exchange.held.has('BTCUSDT')).toBe(false);
    expect((await world.bookedLedger()).ledger.positions).toEqual({});
  });

  it.each(['its own', "a person's"])(
    'gets the stop beside the market in the place of the close-position stop that is there: %s',
    async (whose) => {
      const world = await open();
      await world.execute();
      await world.minute();
      coarsen(world);
      const { broker } = world.exchange;
      if (whose === 'its own') await broker.cancelAll('BTCUSDT');
      else world.exchange.stopByHand({ symbol: 'BTCUSDT', stopPrice: 49_000 });
      for (let minute = 0; minute < 15; minute++) {
        await world.minute();
        expect(world.exchange.openStops('BTCUSDT')).not.toEqual([]);
      }
      expect(world.exchange.held.get('BTCUSDT')).toBe(0.002);
      const { positions } = executionRecords(world.risk);
      expect((await positions.get('paper', 'BTCUSDT'))!.value.unprotectedSinceMs).toBeNull();
      world.exchange.move('BTCUSDT', 49_950);
      await world.minutes(3);
      expect(world.exchange.held.has('BTCUSDT')).toBe(false);
      expect((await world.gate()).breaker.latch).toBe('ARMED');
    },
  );

  it('gets it again when somebody has cancelled it, and no farther one in its place', async () => {
    const world = await open();
    await world.execute();
    await world.minute();
    coarsen(world);
    await world.minutes(15);
    expect(world.exchange.held.get('BTCUSDT')).toBe(0.002);
    await world.exchange.broker.cancelAll('BTCUSDT');
    await world.minute();
    expect(world.exchange.openStops('BTCUSDT')).toHaveLength(1);
    world.exchange.move('BTCUSDT', 49_950);
    expect(world.exchange.held.has('BTCUSDT')).toBe(false);
  });

  it('gets a stop though its own, which is gone, cannot be looked up', async () => {
    const world = await open();
    await world.execute();
    await world.minute();
    coarsen(world);
    await world.minutes(15);
    const { broker } = world.exchange;
    await broker.cancelAll('BTCUSDT');
    const { find } = broker;
    const error = { code: 'unavailable', message: 'no look-up', retryable: true } as const;
    broker.find = async (order) => (order.kind === 'stop' ? failure(error) : find(order));
    await world.minute();
    expect(world.exchange.openStops('BTCUSDT')).toHaveLength(1);
  });

  it('at an emergency stop leaves its rest to a stop beside the market too, whatever the records say', async () => {
    const world = await open();
    await world.execute();
    await world.minute();
    coarsen(world);
    await world.exchange.broker.cancelAll('BTCUSDT');
    await world.minute();
    const { positions } = executionRecords(world.risk);
    await positions.remove('paper', (await positions.get('paper', 'BTCUSDT'))!);
    expect(await stopEverything(world)).toEqual(['BTCUSDT: the position is still open; its stop stays']);
    expect(world.exchange.held.get('BTCUSDT')).toBe(0.002);
    world.exchange.move('BTCUSDT', 49_950);
    expect(world.exchange.held.has('BTCUSDT')).toBe(false);
  });
});

describe('a record that cannot be read', () => {
  const spoil = async (world: TradingWorld, key: string) => {
    const { revision, value } = (await world.risk.get('paper', key, z.looseObject({})))!;
    const spoiled = { ...value, quantity: -1, completedAtMs: 0.5 };
    expect(await world.risk.put('paper', key, spoiled, { ifRevision: revision })).toBe('written');
  };

  it.each(['position', 'entry', 'stop', 'manager', 'ledger'] as const)(
    'bounds only itself: %s',
    async (which) => {
      const world = await open();
      await world.execute();
      await world.minute();
      const { positions } = executionRecords(world.risk);
      const position = (await positions.get('paper', 'BTCUSDT'))!.value;
      const keys = {
        position: keyOf(POSITIONS, 'BTCUSDT'),
        entry: keyOf(ORDERS, position.entryClientOrderId),
        stop: keyOf(ORDERS, position.stopClientOrderId!),
        manager: keyOf(POSITION_MANAGER),
        ledger: keyOf(BOOKED_LEDGER),
      };
      if (which === 'ledger') {
        const { revision } = (await world.risk.get('paper', keys.ledger, z.unknown()))!;
        await world.risk.put('paper', keys.ledger, { ledger: null }, { ifRevision: revision });
      } else await spoil(world, keys[which]);
      for (let minute = 0; minute < 5; minute++) {
        await world.minute();
        for (const [symbol, quantity] of world.exchange.held)
          expect(world.exchange.openStops(symbol).map((stop) => stop.quantity)).toContain(Math.abs(quantity));
      }
      expect(world.exchange.held.has('ETHUSDT')).toBe(true);
      await world.minutes(12);
      expect(world.exchange.held.size).toBe(0);
    },
  );
});

describe('what has healed between two ticks of the breaker', () => {
  it('is judged by the next tick, until the breaker is armed anew', async () => {
    const world = await open();
    const armed = (await world.gate()).breaker;
    world.exchange.tradeByHand({ symbol: 'SOLUSDT', side: 'BUY', quantity: 3 });
    await world.minutes(5);
    const asked = { scope: 'paper' as const, state: armed, nowMs: world.nowMs };
    const sources = { risk: world.risk, signals: world.signals, shards: 1, limits: BREAKER_LIMITS };
    expect(await collectBreakerEvidence(sources, asked)).toMatchObject({
      reconciliationDifferences: { state: 'value', value: 1 },
    });
    const armedAnew = { ...asked, state: { ...armed, armedAtMs: world.nowMs } };
    expect(await collectBreakerEvidence(sources, armedAnew)).toMatchObject({
      reconciliationDifferences: { state: 'value', value: 0 },
      unprotectedSinceMs: { state: 'value', value: null },
    });
  });

  it('names how long a position had no stop that is gone by now', async () => {
    const world = await open();
    const armed = (await world.gate()).breaker;
    world.exchange.answer = () => 'reject';
    world.exchange.tradeByHand({ symbol: 'SOLUSDT', side: 'BUY', quantity: 3 });
    await world.minutes(3);
    world.exchange.answer = () => 'fill';
    await world.minutes(3);
    expect(world.exchange.held.size).toBe(0);
    const asked = { scope: 'paper' as const, state: armed, nowMs: world.nowMs };
    const sources = { risk: world.risk, signals: world.signals, shards: 1, limits: BREAKER_LIMITS };
    const { unprotectedSinceMs } = await collectBreakerEvidence(sources, asked);
    expect(unprotectedSinceMs.state === 'value' && unprotectedSinceMs.value).toBeLessThanOrEqual(
      world.nowMs - 2 * MINUTE_MS,
    );
  });
});
