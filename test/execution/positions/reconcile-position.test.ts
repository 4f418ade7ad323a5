// What is done each minute for a symbol that the account holds: what is known of it, and what follows from that on the exchange and
// on record.
import { describe, expect, it } from 'vitest';
import { systemActor } from '../../../lib/core/actor.ts';
import { failure, success } from '../../../lib/core/result.ts';
import { restStopPrice } from '../../../lib/execution/reduce-plan.ts';
import type { AccountView } from '../../../lib/execution/use-cases/book-account.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { LEFT, protectSymbol } from '../../../lib/execution/use-cases/positions/reconcile-position.ts';
import { planRelease } from '../../../lib/risk/gate.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import { hold } from '../../support/trading/held-position.ts';
import { type OpenTrade, openTrade } from '../../support/trading/open-trade.ts';
import { START_MS } from '../../support/trading/trading-world.ts';

const error = { code: 'unavailable', message: '503', retryable: true } as const;
const MINUTE = 60_000;
const HELD = 0.014;

/** A trade whose stop is on the exchange, a minute later. */
async function minuteOld(about: Parameters<typeof openTrade>[0] = {}) {
  const trade = await openTrade(about);
  trade.world.nowMs += MINUTE;
  return trade;
}

const protectAt = (
  { context }: Pick<OpenTrade, 'context'>,
  view: AccountView,
  { adoptable = false, symbol = 'BTCUSDT' } = {},
) => protectSymbol(context, view, { held: view.held.get(symbol)!, adoptable });

const manage = async (
  trade: Pick<OpenTrade, 'context' | 'view'>,
  over: Partial<AccountView> = {},
  options: Parameters<typeof protectAt>[2] = {},
) => protectAt(trade, await trade.view(over), options);

const stopsOf = ({ exchange }: Pick<OpenTrade, 'exchange'>) =>
  exchange.openStops('BTCUSDT').map(({ quantity }) => quantity);
const cancelStop = async (trade: OpenTrade) => {
  await trade.exchange.broker.cancel(trade.exchange.openStops('BTCUSDT')[0]!);
};
const sentAfter = ({ exchange }: OpenTrade, count: number) =>
  exchange.sent.slice(count).map(({ side, quantity }) => [side, quantity]);

describe('a position behind its stop', () => {
  it('is left as it is, and nothing is written', async () => {
    const trade = await minuteOld();
    const before = await trade.current();
    expect(await manage(trade)).toEqual([]);
    expect(await trade.current()).toEqual(before);
    expect(trade.exchange.sent).toHaveLength(2);
  });

  it('is on record as protected and as large as it is', async () => {
    const trade = await minuteOld();
    await trade.changePosition({ quantity: 1, unprotectedSinceMs: 5 });
    expect(await manage(trade)).toEqual([]);
    expect((await trade.current()).value).toMatchObject({ quantity: HELD, unprotectedSinceMs: null });
  });

  it('is left to another process that has changed its record since', async () => {
    const trade = await minuteOld();
    await trade.changePosition({ quantity: 1 });
    const view = await trade.view();
    await trade.changePosition({ quantity: 2 });
    expect(await protectAt(trade, view)).toEqual(['conflict']);
    expect((await trade.current()).value.quantity).toBe(2);
  });

  it('is so by the lookup of its stop where the list of stops cannot be read', async () => {
    const trade = await minuteOld();
    trade.exchange.broker.openStops = async () => failure(error);
    expect(await manage(trade)).toEqual([]);
    expect((await trade.current()).value.unprotectedSinceMs).toBeNull();
  });

  it('is so by a stop of an entry before, and by one that the list has under another symbol', async () => {
    const trade = await minuteOld();
    const id = (await trade.current()).value.stopClientOrderId!;
    const view = await trade.view();
    const [stop] = view.openOrders;
    const foreign = { ...view, openOrders: [{ ...stop!, symbol: 'OTHER' }] };
    expect(await protectAt(trade, foreign)).toEqual([]);
    await trade.changePosition({ stopClientOrderId: 'qt-before', stopSequence: -1 });
    const before = { ...stop!, clientOrderId: 'qt-before' };
    expect(await manage(trade, { openOrders: [before] })).toEqual([]);
    expect((await trade.current()).value.stopClientOrderId).toBe('qt-before');
    expect(id).not.toBe('qt-before');
  });

  it('is so by an earlier stop too, which is then the one that its record names', async () => {
    const trade = await minuteOld();
    const first = (await trade.current()).value.stopClientOrderId!;
    trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.006 });
    trade.exchange.answer = () => 'lost';
    expect(await manage(trade)).toEqual(['stop_unknown']);
    expect((await trade.current()).value.stopClientOrderId).not.toBe(first);
    trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.006 });
    expect(await manage(trade)).toEqual([]);
    expect((await trade.current()).value).toMatchObject({
      stopClientOrderId: first,
      unprotectedSinceMs: null,
    });
  });
});

describe('a position whose stop', () => {
  it('is gone gets the next one', async () => {
    const trade = await minuteOld();
    const before = (await trade.current()).value.stopClientOrderId;
    await cancelStop(trade);
    expect(await manage(trade)).toEqual(['stop_acknowledged']);
    expect(stopsOf(trade)).toEqual([HELD]);
    const { value } = await trade.current();
    expect(value).toMatchObject({ stopSequence: 1, unprotectedSinceMs: null });
    expect(value.stopClientOrderId).not.toBe(before);
  });

  it('is an order of another kind than a stop gets one', async () => {
    const trade = await minuteOld();
    const { openOrders } = await trade.view();
    await cancelStop(trade);
    const view = await trade.view({ openOrders: openOrders.map((order) => ({ ...order, kind: 'market' })) });
    expect(await protectAt(trade, view)).toEqual(['stop_acknowledged']);
  });

  it('is too small gets one of its size, and loses the old one only then', async () => {
    const trade = await minuteOld();
    trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.006 });
    trade.exchange.answer = () => 'lost';
    expect(await manage(trade)).toEqual(['stop_unknown']);
    expect(stopsOf(trade)).toEqual([HELD]);
    expect((await trade.current()).value).toMatchObject({
      quantity: 0.02,
      unprotectedSinceMs: trade.world.nowMs,
    });
    trade.exchange.answer = () => 'fill';
    trade.world.nowMs += MINUTE;
    expect(await manage(trade)).toEqual(['stop_acknowledged', 'surplus_stop_cancelled']);
    expect(stopsOf(trade)).toEqual([0.02]);
  });

  it('is one of several loses the others, and tells of each that would not go', async () => {
    const trade = await minuteOld();
    for (const quantity of [0.006, 0.006]) {
      trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity });
      trade.exchange.broker.cancel = async () => failure(error);
      const done = await manage(trade);
      expect(done[0]).toBe('stop_acknowledged');
      expect(new Set(done.slice(1))).toEqual(new Set(['not_cancelled: 503']));
      trade.world.nowMs += MINUTE;
    }
    expect(stopsOf(trade)).toEqual([0.014, 0.02, 0.026]);
    expect(await manage(trade)).toEqual(['not_cancelled: 503', 'not_cancelled: 503']);
    let asked = 0;
    trade.exchange.broker.cancel = async () => (++asked === 1 ? failure(error) : success(undefined));
    expect(await manage(trade)).toEqual(['surplus_stop_cancelled', 'not_cancelled: 503']);
    expect(asked).toBe(2);
  });

  it('is on its way is waited for, and is on record as unprotected', async () => {
    const trade = await openTrade();
    const { stopClientOrderId } = (await trade.current()).value;
    const { state } = (await trade.orderOf(stopClientOrderId)).value;
    trade.world.nowMs += 5;
    const view = await trade.view({ openOrders: [] });
    expect(state.status).toBe('acknowledged');
    expect(await protectAt(trade, view)).toEqual(['stop_on_its_way']);
    expect((await trade.current()).value.unprotectedSinceMs).toBe(trade.world.nowMs);
    expect(trade.exchange.sent).toHaveLength(2);
  });

  it('nobody can tell of is waited for, and then the position is closed', async () => {
    const trade = await minuteOld();
    trade.exchange.broker.openStops = async () => failure(error);
    const { find } = trade.exchange.broker;
    trade.exchange.broker.find = async (order) => (order.kind === 'stop' ? failure(error) : find(order));
    expect(await manage(trade)).toEqual(['stop_unknown']);
    expect(trade.exchange.held.size).toBe(1);
    trade.world.nowMs += MINUTE;
    expect(await manage(trade)).toEqual(['stop_unknown', 'exit_acknowledged']);
    expect(trade.exchange.held.size).toBe(0);
  });

  it('cannot be placed for long closes the position', async () => {
    const trade = await minuteOld();
    await cancelStop(trade);
    trade.exchange.answer = () => 'lost';
    expect(await manage(trade)).toEqual(['stop_unknown']);
    trade.world.nowMs += MINUTE;
    trade.exchange.answer = (order) =>
      'stopPrice' in order && order.kind === 'reduce' && order.stopPrice !== null ? 'lost' : 'fill';
    expect(await manage(trade)).toEqual(['stop_unknown', 'exit_acknowledged']);
  });
});

describe('a position that is due', () => {
  /** A trade at its horizon. */
  async function due() {
    const trade = await openTrade();
    trade.world.nowMs = (await trade.current()).value.exitDueMs;
    return trade;
  }
  const refuseExits = (trade: OpenTrade) => {
    trade.exchange.answer = (order) =>
      order.kind === 'reduce' && order.stopPrice === null ? 'reject' : 'fill';
  };

  it('is closed', async () => {
    const trade = await due();
    const { exitDueMs } = (await trade.current()).value;
    trade.world.nowMs += 7;
    expect(await manage(trade)).toEqual(['exit_acknowledged']);
    expect(trade.exchange.held.size).toBe(0);
    expect(sentAfter(trade, 2)).toEqual([['SELL', HELD]]);
    expect((await trade.current()).value.exitDueMs).toBe(exitDueMs);
  });

  it('is closed once: while its exit is under way it stays behind its stop', async () => {
    const trade = await due();
    trade.exchange.answer = () => 'later';
    expect(await manage(trade)).toEqual(['exit_acknowledged']);
    expect(await manage(trade)).toEqual([]);
    expect(trade.exchange.sent).toHaveLength(3);
  });

  it('stays behind its stop where its exit is refused', async () => {
    const trade = await due();
    refuseExits(trade);
    expect(await manage(trade)).toEqual(['exit_rejected']);
    expect(stopsOf(trade)).toEqual([HELD]);
    expect(trade.exchange.sent).toHaveLength(3);
  });

  it('gets a stop where its exit is refused and it has none', async () => {
    const trade = await due();
    await cancelStop(trade);
    refuseExits(trade);
    expect(await manage(trade)).toEqual(['exit_rejected', 'stop_acknowledged']);
    expect(stopsOf(trade)).toEqual([HELD]);
  });

  it('gets none where its exit is taken, or where its stop may be there', async () => {
    const trade = await due();
    await cancelStop(trade);
    expect(await manage(trade)).toEqual(['exit_acknowledged']);
    expect(trade.exchange.sent).toHaveLength(3);
    const unsure = await due();
    refuseExits(unsure);
    unsure.exchange.broker.openStops = async () => failure(error);
    const view = await unsure.view({ found: new Map() });
    expect(await protectAt(unsure, view)).toEqual(['stop_unknown', 'exit_rejected']);
    expect(unsure.exchange.sent).toHaveLength(3);
  });

  it('is not sent out again where its exit and then its stop are refused', async () => {
    const trade = await due();
    await cancelStop(trade);
    trade.exchange.answer = () => 'reject';
    expect(await manage(trade)).toEqual(['exit_rejected', 'stop_rejected']);
    expect(sentAfter(trade, 2)).toHaveLength(2);
  });

  it('is not sent out again where its exit is refused and its stop is in doubt', async () => {
    const trade = await due();
    await cancelStop(trade);
    trade.exchange.answer = (order) =>
      order.kind === 'reduce' && order.stopPrice !== null ? 'lost' : 'reject';
    expect(await manage(trade)).toEqual(['exit_rejected', 'stop_unknown']);
    expect(sentAfter(trade, 2)).toHaveLength(2);
  });

  it('gets no stop where it has ended meanwhile', async () => {
    const trade = await due();
    await cancelStop(trade);
    trade.exchange.broker.submit = async () => {
      await trade.positions.remove('paper', await trade.current());
      return { outcome: 'rejected', code: 'other', message: 'refused' };
    };
    expect(await manage(trade)).toEqual(['exit_rejected']);
    expect(stopsOf(trade)).toEqual([]);
  });

  it('gets no second stop where the rest of it has just got one', async () => {
    const trade = await due();
    await cancelStop(trade);
    trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.0135 });
    trade.exchange.answer = (order) => (order.quantity === null ? 'fill' : 'filters');
    expect(await manage(trade)).toEqual(['exit_rejected']);
    expect(stopsOf(trade)).toEqual([null]);
    expect(trade.exchange.openStops('BTCUSDT')).toHaveLength(1);
    const trigger = restStopPrice(50_000, { isLong: true, tickSize: 0.01 });
    expect(trade.exchange.sent.at(-1)).toMatchObject({ quantity: null, stopPrice: trigger });
    // The next run leaves it to that stop, and places another one only when it is gone.
    expect(await manage(trade)).toEqual(['exit_paused']);
    await cancelStop(trade);
    const sent = trade.exchange.sent.length;
    trade.world.nowMs += MINUTE;
    const unread = await trade.view();
    await trade.changeOrder((await trade.current()).value.stopClientOrderId, {
      state: { status: 'acknowledged', quantity: 0.0005, filledQuantity: 0, averagePrice: null },
    });
    expect((await protectAt(trade, unread))[0]).toBe('exit_paused');
    expect(trade.exchange.sent.length).toBeGreaterThan(sent);
  });
});

describe('a position whose entry the circuit breaker has withdrawn', () => {
  const gateOf = ({ gate }: AccountView, over: Partial<NonNullable<AccountView['gate']>['breaker']>) =>
    ({
      gate: { ...gate!, epoch: gate!.epoch + 1, breaker: { ...gate!.breaker, ...over } },
    }) as Partial<AccountView>;

  it('is closed, and stays due whatever the gate says next', async () => {
    for (const over of [
      { latch: 'TRIPPED', trippedAtMs: START_MS, armedAtMs: Number.MAX_SAFE_INTEGER },
      { latch: 'ARMED', armedAtMs: START_MS, trippedAtMs: Number.MAX_SAFE_INTEGER },
    ] as const) {
      const trade = await minuteOld();
      trade.exchange.answer = () => 'reject';
      const view = await trade.view();
      expect(await protectAt(trade, { ...view, ...gateOf(view, over) })).toEqual(['exit_rejected']);
      expect((await trade.current()).value.exitDueMs).toBe(trade.world.nowMs);
      const note = (await trade.orderOf((await trade.current()).value.exitClientOrderId)).value;
      expect(note.leg).toBe('exit');
      trade.exchange.answer = () => 'fill';
      trade.world.nowMs += MINUTE;
      expect(await manage(trade)).toEqual(['exit_acknowledged']);
    }
  });

  it('is kept where it was filled before, or where the gate is not known', async () => {
    for (const over of [
      { latch: 'TRIPPED', trippedAtMs: Number.MAX_SAFE_INTEGER, armedAtMs: START_MS },
      { latch: 'ARMED', armedAtMs: Number.MAX_SAFE_INTEGER, trippedAtMs: START_MS },
    ] as const) {
      const trade = await minuteOld();
      const view = await trade.view();
      expect(await protectAt(trade, { ...view, ...gateOf(view, over) })).toEqual([]);
    }
    const trade = await minuteOld();
    expect(await manage(trade, { gate: undefined })).toEqual([]);
  });
});

describe('a position without a record', () => {
  /** An entry has filled, and whoever sent it has written no position. */
  async function unrecorded() {
    const held = await hold();
    await held.remove();
    const { value, revision } = (await held.orders.get('paper', 'qt-entry'))!;
    const exitDueMs = held.world.nowMs + MINUTE;
    await held.orders.put('paper', { ...value, exitDueMs }, { ifRevision: revision });
    return held;
  }

  it('that our entry has opened is recorded, and protected in the same run', async () => {
    const held = await unrecorded();
    const { world, context, view, current, stops } = held;
    world.risk.readGate = () => Promise.reject(new Error('no answer'));
    expect(await manage({ context, view })).toEqual(['stop_acknowledged']);
    expect((await current()).value).toMatchObject({
      entryClientOrderId: 'qt-entry',
      unprotectedSinceMs: null,
    });
    expect(stops()).toEqual([0.01]);
  });

  it('is not recorded again where another run has ended the trade since', async () => {
    const trade = await minuteOld();
    await trade.positions.remove('paper', await trade.current());
    const view = await trade.view();
    const reservation = view.gate!.reserved.BTCUSDT!;
    await trade.risk.commit('paper', planRelease({ symbol: 'BTCUSDT', ...reservation }));
    expect(await protectAt(trade, view)).toEqual(['overtaken']);
    expect(await trade.current()).toBeUndefined();
    const taken = { ...reservation, clientOrderId: 'qt-another' };
    trade.risk.readGate = async () => ({ ...view.gate!, reserved: { BTCUSDT: taken } });
    expect(await protectAt(trade, view)).toEqual(['overtaken']);
    trade.risk.readGate = async () => undefined;
    expect(await protectAt(trade, view)).toEqual(['overtaken']);
    trade.risk.readGate = async () => ({ ...view.gate!, reserved: { BTCUSDT: reservation } });
    expect(await protectAt(trade, view)).not.toEqual(['overtaken']);
    expect(await trade.current()).toBeDefined();
  });

  it('is not recorded again, by the records where the gate cannot be read, when the entry is booked to its end or gone', async () => {
    const held = await unrecorded();
    const { world, context, view, orders, current } = held;
    world.risk.readGate = () => Promise.reject(new Error('no answer'));
    const before = await view();
    const { value, revision } = (await orders.get('paper', 'qt-entry'))!;
    await orders.put('paper', { ...value, bookedQuantity: 0.01 }, { ifRevision: revision });
    expect(await protectAt({ context }, before)).toEqual(['overtaken']);
    await orders.remove('paper', (await orders.get('paper', 'qt-entry'))!);
    expect(await protectAt({ context }, before)).toEqual(['overtaken']);
    expect(await current()).toBeUndefined();
  });

  it('is waited for while its entry may be under way, and adopted when that time is over', async () => {
    const trade = await openTrade();
    await trade.positions.remove('paper', await trade.current());
    const view = await trade.view({ orders: new Map() });
    trade.world.nowMs += 5;
    expect(await protectAt(trade, view)).toEqual(['waiting']);
    expect(await trade.current()).toBeUndefined();
    trade.world.nowMs += MINUTE;
    expect(await protectAt(trade, view)).toEqual(['adopted', 'exit_acknowledged']);
    const another = await openTrade();
    await another.positions.remove('paper', await another.current());
    const gate = { ...view.gate!, authorised: {} };
    expect(await manage(another, { orders: new Map(), gate })).toEqual(['adopted', 'exit_acknowledged']);
  });

  it('of which nothing is known is waited for until it was seen twice, then closed', async () => {
    const trade = await minuteOld();
    trade.exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'SELL', quantity: 1 });
    const symbol = 'ETHUSDT';
    expect(await manage(trade, {}, { symbol })).toEqual(['waiting']);
    expect(await manage(trade, {}, { symbol, adoptable: true })).toEqual(['adopted', 'exit_acknowledged']);
    expect([...trade.exchange.held.keys()]).toEqual(['BTCUSDT']);
  });

  it.each([
    ['SELL', 1, 'BUY'],
    ['BUY', 1.5, 'SELL'],
  ] as const)(
    'of which not even a price is known is closed at the market: by a %s',
    async (hand, quantity, side) => {
      const trade = await minuteOld();
      trade.exchange.tradeByHand({ symbol: 'ETHUSDT', side: hand, quantity });
      const view = await trade.view();
      const held = { ...view.held.get('ETHUSDT')!, markPrice: null, entryPrice: null };
      trade.exchange.broker.prices = async () => failure(error);
      const close = () => protectSymbol(trade.context, view, { held, adoptable: true });
      trade.exchange.answer = () => 'reject';
      await expect(close()).rejects.toThrow(
        'it has no price to adopt it at, and its exit is rejected: refused',
      );
      trade.exchange.answer = () => 'fill';
      trade.world.nowMs += MINUTE;
      expect(await close()).toEqual(['exit_acknowledged']);
      expect(trade.exchange.sent.at(-1)).toMatchObject({ side, quantity, stopPrice: null, reduceOnly: true });
      expect([...trade.exchange.held.keys()]).toEqual(['BTCUSDT']);
      expect(await trade.positions.get('paper', 'ETHUSDT')).toBeUndefined();
    },
  );

  it('is left to another process that has recorded it meanwhile', async () => {
    const trade = await minuteOld();
    const view = await trade.view({ positions: new Map(), entryIds: new Map(), orders: new Map() });
    expect(await protectAt(trade, view, { adoptable: true })).toEqual(['conflict']);
  });

  it('that others turn around whenever it is recorded is a fault, not an endless run', async () => {
    const trade = await minuteOld();
    trade.exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'SELL', quantity: 1 });
    const { put } = trade.risk;
    let puts = 0;
    trade.risk.put = async (scope, key, value, how) => {
      if (key !== 'position#ETHUSDT') return put(scope, key, value, how);
      puts++;
      return put(scope, key, { ...(value as object), side: 'BUY' }, how);
    };
    await expect(manage(trade, {}, { symbol: 'ETHUSDT', adoptable: true })).rejects.toThrow(
      'ETHUSDT: its records do not settle',
    );
    expect(puts).toBe(3);
  });
});

describe('a position of somebody else, where such are left alone,', () => {
  const leaving = { externalPositions: 'leave-and-halt' } as const;

  it('is left as it is', async () => {
    const trade = await minuteOld(leaving);
    trade.exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'SELL', quantity: 1 });
    expect(await manage(trade, {}, { symbol: 'ETHUSDT', adoptable: true })).toEqual([LEFT]);
    expect(LEFT).toBe('external_position_left');
    expect(trade.exchange.held.get('ETHUSDT')).toBe(-1);
    expect(await trade.positions.get('paper', 'ETHUSDT')).toBeUndefined();
  });

  it('is one that was turned around', async () => {
    const trade = await minuteOld(leaving);
    trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.03 });
    expect(await manage(trade)).toEqual([LEFT]);
    expect(trade.exchange.sent).toHaveLength(2);
  });

  it('is none whose entry alone is forgotten', async () => {
    const trade = await minuteOld(leaving);
    trade.world.nowMs += MINUTE;
    expect(await manage(trade, { orders: new Map() })).toEqual(['adopted', 'exit_acknowledged']);
    const short = await minuteOld();
    short.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.03 });
    expect(await manage(short)).toEqual(['adopted', 'exit_acknowledged']);
    expect(short.exchange.held.size).toBe(0);
  });
});

describe('a record that cannot be read', () => {
  const garbage = { symbol: 'BTCUSDT', side: 'SIDEWAYS' };

  /** In the place of the position's record. */
  async function unreadable() {
    const trade = await minuteOld();
    await trade.positions.remove('paper', await trade.current());
    await trade.risk.put('paper', 'position#BTCUSDT', garbage, { ifAbsent: true });
    return trade;
  }

  it('is moved to the audit trail, and the position gets a new one', async () => {
    const trade = await unreadable();
    const view = await trade.view();
    await protectAt(trade, view);
    expect((await trade.current()).value.entryClientOrderId).toBe(trade.entryId);
    const { audit } = executionRecords(trade.risk);
    const stored = await audit.get('paper', 'unreadable#position#BTCUSDT#1');
    expect(stored?.value).toEqual({
      ...{
        atMs: trade.world.nowMs,
        what: 'unreadable_record',
        by: systemActor('manage-positions'),
      },
      message: expect.stringMatching(/position#BTCUSDT.*: \{"symbol":"BTCUSDT","side":"SIDEWAYS"\}$/),
    });
    expect(allValues(await audit.all('paper', 'unreadable'))).toHaveLength(1);
  });

  it('is left to another run that has written it since', async () => {
    const trade = await unreadable();
    const view = await trade.view();
    await trade.risk.put('paper', 'position#BTCUSDT', { ...garbage, side: 'ALOFT' }, { ifRevision: 1 });
    expect(await protectAt(trade, view)).toEqual(['conflict']);
    expect(trade.exchange.sent).toHaveLength(2);
  });
});
