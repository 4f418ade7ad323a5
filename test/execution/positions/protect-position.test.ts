// The stop and the way out of one position, against an exchange that refuses, loses or has them already.
import { describe, expect, it } from 'vitest';
import { failure, success } from '../../../lib/core/result.ts';
import type { Broker } from '../../../lib/execution/ports.ts';
import type { OrderRecord } from '../../../lib/execution/records.ts';
import { cancelOpenOrders, closeStopsOf } from '../../../lib/execution/use-cases/positions/cancel-orders.ts';
import {
  isLeftToRestStop,
  openPosition,
  protect,
} from '../../../lib/execution/use-cases/positions/protect-position.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import { type HeldPosition, hold, type SentOrder, TRIGGER } from '../../support/trading/held-position.ts';
import type { Answer } from '../../support/trading/scripted-exchange.ts';
import { BAR } from '../../support/trading/trading-world.ts';

const REST = 'closes a rest too small for a market order';
const error = { code: 'unavailable', message: '503', retryable: true } as const;
const isStop = ({ stopPrice }: SentOrder) => stopPrice !== null;
const closes = ({ quantity }: SentOrder) => quantity === null;

/** Filters as they are, but for a part. */
const filtersOf =
  (
    broker: Broker,
    over: Partial<{ maxQuantity: number; stepSize: number; tickSize: number }>,
  ): Broker['filters'] =>
  async () => {
    const all = await broker.filters();
    return all.ok
      ? success(new Map([...all.value].map(([symbol, one]) => [symbol, { ...one, ...over }])))
      : all;
  };

describe('a position that an entry has opened', () => {
  it('is recorded once, without a stop yet', async () => {
    const { world, context, entry, position } = await hold();
    expect(position.value).toEqual({
      ...{
        symbol: 'BTCUSDT',
        side: 'BUY',
        quantity: 0.01,
        entryPrice: 50_000,
        entryClientOrderId: 'qt-entry',
      },
      ...{ stopPrice: TRIGGER.BUY, stopClientOrderId: null, stopSequence: null },
      ...{ unprotectedSinceMs: world.nowMs, exitClientOrderId: null, exitSequence: null },
      ...{ exitDueMs: BAR + 1, openedAtMs: world.nowMs },
    });
    world.nowMs += 5;
    expect(await openPosition(context, { ...entry, clientOrderId: 'qt-other' })).toEqual(position);
  });

  it('is due at once when the entry names no horizon', async () => {
    const { world, context, entry, remove } = await hold();
    await remove();
    const again = await openPosition(context, { ...entry, exitDueMs: null });
    expect(again.value.exitDueMs).toBe(world.nowMs);
  });

  it.each<[string, Partial<OrderRecord>]>([
    [
      'filled nothing',
      { state: { status: 'acknowledged', quantity: 1, filledQuantity: 0, averagePrice: null } },
    ],
    ['has no stop', { stopPrice: null }],
  ])('is none of an order that %s', async (_name, over) => {
    const { context, entry } = await hold();
    await expect(openPosition(context, { ...entry, ...over })).rejects.toThrow(
      'entry qt-entry has opened nothing',
    );
  });

  it('is told when it was closed while it was opened', async () => {
    const { world, context, entry, remove } = await hold();
    const { put } = world.risk;
    world.risk.put = async (...given) => {
      const written = await put(...given);
      await remove();
      return written;
    };
    await expect(openPosition(context, entry)).rejects.toThrow('was closed while it was opened');
  });
});

describe('a stop', () => {
  it('protects from its acknowledgement on, at the trigger of the entry', async () => {
    const { secure, current, sent, notes, stops } = await hold();
    expect(await secure()).toEqual(['stop_acknowledged']);
    expect((await current()).value).toMatchObject({ unprotectedSinceMs: null, stopSequence: 0 });
    expect(sent()).toEqual([[0.01, TRIGGER.BUY]]);
    expect(stops()).toEqual([0.01]);
    expect(await notes()).toEqual(['stop: protects']);
  });

  it('is sent once, unless it is to be replaced', async () => {
    const { secure, stops } = await hold();
    await secure();
    expect(await secure()).toEqual(['stop_already_submitted']);
    expect(stops()).toEqual([0.01]);
    expect(await secure({ replace: true, quantity: 0.02 })).toEqual(['stop_acknowledged']);
    expect(stops()).toEqual([0.01, 0.02]);
  });

  it('that is refused closes the position, unless its exit was refused just now', async () => {
    const { answer, secure, notes, exchange } = await hold();
    answer((order) => (isStop(order) ? 'reject' : 'fill'));
    expect(await secure({ closeIfRefused: false })).toEqual(['stop_rejected']);
    expect(exchange.held.size).toBe(1);
    expect(await secure()).toEqual(['stop_rejected', 'exit_acknowledged']);
    expect(exchange.held.size).toBe(0);
    expect(await notes()).toContain('exit: stop_rejected');
  });

  it('that is lost is left to the next run, or closes the position where it has been unsure', async () => {
    const { answer, secure, current, notes, exchange } = await hold();
    answer((order) => (isStop(order) ? 'lost' : 'fill'));
    expect(await secure()).toEqual(['stop_unknown']);
    expect((await current()).value.unprotectedSinceMs).not.toBeNull();
    expect(await secure({ replace: true, closeIfUnsure: false })).toEqual(['stop_unknown']);
    expect(exchange.held.size).toBe(1);
    expect(await secure({ replace: true, closeIfUnsure: true })).toEqual([
      'stop_unknown',
      'exit_acknowledged',
    ]);
    expect(await notes()).toContain('exit: unprotected');
  });

  it('that never left is refused by nobody: it too is left to the next run at first', async () => {
    const { answer, secure, notes, exchange } = await hold();
    answer((order) => (isStop(order) ? 'unsent' : 'fill'));
    expect(await secure()).toEqual(['stop_unsent']);
    expect(exchange.held.size).toBe(1);
    expect(await secure({ replace: true, closeIfUnsure: true })).toEqual([
      'stop_unsent',
      'exit_acknowledged',
    ]);
    expect(await notes()).toContain('exit: unprotected');
  });

  it('of which a conflict tells is never a reason to close', async () => {
    const { context, entry, position, secure, exchange } = await hold();
    await secure();
    const options = { entry, quantity: 0.01, replace: true, closeIfUnsure: true };
    expect(await protect(context, position, options)).toEqual(['stop_conflict']);
    expect(exchange.held.size).toBe(1);
  });

  it('whose answer is lost is looked up: it protects when it is open, and not when it is over', async () => {
    const arrived = await hold();
    arrived.answer(() => 'timeout');
    expect(await arrived.secure()).toEqual(['stop_acknowledged']);
    expect((await arrived.current()).value.unprotectedSinceMs).toBeNull();
    const over = await hold();
    over.answer(() => 'timeout');
    const { find } = over.exchange.broker;
    over.exchange.broker.find = async (reference) => {
      const found = await find(reference);
      return found.ok && found.value ? success({ ...found.value, status: 'cancelled' }) : found;
    };
    expect(await over.secure()).toEqual(['stop_unknown']);
    expect((await over.current()).value.unprotectedSinceMs).not.toBeNull();
  });

  it('that another process has replaced meanwhile does not say that the position is protected', async () => {
    const { exchange, positions, current, secure } = await hold();
    const { submit } = exchange.broker;
    exchange.broker.submit = async (...given) => {
      const { value, revision } = await current();
      await positions.put('paper', { ...value, stopClientOrderId: 'theirs' }, { ifRevision: revision });
      return submit(...given);
    };
    expect(await secure()).toEqual(['stop_acknowledged']);
    expect((await current()).value.unprotectedSinceMs).not.toBeNull();
  });

  it('does not close a position that has ended meanwhile', async () => {
    const { exchange, remove, secure, sent } = await hold();
    exchange.broker.submit = async () => {
      await remove();
      return { outcome: 'rejected', code: 'other', message: 'refused' };
    };
    expect(await secure()).toEqual(['stop_rejected']);
    expect(sent()).toEqual([]);
  });
});

describe('a stop that the filters refuse', () => {
  const refuseSized = (order: SentOrder): Answer => (isStop(order) && !closes(order) ? 'filters' : 'fill');

  it.each([
    ['BUY', 49_000],
    ['SELL', 51_000.01],
  ] as const)(
    'of a %s closes the position instead, at a trigger on a tick beyond the old one',
    async (side, price) => {
      const { answer, secure, sent, notes, current } = await hold({ side });
      answer(refuseSized);
      expect(await secure()).toEqual(['stop_acknowledged']);
      expect(sent()).toEqual([
        [0.01, TRIGGER[side]],
        [null, price],
      ]);
      expect(await notes()).toEqual(['stop: not a multiple of the step', 'stop: protects']);
      expect((await current()).value.unprotectedSinceMs).toBeNull();
    },
  );

  it.each<[string, Broker['filters']]>([
    ['cannot be read', async () => failure(error)],
    ['do not know the symbol', async () => success(new Map())],
  ])('keeps its trigger when the new ones %s', async (_name, filters) => {
    const { answer, exchange, secure, sent } = await hold();
    exchange.broker.filters = filters;
    answer(refuseSized);
    expect(await secure()).toEqual(['stop_acknowledged']);
    expect(sent()[1]).toEqual([null, TRIGGER.BUY]);
  });

  it('keeps its trigger when no tick of the new ones lies below it: a price of nothing protects from nothing', async () => {
    const { answer, exchange, secure, sent } = await hold();
    exchange.broker.filters = filtersOf({ ...exchange.broker }, { tickSize: 80_000 });
    answer(refuseSized);
    await secure();
    expect(sent()[1]).toEqual([null, TRIGGER.BUY]);
  });

  it('asks for them anew', async () => {
    const { answer, exchange, secure } = await hold();
    const asked: unknown[] = [];
    const { filters } = exchange.broker;
    exchange.broker.filters = (options) => {
      asked.push(options);
      return filters(options);
    };
    answer(refuseSized);
    await secure();
    expect(asked).toEqual([{ fresh: true }]);
  });

  it('is not followed by another one when it is refused for another reason', async () => {
    const { answer, secure, sent } = await hold();
    answer((order) => (isStop(order) ? 'reject' : 'lost'));
    await secure();
    expect(sent().filter(([quantity]) => quantity === null)).toEqual([]);
  });

  it('takes the place of the close-position stop that is there, and of that alone', async () => {
    const { answer, exchange, secure, world } = await hold();
    exchange.stopByHand({ symbol: 'BTCUSDT', stopPrice: 40_000 });
    exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'BUY', quantity: 1 });
    exchange.stopByHand({ symbol: 'ETHUSDT', stopPrice: 2_000 });
    answer(refuseSized);
    expect(await secure()).toEqual(['stop_acknowledged']);
    const open = await world.exchange.broker.openStops();
    const rows = open.ok ? open.value.rows : [];
    expect(rows.map(({ symbol, stopPrice }) => [symbol, stopPrice])).toEqual([
      ['ETHUSDT', 2_000],
      ['BTCUSDT', 49_000],
    ]);
  });

  it.each<[string, (world: HeldPosition) => void]>([
    [
      'cannot be cancelled',
      ({ exchange }) => {
        exchange.broker.cancel = async () => failure(error);
      },
    ],
    [
      'cannot be listed',
      ({ exchange }) => {
        exchange.broker.openStops = async () => failure(error);
      },
    ],
  ])('ends the position when the one that is there %s', async (_name, harm) => {
    const held = await hold();
    held.exchange.stopByHand({ symbol: 'BTCUSDT', stopPrice: 40_000 });
    held.answer(refuseSized);
    harm(held);
    expect(await held.secure()).toEqual(['stop_rejected', 'exit_acknowledged']);
    expect(held.exchange.held.size).toBe(0);
  });

  it('is tried once more only after the one that is there is gone', async () => {
    const { answer, exchange, secure, orders } = await hold();
    exchange.stopByHand({ symbol: 'BTCUSDT', stopPrice: 40_000 });
    exchange.broker.cancel = async () => failure(error);
    answer(refuseSized);
    await secure({ closeIfRefused: false });
    const tried = allValues(await orders.all('paper')).filter(({ leg }) => leg === 'stop');
    expect(tried).toHaveLength(2);
  });

  it('is not sent again when that is refused for another reason than the one that is there', async () => {
    const { answer, secure, sent } = await hold();
    answer((order) => (isStop(order) && closes(order) ? 'reject' : refuseSized(order)));
    expect(await secure()).toEqual(['stop_rejected', 'exit_acknowledged']);
    expect(sent().map(([quantity]) => quantity)).toEqual([0.01, null, 0.01]);
  });

  it('is given up when the position has ended meanwhile', async () => {
    const { exchange, remove, secure } = await hold();
    exchange.broker.submit = async () => {
      await remove();
      return { outcome: 'rejected', code: 'filters', message: 'refused' };
    };
    expect(await secure()).toEqual(['stop_conflict']);
  });
});

describe('an exit', () => {
  it('goes at the market with its reason, once while it is under way', async () => {
    const { answer, leave, sent, notes, exchange } = await hold();
    answer(() => 'later');
    expect(await leave('signal')).toBe('acknowledged');
    expect(await leave('signal')).toBe('already_submitted');
    expect(sent()).toEqual([[0.01, null]]);
    expect(await notes()).toEqual(['exit: signal']);
    exchange.settle();
    expect(exchange.held.size).toBe(0);
  });

  it('that is refused for another reason than the filters is not sent in parts', async () => {
    const { answer, leave, sent } = await hold({ quantity: 0.0105 });
    answer(() => 'reject');
    expect(await leave()).toBe('rejected');
    expect(sent()).toEqual([[0.0105, null]]);
  });

  const refuseUneven = ({ quantity }: SentOrder): Answer =>
    quantity !== null && Math.abs(quantity * 1_000 - Math.round(quantity * 1_000)) > 1e-9
      ? 'filters'
      : 'fill';

  it.each([
    ['BUY', 49_975],
    ['SELL', 50_025],
  ] as const)(
    'of a %s that the filters refuse goes as they let it, and the rest by a stop at the market',
    async (side, price) => {
      const { answer, leave, sent, notes, stops } = await hold({ side, quantity: 0.0105 });
      answer(refuseUneven);
      expect(await leave()).toBe('acknowledged');
      expect(sent()).toEqual([
        [0.0105, null],
        [0.01, null],
        [null, price],
      ]);
      expect(stops()).toEqual([null]);
      expect(await notes()).toEqual(['exit: horizon', 'exit: not a multiple of the step', `stop: ${REST}`]);
      // What is left is that stop's: no exit more, unless all has to go.
      expect(await leave('horizon', 0.0005)).toBe('paused');
      expect(sent()).toHaveLength(3);
      expect(await leave('emergency', 0.0005)).not.toBe('paused');
    },
  );

  it('has its rest stop beside the stop that protects it', async () => {
    const { answer, secure, leave, stops } = await hold({ quantity: 0.0105 });
    await secure();
    answer(refuseUneven);
    expect(await leave()).toBe('acknowledged');
    expect(stops()).toEqual([0.0105, null]);
  });

  it('has its rest stop by the price of the entry when the market’s is not known', async () => {
    const noPrices: Broker['prices'][] = [async () => failure(error), async () => success(new Map())];
    for (const prices of noPrices) {
      const { answer, exchange, leave, sent } = await hold({ quantity: 0.0105 });
      exchange.prices.set('BTCUSDT', 60_000);
      exchange.broker.prices = prices;
      answer(refuseUneven);
      await leave();
      expect(sent()[2]).toEqual([null, 49_975]);
    }
    const { answer, exchange, leave, sent } = await hold({ quantity: 0.0105 });
    exchange.prices.set('BTCUSDT', 60_000);
    answer(refuseUneven);
    await leave();
    expect(sent()[2]).toEqual([null, 59_970]);
  });

  it('leaves no stop behind when nothing is left', async () => {
    const { answer, leave, sent, stops } = await hold();
    let isFirst = true;
    answer(() => {
      const answered = isFirst ? 'filters' : 'fill';
      isFirst = false;
      return answered;
    });
    expect(await leave()).toBe('acknowledged');
    expect(sent()).toEqual([
      [0.01, null],
      [0.01, null],
    ]);
    expect(stops()).toEqual([]);
  });

  it('goes in several orders where one may not be that large, and stops at the first that is refused', async () => {
    const parts = async (refusedAt: number) => {
      const held = await hold({ quantity: 0.0105 });
      held.exchange.broker.filters = filtersOf({ ...held.exchange.broker }, { maxQuantity: 0.004 });
      let count = 0;
      held.answer(() => {
        count++;
        if (count === 1) return 'filters';
        return count === refusedAt ? 'reject' : 'fill';
      });
      return { outcome: await held.leave(), sent: held.sent() };
    };
    expect(await parts(0)).toEqual({
      outcome: 'acknowledged',
      sent: [
        [0.0105, null],
        [0.004, null],
        [0.004, null],
        [0.002, null],
        [null, 49_975],
      ],
    });
    expect(await parts(3)).toEqual({
      outcome: 'rejected',
      sent: [
        [0.0105, null],
        [0.004, null],
        [0.004, null],
      ],
    });
  });

  it('stays refused when the filters of now cannot be read', async () => {
    const { answer, exchange, leave, sent } = await hold();
    exchange.broker.filters = async () => failure(error);
    answer(() => 'filters');
    expect(await leave()).toBe('rejected');
    expect(sent()).toEqual([[0.01, null]]);
  });

  it('ends when the position has ended meanwhile', async () => {
    const { exchange, remove, leave } = await hold();
    let asked = 0;
    exchange.broker.submit = async () => {
      if (++asked === 1) await remove();
      return { outcome: 'rejected', code: 'filters', message: 'refused' };
    };
    expect(await leave()).toBe('conflict');
    expect(asked).toBe(1);
  });

  it('places no stop for the rest of a position that has ended with the last order', async () => {
    const { exchange, remove, leave } = await hold({ quantity: 0.0105 });
    const asked: unknown[] = [];
    exchange.broker.submit = async ({ order }) => {
      asked.push(order.quantity);
      if (order.quantity === 0.0105) return { outcome: 'rejected', code: 'filters', message: 'refused' };
      await remove();
      return { outcome: 'acknowledged', report: undefined };
    };
    expect(await leave()).toBe('acknowledged');
    expect(asked).toEqual([0.0105, 0.01]);
  });

  it('of an emergency places no second stop for a rest that has one', async () => {
    const { answer, leave, sent, stops } = await hold({ quantity: 0.0005 });
    answer(refuseUneven);
    expect(await leave()).toBe('rejected');
    expect(stops()).toEqual([null]);
    expect(sent()).toHaveLength(2);
    await leave('emergency');
    expect(sent()).toHaveLength(3);
    expect(stops()).toEqual([null]);
  });
});

describe('a rest that is left to its stop', () => {
  /** Whether this much is left to the stop, when the position names it and its record is like this. */
  async function isLeft(over: Partial<OrderRecord>, quantity = 0.0005) {
    const { context, entry, orders, position } = await hold();
    const record = { ...entry, leg: 'stop' as const, clientOrderId: 'qt-stop', note: REST, quantity: 0.0005 };
    const state = { status: 'acknowledged', quantity: 1, filledQuantity: 0, averagePrice: null } as const;
    await orders.put('paper', { ...record, state, ...over }, { ifAbsent: true });
    const named = { ...position.value, stopClientOrderId: 'qt-stop' };
    return { left: await isLeftToRestStop(context, named, quantity), context, named };
  }

  it('is no more than that, while it is open', async () => {
    expect((await isLeft({})).left).toBe(true);
    expect((await isLeft({}, 0.0004)).left).toBe(true);
    expect((await isLeft({}, 0.0006)).left).toBe(false);
    expect((await isLeft({ note: 'protects' })).left).toBe(false);
    const state = { status: 'cancelled', quantity: 1, filledQuantity: 0, averagePrice: null } as const;
    expect((await isLeft({ state })).left).toBe(false);
  });

  it('is none without a stop, or where its record is missing or unreadable', async () => {
    const { context, named } = await isLeft({});
    expect(await isLeftToRestStop(context, { ...named, stopClientOrderId: null }, 0.0005)).toBe(false);
    expect(await isLeftToRestStop(context, { ...named, stopClientOrderId: 'gone' }, 0.0005)).toBe(false);
    context.risk.get = () => Promise.reject(new Error('no answer'));
    expect(await isLeftToRestStop(context, named, 0.0005)).toBe(false);
  });
});

describe('orders that are taken off the exchange', () => {
  const listed = async ({ exchange }: HeldPosition) => {
    const open = await exchange.broker.openStops();
    return open.ok ? open.value.rows : [];
  };
  const statusOf = async ({ orders, current }: HeldPosition) =>
    (await orders.get('paper', (await current()).value.stopClientOrderId!))?.value.state.status;

  it('are ours and those of others, and ours are on record as cancelled', async () => {
    const held = await hold();
    await held.secure();
    held.exchange.stopByHand({ symbol: 'BTCUSDT', stopPrice: 40_000 });
    expect(await cancelOpenOrders(held.context, await listed(held))).toEqual([]);
    expect(held.stops()).toEqual([]);
    expect(await statusOf(held)).toBe('cancelled');
  });

  it('are ours alone where those of others are left alone', async () => {
    const held = await hold({ about: { externalPositions: 'leave-and-halt' } });
    await held.secure();
    held.exchange.stopByHand({ symbol: 'BTCUSDT', stopPrice: 40_000 });
    expect(await cancelOpenOrders(held.context, await listed(held))).toEqual([]);
    expect((await listed(held)).map(({ clientOrderId }) => clientOrderId)).toEqual([
      expect.stringMatching(/^ios_/),
    ]);
    expect(await statusOf(held)).toBe('cancelled');
  });

  it('are told when they would not go, and stay on record as they were', async () => {
    const held = await hold();
    await held.secure();
    held.exchange.stopByHand({ symbol: 'BTCUSDT', stopPrice: 40_000 });
    held.exchange.broker.cancel = async () => failure(error);
    const asked: string[] = [];
    held.exchange.broker.find = async ({ clientOrderId }) => {
      asked.push(clientOrderId);
      return failure(error);
    };
    const problem = 'not_cancelled: 503';
    expect(await cancelOpenOrders(held.context, await listed(held))).toEqual([problem, problem]);
    expect(asked).toEqual([]);
    held.exchange.broker.cancel = async () => success(undefined);
    // Nobody says how it ended: the next run asks again.
    expect(await cancelOpenOrders(held.context, await listed(held))).toEqual([]);
    expect(asked).toEqual([(await held.current()).value.stopClientOrderId]);
    expect(await statusOf(held)).toBe('acknowledged');
  });

  it('are not cancelled again by a run that remembers, but are where they would not go', async () => {
    const held = await hold({ about: { cancelledIds: new Set() } });
    held.exchange.stopByHand({ symbol: 'BTCUSDT', stopPrice: 40_000 });
    const rows = await listed(held);
    const { cancel } = held.exchange.broker;
    let asked = 0;
    held.exchange.broker.cancel = async (order) => (++asked === 1 ? failure(error) : cancel(order));
    expect(await cancelOpenOrders(held.context, rows)).toEqual(['not_cancelled: 503']);
    expect(await cancelOpenOrders(held.context, rows)).toEqual([]);
    expect(await cancelOpenOrders(held.context, rows)).toEqual([]);
    expect(asked).toBe(2);
    expect([...held.context.cancelledIds!]).toEqual(rows.map(({ clientOrderId }) => clientOrderId));
  });

  it('are no close-position stops while the list cannot be read', async () => {
    const { exchange } = await hold();
    exchange.stopByHand({ symbol: 'BTCUSDT', stopPrice: 40_000 });
    expect(await closeStopsOf(exchange.broker, 'BTCUSDT')).toHaveLength(1);
    exchange.broker.openStops = async () => failure(error);
    expect(await closeStopsOf(exchange.broker, 'BTCUSDT')).toEqual([]);
  });
});
