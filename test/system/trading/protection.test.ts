// What the position manager does when the gate has moved on or cannot be read, and beside surplus stops.
import { describe, expect, it } from 'vitest';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { approveReduction } from '../../../lib/risk/gate.ts';
import { PRICES, signalOf, TradingWorld } from '../../support/trading/trading-world.ts';

const open = () => TradingWorld.open(signalOf('BTCUSDT', 'BUY'), signalOf('ETHUSDT', 'SELL'));
const { outcomes } = TradingWorld;

const positionOf = async (world: TradingWorld, symbol: string) =>
  (await executionRecords(world.risk).positions.get('paper', symbol))!.value;

const reasons = async (world: TradingWorld) =>
  (await executionRecords(world.risk).trades.all('paper')).records.map(({ value }) => value.reason);

describe('an entry that the circuit breaker has overtaken', () => {
  it.each([
    { rearmed: false, path: 'filled while it stays tripped' },
    { rearmed: true, path: 'filled after it was armed anew' },
  ])('is closed when it fills nevertheless: $path', async ({ rearmed }) => {
    const world = await open();
    world.exchange.answer = ({ kind }) => (kind === 'entry' ? 'later' : 'fill');
    await world.execute();
    world.nowMs += 1;
    await world.setLatch('TRIPPED');
    if (rearmed) await world.setLatch('ARMED');
    world.nowMs += 1;
    world.exchange.settle();
    expect(world.exchange.held.size).toBe(2);
    await world.minute();
    expect(world.exchange.held.size).toBe(0);
    await world.minute();
    expect(world.exchange.openStops('BTCUSDT')).toEqual([]);
    expect(await reasons(world)).toEqual(['withdrawn', 'withdrawn']);
  });

  it('is closed for good: an exit that is refused now is sent when the gate has moved on again', async () => {
    const world = await open();
    world.exchange.answer = ({ kind }) => (kind === 'entry' ? 'later' : 'fill');
    await world.execute();
    world.nowMs += 1;
    await world.setLatch('TRIPPED');
    world.nowMs += 1;
    world.exchange.settle();
    world.exchange.answer = (order) =>
      order.kind === 'reduce' && order.stopPrice === null ? 'reject' : 'fill';
    await world.minute();
    for (const [symbol, quantity] of world.exchange.held)
      expect(world.exchange.openStops(symbol).map((stop) => stop.quantity)).toEqual([Math.abs(quantity)]);
    await world.setLatch('ARMED');
    world.exchange.answer = () => 'fill';
    await world.minute();
    expect(world.exchange.held.size).toBe(0);
  });

  it('keeps its position behind the stop when it was filled before', async () => {
    const world = await open();
    await world.execute();
    world.nowMs += 1;
    await world.setLatch('TRIPPED');
    await world.minutes(3);
    expect(world.exchange.held.size).toBe(2);
  });

  it('is withdrawn when the gate closes between the authorisation and the order', async () => {
    const world = await open();
    const { commit } = world.risk;
    world.risk.commit = async (scope, plan) => {
      const committed = await commit(scope, plan);
      world.risk.commit = commit;
      await world.setLatch('TRIPPED');
      return committed;
    };
    expect(outcomes(await world.execute(), 'BTCUSDT')).toEqual(['entry_withdrawn']);
    expect(world.exchange.sent).toEqual([]);
    expect((await world.gate()).reserved).toEqual({});
  });
});

describe('a gate that cannot be read', () => {
  const unreadable = async () => {
    throw new Error('the gate does not answer');
  };
  const lose = (world: TradingWorld) => {
    const { readGate } = world.risk;
    world.risk.readGate = unreadable;
    return () => {
      world.risk.readGate = readGate;
    };
  };

  /** Like a minute of the system, but for the circuit breaker, which cannot read the gate either. */
  const run = async (world: TradingWorld) => {
    world.nowMs += 60_000;
    return world.managePositions();
  };

  it('keeps nothing from its stop or its exit, is reported, and leaves the record of the run', async () => {
    const world = await open();
    world.exchange.answer = ({ kind }) => (kind === 'entry' ? 'later' : 'fill');
    await world.execute();
    world.exchange.settle();
    world.exchange.answer = () => 'fill';
    const mend = lose(world);
    const report = await run(world);
    expect(report).toMatchObject({ outcome: 'incomplete', unprotectedSinceMs: null });
    expect(report.faults).toEqual(['gate: the gate does not answer']);
    for (const [symbol, quantity] of world.exchange.held)
      expect(world.exchange.openStops(symbol).map((stop) => stop.quantity)).toEqual([Math.abs(quantity)]);
    const record = (await executionRecords(world.risk).positionManager.get('paper'))!.value;
    expect(record.attemptedAtMs).toBe(world.nowMs);
    expect(record.completedAtMs).toBeLessThan(world.nowMs);
    for (let minute = 0; minute < 16; minute++) await run(world);
    expect(world.exchange.held.size).toBe(0);
    mend();
    await world.minutes(2);
    expect((await world.gate()).reserved).toEqual({});
    expect(await reasons(world)).toEqual(['horizon', 'horizon']);
  });

  it('leads to no adoption of an entry that is under way, and to one of what nobody knows', async () => {
    const world = await open();
    world.exchange.answer = ({ kind }) => (kind === 'entry' ? 'slow' : 'fill');
    await world.execute();
    world.exchange.tradeByHand({ symbol: 'SOLUSDT', side: 'BUY', quantity: 3 });
    lose(world);
    await run(world);
    await run(world);
    expect([...world.exchange.held.keys()].sort()).toEqual(['BTCUSDT', 'ETHUSDT']);
  });
});

describe.each(['positionManager', 'positions'] as const)('records that cannot be read: %s', (which) => {
  it('do not end the run: it reports, and the next one goes on', async () => {
    const world = await open();
    await world.execute();
    const { get, list } = world.risk;
    const refuse = async () => {
      throw new Error('no answer');
    };
    if (which === 'positions') world.risk.list = refuse;
    else
      world.risk.get = (async (...given: Parameters<typeof get>) =>
        given[1].includes('position-manager') || given[1].includes('guard')
          ? refuse()
          : get(...given)) as typeof get;
    const report = await world.minute();
    expect(report.outcome).not.toBe('completed');
    expect(report.faults).not.toEqual([]);
    Object.assign(world.risk, { get, list });
    expect((await world.minute()).outcome).toBe('completed');
  });
});

describe('surplus stops', () => {
  /** Places a stop of the same size beside the position's own, as a run did whose answer was lost. */
  const doubled = async () => {
    const world = await open();
    await world.execute();
    await world.minute();
    const before = await positionOf(world, 'BTCUSDT');
    world.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.01 });
    return { world, before };
  };

  it('are cancelled in the run that replaces them, after the new one is on the exchange', async () => {
    const { world, before } = await doubled();
    const { cancel } = world.exchange.broker;
    const listedAtCancel: number[] = [];
    world.exchange.broker.cancel = async (order) => {
      listedAtCancel.push(world.exchange.openStops('BTCUSDT').length);
      return cancel(order);
    };
    // Nothing is booked in this run: protection does not wait for it.
    world.exchange.broker.fills = async () => {
      throw new Error('no answer');
    };
    await world.minute();
    const stops = world.exchange.openStops('BTCUSDT');
    expect(stops).toHaveLength(1);
    expect(stops[0]!.clientOrderId).not.toBe(before.stopClientOrderId);
    expect(listedAtCancel[0]).toBe(2);
  });

  it('stay while the one that replaces them is not known to be there', async () => {
    const { world, before } = await doubled();
    world.exchange.answer = (order) => (order.kind === 'reduce' ? 'lost' : 'fill');
    await world.minute();
    expect(world.exchange.openStops('BTCUSDT').map(({ clientOrderId }) => clientOrderId)).toEqual([
      before.stopClientOrderId,
    ]);
  });

  it('of others stay as long as the position has none of its own', async () => {
    const world = await open();
    await world.execute();
    await world.minute();
    await world.exchange.broker.cancel({
      symbol: 'BTCUSDT',
      clientOrderId: (await positionOf(world, 'BTCUSDT')).stopClientOrderId!,
      kind: 'stop',
    });
    const stop = {
      kind: 'reduce',
      reduceOnly: true,
      scope: 'paper',
      clientOrderId: 'by-hand',
      symbol: 'BTCUSDT',
      side: 'SELL',
      quantity: 0.014,
      stopPrice: PRICES.BTCUSDT * 0.98,
    } as const;
    await world.exchange.broker.submit(approveReduction(stop));
    world.exchange.answer = () => 'lost';
    await world.minute();
    expect(world.exchange.openStops('BTCUSDT').map(({ clientOrderId }) => clientOrderId)).toEqual([
      'by-hand',
    ]);
    world.exchange.answer = () => 'fill';
    await world.minute();
    const own = (await positionOf(world, 'BTCUSDT')).stopClientOrderId;
    expect(world.exchange.openStops('BTCUSDT').map(({ clientOrderId }) => clientOrderId)).toEqual([own]);
  });
});

describe('a stop whose answer is lost', () => {
  it('is looked up at once, and protects from then on', async () => {
    const world = await open();
    world.exchange.answer = ({ kind }) => (kind === 'entry' ? 'later' : 'timeout');
    await world.execute();
    world.exchange.settle();
    await world.minute();
    expect((await positionOf(world, 'BTCUSDT')).unprotectedSinceMs).toBeNull();
    expect(world.exchange.openStops('BTCUSDT')).toHaveLength(1);
  });

  it('leaves its position unprotected when it never arrived', async () => {
    const world = await open();
    world.exchange.answer = ({ kind }) => (kind === 'entry' ? 'later' : 'lost');
    await world.execute();
    world.exchange.settle();
    await world.minute();
    expect((await positionOf(world, 'BTCUSDT')).unprotectedSinceMs).not.toBeNull();
  });
});

describe('an entry whose answer is lost', () => {
  it('is looked up at once, and what it has opened has its stop before the run ends', async () => {
    const world = await open();
    world.exchange.answer = ({ kind }) => (kind === 'entry' ? 'timeout' : 'fill');
    expect(outcomes(await world.execute(), 'BTCUSDT')).toEqual(['entry_unknown']);
    const held = world.exchange.held.get('BTCUSDT')!;
    expect(world.exchange.openStops('BTCUSDT').map(({ quantity }) => quantity)).toEqual([held]);
    expect((await positionOf(world, 'BTCUSDT')).unprotectedSinceMs).toBeNull();
  });
});

describe('an order that a changed filter refuses', () => {
  it('does not count towards the rejections that trip: another one follows at once', async () => {
    const world = await open();
    world.exchange.answer = (order) =>
      order.kind === 'reduce' && order.stopPrice !== null && order.quantity !== null ? 'filters' : 'fill';
    await world.execute();
    expect(world.exchange.openStops('BTCUSDT')).toHaveLength(1);
    expect((await executionRecords(world.risk).rejections.all('paper')).records).toEqual([]);
    world.exchange.answer = () => 'reject';
    await world.minutes(15);
    expect((await executionRecords(world.risk).rejections.all('paper')).records).not.toEqual([]);
  });
});
