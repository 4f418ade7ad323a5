// One entry, step by step: what keeps it from being sent, what becomes of its reservation, and how it is protected.
import { describe, expect, it } from 'vitest';
import { failure, success } from '../../lib/core/result.ts';
import type { Broker } from '../../lib/execution/ports.ts';
import type { PositionRecord } from '../../lib/execution/records.ts';
import { SEND_WINDOW_MS } from '../../lib/execution/send-window.ts';
import { executionRecords } from '../../lib/execution/use-cases/execution-records.ts';
import { newOrderRecord } from '../../lib/execution/use-cases/send-order.ts';
import type { Signal } from '../../lib/inference/signal.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { firstArmed } from '../../lib/risk/breaker/state.ts';
import { newGate, planBreakerWrite } from '../../lib/risk/gate.ts';
import { LEASE_MS } from '../../lib/risk/latch.ts';
import { initialRollout } from '../../lib/risk/level.ts';
import { keyOf } from '../../lib/risk/record-kind.ts';
import { EQUITY } from '../../lib/risk/records.ts';
import { readMode } from '../../lib/risk/use-cases/read-mode.ts';
import { allValues } from '../../lib/risk/use-cases/typed-records.ts';
import {
  BAR,
  ENSEMBLE_ID,
  PRICES,
  START_MS,
  signalOf,
  TradingWorld,
} from '../support/trading/trading-world.ts';

const open = (over: Partial<Signal> = {}) => TradingWorld.open(signalOf('BTCUSDT', 'BUY', over));
const error = { code: 'unavailable', message: '503', retryable: true } as const;

/** A position of another entry. */
const THEIRS: PositionRecord = {
  ...{ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.01, entryPrice: 50_000, entryClientOrderId: 'theirs' },
  ...{ stopPrice: 49_000, stopClientOrderId: null, stopSequence: null, unprotectedSinceMs: 1 },
  ...{ exitClientOrderId: null, exitSequence: null, exitDueMs: START_MS, openedAtMs: START_MS },
};

/** What became of the one entry, and what the gate holds for it. */
async function enter(world: TradingWorld) {
  const { decisions } = await world.execute();
  const { outcomes, message } = decisions[0]!;
  const gate = await world.gate();
  return {
    outcomes,
    message,
    reserved: Object.keys(gate.reserved),
    authorised: Object.keys(gate.authorised),
  };
}
const ordersOf = async (world: TradingWorld) =>
  allValues(await executionRecords(world.risk).orders.all('paper'));
const positionsOf = async (world: TradingWorld) =>
  allValues(await executionRecords(world.risk).positions.all('paper'));

describe('an entry that is denied', () => {
  const nothing = { reserved: [], authorised: [] };

  it.each<[string, Partial<Broker>]>([
    ['the symbol is not prepared', { prepare: async () => failure(error) }],
    ['there is no fresh price', { prices: async () => failure(error) }],
  ])('asks the gate for nothing when %s', async (_name, over) => {
    const world = await open();
    const { broker } = world.exchange;
    if (over.prepare !== undefined) broker.prepare = over.prepare;
    else {
      const { prices } = broker;
      // The run's own prices are there.
      broker.prices = (symbols) => {
        broker.prices = over.prices!;
        return prices(symbols);
      };
    }
    expect(await enter(world)).toEqual({ outcomes: ['exchange_unavailable'], message: '503', ...nothing });
    expect(world.exchange.sent).toEqual([]);
  });

  it('costs the exchange nothing: it is planned at the prices at hand first', async () => {
    const world = await open({ stopPrice: 1, stopAtr: 0 });
    const asked: string[] = [];
    const { prepare } = world.exchange.broker;
    world.exchange.broker.prepare = (symbol) => {
      asked.push(symbol);
      return prepare(symbol);
    };
    expect(await enter(world)).toMatchObject({ message: '', ...nothing });
    expect(asked).toEqual([]);
  });

  it('is of a symbol that the exchange does not list', async () => {
    const world = await open();
    const { filters } = world.exchange.broker;
    world.exchange.broker.filters = async () => {
      const all = await filters();
      return all.ok ? success(new Map([...all.value].filter(([symbol]) => symbol !== 'BTCUSDT'))) : all;
    };
    expect(await enter(world)).toEqual({ outcomes: ['not_listed'], message: '', ...nothing });
  });

  it('has a position that no reservation tells of', async () => {
    const world = await open();
    await executionRecords(world.risk).positions.put('paper', THEIRS, { ifAbsent: true });
    expect(await enter(world)).toEqual({ outcomes: ['position_open'], message: '', ...nothing });
  });

  it.each(['infer', 'managePositions', 'breaker'] as const)(
    'is of a system whose %s is another version',
    async (part) => {
      const world = await TradingWorld.open();
      world.versions[part] = 'v0';
      world.nowMs += 1_000;
      await world.renewLease();
      await world.managePositions();
      await world.signals.put(world.signalOf('BTCUSDT', 'BUY'));
      expect(await enter(world)).toEqual({ outcomes: ['version_mismatch'], message: '', ...nothing });
    },
  );

  it('is a signal of 120 s and a millisecond, not one of 120 s', async () => {
    for (const [ageMs, outcome] of [
      [120_000, 'entered'],
      [120_001, 'signal_stale'],
    ] as const) {
      const world = await open();
      world.nowMs = START_MS + ageMs;
      await world.renewLease();
      await world.managePositions();
      expect((await enter(world)).outcomes).toEqual([outcome]);
    }
  });

  it.each<[Partial<Signal>, string]>([
    [{ featureSetHash: 'f'.repeat(64) }, 'feature_set_mismatch'],
    [{ ensembleId: 'e20200101_000000' }, 'ensemble_mismatch'],
  ])('is a signal of another origin: %j', async (over, outcome) => {
    expect(await enter(await open(over))).toEqual({ outcomes: [outcome], message: '', ...nothing });
  });

  it('has no mark of the equity', async () => {
    const world = await open();
    const { list } = world.risk;
    world.risk.list = async (query, schema) =>
      query.prefix === keyOf(EQUITY, '') ? { records: [], problems: [] } : list(query, schema);
    expect(await enter(world)).toEqual({ outcomes: ['equity_unknown'], message: '', ...nothing });
  });

  it('is planned again at a fresh price', async () => {
    const world = await open();
    const { prepare } = world.exchange.broker;
    world.exchange.broker.prepare = (symbol) => {
      world.exchange.prices.set('BTCUSDT', PRICES.BTCUSDT * 1.05);
      return prepare(symbol);
    };
    expect(await enter(world)).toEqual({ outcomes: ['price_collar'], message: '', ...nothing });
  });

  it('is refused by the gate when it has tripped since it was read', async () => {
    const world = await open();
    world.tripAtNextWrite();
    expect(await enter(world)).toEqual({ outcomes: ['latch_tripped'], message: '', ...nothing });
  });

  it('comes when the mode has become OFF since the run began', async () => {
    const world = await open();
    world.afterFlagsRead = () => {
      world.nowMs += 501;
      world.setFlag('EMERGENCY_MODE', 'true');
    };
    expect(await enter(world)).toEqual({ outcomes: ['mode_off'], message: '', ...nothing });
  });

  it('comes when trading has become real since the run began on paper', async () => {
    const world = await open();
    await world.risk.createGate('live', newGate(firstArmed(START_MS)));
    const { breaker } = (await world.risk.readGate('live'))!;
    const current = { ...breaker, revision: breaker.revision + 1 };
    const lease = { untilMs: START_MS + LEASE_MS, codeVersion: world.versions.breaker };
    await world.risk.commit('live', planBreakerWrite({ previous: breaker, current, lease }));
    const rollout = { ...initialRollout(START_MS), level: 'FULL' as const };
    await executionRecords(world.risk).rollout.put('live', rollout, { ifAbsent: true });
    world.setFlag('QT_ENABLE_EXECUTION', 'true');
    world.afterFlagsRead = () => {
      world.nowMs += 501;
      world.setFlag('QT_PAPER_TRADING', 'false');
    };
    expect(await enter(world)).toEqual({ outcomes: ['mode_off'], message: '', ...nothing });
    world.afterFlagsRead = () => undefined;
    expect((await readMode(world)).mode).toBe('LIVE');
  });

  it('names everything that the plan is against', async () => {
    const world = await open();
    world.setFlag('QT_MAX_POSITIONS', '0');
    world.exchange.move('BTCUSDT', PRICES.BTCUSDT * 1.02);
    expect(await enter(world)).toEqual({
      outcomes: ['position_count', 'price_collar'],
      message: '',
      ...nothing,
    });
  });
});

describe('an approval that no longer stands', () => {
  /** What happens between the gate's write and the next reading. */
  async function enterWhile(happens: (world: TradingWorld) => void | Promise<void>) {
    const world = await open();
    const { commit } = world.risk;
    world.risk.commit = async (scope, plan) => {
      world.risk.commit = commit;
      const written = await commit(scope, plan);
      await happens(world);
      return written;
    };
    return { world, entered: await enter(world) };
  }

  it.each<[string, (world: TradingWorld) => void | Promise<void>, string]>([
    ['trading is off', (world) => world.setFlag('QT_ENABLE_AI_TRADING', 'false'), 'the mode became OFF: '],
    ['it would be real', (world) => world.setFlag('QT_PAPER_TRADING', 'false'), 'the mode became OFF: '],
    [
      'the breaker has tripped and was reset',
      async (world) => {
        await world.setLatch('TRIPPED');
        await world.setLatch('ARMED');
      },
      'the circuit breaker has tripped or been reset since',
    ],
  ])('is given back when %s', async (_name, happens, message) => {
    const { world, entered } = await enterWhile(happens);
    expect(entered).toMatchObject({ outcomes: ['entry_withdrawn'], reserved: [] });
    expect(entered.message).toContain(message);
    if (message.endsWith(': ')) expect(entered.message.length).toBeGreaterThan(message.length);
    // The id is spent.
    expect(entered.authorised).toHaveLength(1);
    expect(world.exchange.sent).toEqual([]);
    expect(await ordersOf(world)).toEqual([]);
  });

  it('names each reason for which the mode is off', async () => {
    const { entered } = await enterWhile((world) => {
      world.setFlag('QT_ENABLE_AI_TRADING', 'false');
      world.setFlag('EMERGENCY_MODE', 'true');
    });
    expect(entered.message.split(', ').length).toBeGreaterThan(1);
  });

  it('is good for two seconds from asking the gate', async () => {
    for (const [heldUpMs, outcome] of [
      [SEND_WINDOW_MS, 'entered'],
      [SEND_WINDOW_MS + 1, 'entry_unsent'],
    ] as const) {
      let stopwatchMs = 5_000;
      const world = await open();
      world.stopwatchMs = () => stopwatchMs;
      const { submit } = world.exchange.broker;
      world.exchange.broker.submit = (...given) => {
        if (given[0].order.kind === 'entry') stopwatchMs += heldUpMs;
        return submit(...given);
      };
      const entered = await enter(world);
      expect(entered.outcomes).toEqual([outcome]);
      expect(entered.reserved).toEqual(outcome === 'entered' ? ['BTCUSDT'] : []);
    }
  });
});

describe('an entry that is sent', () => {
  it('is on record with bar, ensemble, horizon and epoch, at the time of the gate’s write', async () => {
    const world = await open();
    const approvedAtMs = world.nowMs;
    const { submit } = world.exchange.broker;
    world.exchange.broker.submit = (...given) => {
      world.nowMs += 7;
      return submit(...given);
    };
    const { epoch } = await world.gate();
    expect(await enter(world)).toMatchObject({ outcomes: ['entered'], message: '', reserved: ['BTCUSDT'] });
    const entry = (await ordersOf(world)).find(({ leg }) => leg === 'entry');
    expect(entry).toMatchObject({
      ...{ symbol: 'BTCUSDT', side: 'BUY', note: '', barOpenTimeMs: BAR, ensembleId: ENSEMBLE_ID },
      ...{ exitDueMs: BAR + 4 * BAR_MS, authorisedEpoch: epoch, createdAtMs: approvedAtMs },
    });
    const [position] = await positionsOf(world);
    expect(position).toMatchObject({ entryClientOrderId: entry?.clientOrderId, unprotectedSinceMs: null });
    expect(world.exchange.openStops('BTCUSDT').map(({ quantity }) => quantity)).toEqual([entry?.quantity]);
  });

  it('opens no position before something of it is filled', async () => {
    const world = await open();
    world.exchange.answer = () => 'later';
    expect(await enter(world)).toMatchObject({ outcomes: ['entered'], reserved: ['BTCUSDT'] });
    expect(await positionsOf(world)).toEqual([]);
    expect(world.exchange.sent).toHaveLength(1);
  });

  it('is protected as far as it is filled', async () => {
    const world = await open();
    world.exchange.answer = () => 'half';
    await enter(world);
    const held = world.exchange.held.get('BTCUSDT');
    expect(world.exchange.openStops('BTCUSDT').map(({ quantity }) => quantity)).toEqual([held]);
  });

  it('gives back what it holds when it is refused, and says why', async () => {
    const world = await open();
    world.exchange.answer = () => 'reject';
    expect(await enter(world)).toMatchObject({
      outcomes: ['entry_rejected'],
      message: 'refused',
      reserved: [],
    });
  });

  it('keeps what it holds while nobody knows whether it arrived', async () => {
    const world = await open();
    world.exchange.answer = () => 'lost';
    expect(await enter(world)).toMatchObject({
      outcomes: ['entry_unknown'],
      message: 'no answer',
      reserved: ['BTCUSDT'],
    });
    expect(await positionsOf(world)).toEqual([]);
  });

  it('is protected at once when its answer is lost and it is there', async () => {
    const world = await open();
    world.exchange.answer = ({ kind }) => (kind === 'entry' ? 'timeout' : 'fill');
    expect(await enter(world)).toMatchObject({ outcomes: ['entry_unknown'], reserved: ['BTCUSDT'] });
    const held = world.exchange.held.get('BTCUSDT');
    expect(world.exchange.openStops('BTCUSDT').map(({ quantity }) => quantity)).toEqual([held]);
  });

  it('has one stop, though the position manager was faster with it', async () => {
    const world = await open();
    const { submit } = world.exchange.broker;
    world.exchange.broker.submit = async (...given) => {
      const submission = await submit(...given);
      if (given[0].order.kind === 'entry') await world.managePositions();
      return submission;
    };
    expect((await enter(world)).outcomes).toEqual(['entered']);
    expect(world.exchange.openStops('BTCUSDT')).toHaveLength(1);
  });

  it('leaves what another process has written down to that one', async () => {
    const world = await open();
    const { orders } = executionRecords(world.risk);
    const { commit } = world.risk;
    world.risk.commit = async (scope, plan) => {
      const written = await commit(scope, plan);
      const { clientOrderId } = (await world.gate()).reserved.BTCUSDT!;
      const about = { barOpenTimeMs: BAR, ensembleId: ENSEMBLE_ID, exitDueMs: null, authorisedEpoch: 1 };
      const order = {
        kind: 'reduce',
        scope: 'paper',
        symbol: 'BTCUSDT',
        side: 'BUY',
        reduceOnly: true,
      } as const;
      const theirs = newOrderRecord(
        { ...order, clientOrderId, quantity: 0.01, stopPrice: 49_000 },
        { ...about, leg: 'entry', note: 'theirs', nowMs: world.nowMs },
      );
      await orders.put('paper', theirs, { ifAbsent: true });
      return written;
    };
    expect(await enter(world)).toMatchObject({ outcomes: ['duplicate'], reserved: ['BTCUSDT'] });
    expect(world.exchange.sent).toEqual([]);
    expect(await ordersOf(world)).toMatchObject([{ note: 'theirs' }]);
  });

  it('leaves a position that another entry has opened meanwhile as it is', async () => {
    const world = await open();
    const { submit } = world.exchange.broker;
    world.exchange.broker.submit = async (...given) => {
      await executionRecords(world.risk).positions.put('paper', THEIRS, { ifAbsent: true });
      return submit(...given);
    };
    expect((await enter(world)).outcomes).toEqual(['entered']);
    expect(await positionsOf(world)).toMatchObject([
      { entryClientOrderId: 'theirs', stopClientOrderId: null, unprotectedSinceMs: 1 },
    ]);
    expect(world.exchange.sent).toHaveLength(1);
  });
});
