// The emergency stop: closes the gate and flattens the account at the same time, each part on its own, and looks again after the
// longest time that an order authorised before can take.
import { describe, expect, it } from 'vitest';
import { unproven } from '../../../lib/core/actor.ts';
import { failure, success } from '../../../lib/core/result.ts';
import {
  type EmergencyStep,
  type EmergencyStopDependencies,
  type EmergencyStopRequest,
  emergencyStop,
} from '../../../lib/execution/use-cases/emergency-stop.ts';
import { BREAKER_LIMITS } from '../../../lib/risk/breaker/limits.ts';
import { newGate } from '../../../lib/risk/gate.ts';
import { openTrade } from '../../support/trading/open-trade.ts';
import { signalOf, TradingWorld } from '../../support/trading/trading-world.ts';

const error = { code: 'unavailable', message: '503', retryable: true } as const;
const broken = () => Promise.reject(new Error('no answer'));

/** The stop of this world; `pauses` counts what was waited for. */
function stopOf(world: TradingWorld, over: Partial<EmergencyStopDependencies> = {}) {
  const pauses: number[] = [];
  const dependencies: EmergencyStopDependencies = {
    ...{ risk: world.risk, flags: world.flags, signals: world.signals, clock: world.clock },
    ...{ codeVersion: 'v1', shards: 1, limits: BREAKER_LIMITS },
    notifier: { notify: async () => undefined },
    stopwatchMs: () => world.nowMs,
    pause: async (durationMs) => {
      pauses.push(durationMs);
    },
    expire: () => new Promise(() => undefined),
    openBroker: async () => world.exchange.broker,
    ...over,
  };
  const stop = (request: Partial<EmergencyStopRequest> = {}) =>
    emergencyStop(dependencies, {
      ...{ scopes: ['paper'], operator: unproven('ada'), reason: 'a test', keepPositions: false },
      ...request,
    });
  return { stop, pauses };
}

const linesOf = (steps: readonly EmergencyStep[], lines: 'done' | 'failures') =>
  Object.fromEntries(steps.map((one) => [one.step, one[lines]]));
const NOTHING_FAILED = { latch: [], flags: [], cancel_orders: [], flatten: [] };
const FLAG = ['EMERGENCY_MODE is true'];

/** An entry that the exchange has taken and not filled. */
async function withOpenEntry() {
  const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
  world.exchange.answer = () => 'later';
  await world.execute();
  const { clientOrderId } = world.exchange.entries()[0]!;
  return { world, exchange: world.exchange, clientOrderId };
}

describe('an emergency stop', () => {
  it('closes the gate and the flag, and every position with its stops', async () => {
    const { world, exchange } = await openTrade();
    const { epoch } = await world.gate();
    const { stop } = stopOf(world);
    const steps = await stop();
    expect(steps.map(({ step, scope }) => [step, scope])).toEqual([
      ['latch', 'paper'],
      ['flags', undefined],
      ['cancel_orders', 'paper'],
      ['flatten', 'paper'],
    ]);
    expect(linesOf(steps, 'failures')).toEqual(NOTHING_FAILED);
    expect(linesOf(steps, 'done')).toEqual({
      latch: [`the latch is TRIPPED, epoch ${epoch + 1}`],
      ...{ flags: FLAG, cancel_orders: [], flatten: ['BTCUSDT: exit acknowledged'] },
    });
    expect(await world.gate()).toMatchObject({ latch: 'TRIPPED', epoch: epoch + 1 });
    expect(world.flagTexts.get('EMERGENCY_MODE')).toBe('true');
    expect(exchange.held.size).toBe(0);
    expect(exchange.openStops('BTCUSDT')).toEqual([]);
  });

  it('does it for every scope, each with its own account', async () => {
    const { world } = await openTrade();
    const { breaker } = await world.gate();
    await world.risk.createGate('live', newGate(breaker));
    const opened: string[] = [];
    const { stop } = stopOf(world, {
      openBroker: async (scope) => {
        opened.push(scope);
        return { ...world.exchange.broker, scope };
      },
    });
    const steps = await stop({ scopes: ['paper', 'live'] });
    expect(steps.map(({ step, scope }) => `${step} ${scope}`)).toEqual([
      ...['latch paper', 'latch live', 'flags undefined'],
      ...['cancel_orders paper', 'flatten paper', 'cancel_orders live', 'flatten live'],
    ]);
    // Opened once, whoever needs it.
    expect(opened).toEqual(['paper', 'live']);
  });

  it('closes the flag before it is known which scopes there are', async () => {
    const { world } = await openTrade();
    let tell: (scopes: readonly ['paper']) => void = () => undefined;
    const scopes = new Promise<readonly ['paper']>((resolve) => {
      tell = resolve;
    });
    const stopping = stopOf(world).stop({ scopes });
    await new Promise((resolve) => setImmediate(resolve));
    expect(world.flagTexts.get('EMERGENCY_MODE')).toBe('true');
    expect((await world.gate()).latch).toBe('ARMED');
    tell(['paper']);
    await stopping;
    expect((await world.gate()).latch).toBe('TRIPPED');
  });

  it('leaves the positions and their stops where they are to stay', async () => {
    const { world, exchange } = await openTrade();
    const steps = await stopOf(world).stop({ keepPositions: true });
    expect(steps.map(({ step }) => step)).toEqual(['latch', 'flags', 'cancel_orders']);
    expect(exchange.held.size).toBe(1);
    expect(exchange.openStops('BTCUSDT')).toHaveLength(1);
  });

  it('says how long each part has taken', async () => {
    const { world } = await openTrade();
    let nowMs = 7;
    const { stop } = stopOf(world, {
      stopwatchMs: () => nowMs,
      pause: async (durationMs) => {
        if (durationMs === 4_000) nowMs += durationMs;
      },
    });
    const took = Object.fromEntries((await stop()).map(({ step, tookMs }) => [step, tookMs]));
    expect(took).toEqual({ latch: 0, flags: 0, cancel_orders: 4_000, flatten: 4_000 });
  });

  it('flattens while the gate is still being closed, and looks again only when it is', async () => {
    const { world, exchange } = await openTrade();
    let answer: () => void = () => undefined;
    const { commit } = world.risk;
    const waiting = new Promise<void>((resolve) => {
      answer = resolve;
    });
    world.risk.commit = async (scope, plan) => {
      await waiting;
      return commit(scope, plan);
    };
    const { stop, pauses } = stopOf(world);
    const stopping = stop();
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(exchange.held.size).toBe(0);
    expect(pauses).toEqual([1_000]);
    answer();
    await stopping;
    expect(pauses).toEqual([1_000, 4_000]);
  });

  it('closes what was entered just before the gate was closed', async () => {
    const { world, exchange } = await openTrade();
    const { stop } = stopOf(world, {
      pause: async (durationMs) => {
        if (durationMs === 4_000) exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'BUY', quantity: 1 });
      },
    });
    const steps = await stop();
    expect(linesOf(steps, 'done').flatten).toEqual([
      'BTCUSDT: exit acknowledged',
      'ETHUSDT: exit acknowledged, not in the records (there is no record of the position)',
    ]);
    expect(linesOf(steps, 'failures')).toEqual(NOTHING_FAILED);
    expect(exchange.held.size).toBe(0);
  });

  it('tells what the second look could not do, and not what it has made good', async () => {
    const { world, exchange } = await openTrade();
    exchange.isDown = true;
    const { stop } = stopOf(world, {
      pause: async (durationMs) => {
        if (durationMs === 4_000) exchange.isDown = false;
      },
    });
    const steps = await stop();
    expect(linesOf(steps, 'failures')).toEqual(NOTHING_FAILED);
    expect(exchange.held.size).toBe(0);
    const second = await openTrade();
    const down = stopOf(second.world, {
      pause: async (durationMs) => {
        if (durationMs === 4_000) second.exchange.isDown = true;
      },
    });
    expect(linesOf(await down.stop(), 'failures')).toMatchObject({
      cancel_orders: ['unavailable: down'],
      flatten: ['unavailable: down'],
    });
  });
});

describe('a part of an emergency stop that cannot be done', () => {
  it('leaves the others to be done: the flags', async () => {
    const { world, exchange } = await openTrade();
    const flags = { ...world.flags, write: broken };
    const steps = await stopOf(world, { flags }).stop();
    expect(linesOf(steps, 'failures')).toMatchObject({ flags: ['no answer'], flatten: [] });
    expect(linesOf(steps, 'done').flags).toEqual([]);
    expect((await world.gate()).latch).toBe('TRIPPED');
    expect(exchange.held.size).toBe(0);
  });

  it('leaves the others to be done: the latch', async () => {
    const { world, exchange } = await openTrade();
    world.risk.commit = broken;
    const steps = await stopOf(world).stop();
    expect(linesOf(steps, 'failures').latch).toContainEqual(expect.stringMatching(/no answer/));
    expect(linesOf(steps, 'done')).toMatchObject({ latch: [], flags: FLAG });
    expect(exchange.held.size).toBe(0);
  });

  it('leaves the others to be done: the account, which is asked for once', async () => {
    const { world, exchange } = await openTrade();
    let asked = 0;
    const openBroker = () => {
      asked++;
      return broken();
    };
    const steps = await stopOf(world, { openBroker }).stop();
    expect(linesOf(steps, 'failures')).toEqual({
      ...{ latch: [], flags: [], cancel_orders: ['no answer'], flatten: ['no answer'] },
    });
    expect(asked).toBe(1);
    expect((await world.gate()).latch).toBe('TRIPPED');
    expect(exchange.held.size).toBe(1);
  });
});

describe('orders that may still open a position', () => {
  it('are cancelled', async () => {
    const { world, exchange, clientOrderId } = await withOpenEntry();
    const steps = await stopOf(world).stop();
    expect(linesOf(steps, 'done').cancel_orders).toEqual([`BTCUSDT: order ${clientOrderId} cancelled`]);
    exchange.settle();
    expect(exchange.held.size).toBe(0);
  });

  it('are told where they would not go', async () => {
    const { world, exchange, clientOrderId } = await withOpenEntry();
    exchange.broker.cancel = async () => failure(error);
    const steps = await stopOf(world).stop();
    expect(linesOf(steps, 'failures').cancel_orders).toEqual([`BTCUSDT: order ${clientOrderId}: 503`]);
    expect(linesOf(steps, 'done').cancel_orders).toEqual([]);
  });

  it('are none that can only reduce, which stay', async () => {
    const { world, exchange } = await openTrade();
    exchange.answer = () => 'later';
    world.nowMs += 3_600_000;
    await world.managePositions();
    const open = await exchange.broker.openOrders();
    expect(open.ok && open.value.rows.map(({ reducesOnly }) => reducesOnly)).toEqual([true]);
    const steps = await stopOf(world).stop({ keepPositions: true });
    expect(linesOf(steps, 'done').cancel_orders).toEqual([]);
    exchange.settle();
    expect(exchange.held.size).toBe(0);
  });

  it('are told where their list, or a row of it, cannot be read', async () => {
    const { world, exchange } = await openTrade();
    exchange.broker.openOrders = async () => failure(error);
    const steps = await stopOf(world).stop();
    expect(linesOf(steps, 'failures')).toMatchObject({ cancel_orders: ['unavailable: 503'], flatten: [] });
    const rows = await withOpenEntry();
    const { openOrders } = rows.exchange.broker;
    const problems = [{ symbol: undefined, message: 'a row is no order' }];
    rows.exchange.broker.openOrders = async () => {
      const read = await openOrders();
      return read.ok ? success({ ...read.value, problems }) : read;
    };
    const partly = await stopOf(rows.world).stop();
    expect(linesOf(partly, 'failures').cancel_orders).toEqual(['a row is no order']);
    expect(linesOf(partly, 'done').cancel_orders).toHaveLength(1);
  });
});

describe('stops of what an emergency stop has closed', () => {
  it('stay beside a position that would not be closed', async () => {
    const { world, exchange } = await openTrade();
    exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'BUY', quantity: 1 });
    exchange.stopByHand({ symbol: 'ETHUSDT', stopPrice: 2_000 });
    exchange.answer = ({ symbol }) => (symbol === 'BTCUSDT' ? 'reject' : 'fill');
    const steps = await stopOf(world).stop();
    expect(linesOf(steps, 'failures').flatten).toEqual([
      'BTCUSDT: the position is still open; its stop stays',
    ]);
    expect(exchange.openStops('BTCUSDT')).toHaveLength(1);
    expect(exchange.openStops('ETHUSDT')).toEqual([]);
  });

  it('are told where they would not go', async () => {
    const { world, exchange } = await openTrade();
    exchange.stopByHand({ symbol: 'BTCUSDT', stopPrice: 10_000 });
    const asked: string[] = [];
    exchange.broker.cancelAll = async (symbol) => {
      asked.push(symbol);
      return failure(error);
    };
    const steps = await stopOf(world).stop();
    expect(linesOf(steps, 'failures').flatten).toEqual(['BTCUSDT: its stops are still there: 503']);
    // Once in each look, however many there are.
    expect(asked).toEqual(['BTCUSDT', 'BTCUSDT']);
  });

  it('stay, and are told of, where they or what is held cannot be read', async () => {
    const stops = await openTrade();
    stops.exchange.broker.openStops = async () => failure(error);
    const UNREAD = 'stops of closed positions were not looked for';
    expect(linesOf(await stopOf(stops.world).stop(), 'failures').flatten).toEqual([`${UNREAD}: 503`]);
    expect(stops.exchange.openStops('BTCUSDT')).toHaveLength(1);

    const held = await openTrade();
    const { broker } = held.exchange;
    const { positions } = broker;
    /** Answers what the account holds until it holds nothing, and then no more. */
    const answerUntilFlat = () => {
      let isFlat = false;
      broker.positions = async () => {
        if (isFlat) return failure({ ...error, message: 'positions: 503' });
        const read = await positions();
        isFlat = read.ok && read.value.rows.length === 0;
        return read;
      };
    };
    const { stop } = stopOf(held.world, {
      pause: async (durationMs) => {
        if (durationMs === 4_000) answerUntilFlat();
      },
    });
    answerUntilFlat();
    expect(linesOf(await stop(), 'failures').flatten).toEqual([`${UNREAD}: positions: 503`]);
    expect(held.exchange.openStops('BTCUSDT')).toHaveLength(1);
    broker.openStops = async () => failure(error);
    answerUntilFlat();
    expect(linesOf(await stop(), 'failures').flatten).toEqual([`${UNREAD}: 503; positions: 503`]);
  });

  it('are not looked for while nobody can say what is held', async () => {
    const { world, exchange } = await openTrade();
    exchange.broker.positions = async () => failure(error);
    const asked: string[] = [];
    const { openStops } = exchange.broker;
    exchange.broker.openStops = () => {
      asked.push('stops');
      return openStops();
    };
    await stopOf(world).stop();
    expect(asked).toEqual([]);
    expect(exchange.openStops('BTCUSDT')).toHaveLength(1);
  });
});
