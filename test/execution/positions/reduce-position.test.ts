// How the orders of a leg follow one another: each has its number, is named before it leaves, and none is sent twice.
import { describe, expect, it } from 'vitest';
import type { OrderState } from '../../../lib/execution/order-state.ts';
import type { OrderRecord, PositionRecord } from '../../../lib/execution/records.ts';
import { type ReducibleEntry, reduceOrder } from '../../../lib/execution/reduce-order.ts';
import {
  changePosition,
  legIds,
  legRecords,
  reduce,
  whilePosition,
} from '../../../lib/execution/use-cases/positions/reduce-position.ts';
import { WRITE_ATTEMPTS_MAX } from '../../../lib/execution/use-cases/send-order.ts';
import { type HeldPosition, hold, TRIGGER } from '../../support/trading/held-position.ts';
import { BAR, ENSEMBLE_ID } from '../../support/trading/trading-world.ts';

type Leg = 'stop' | 'exit';
const about: ReducibleEntry = {
  ...{ scope: 'paper', symbol: 'BTCUSDT', side: 'BUY' },
  ...{ barOpenTimeMs: BAR, ensembleId: ENSEMBLE_ID, stopPrice: TRIGGER.BUY },
};
const idOf = (leg: Leg, sequence: number) => reduceOrder(about, leg, 1, sequence).clientOrderId;
const idsOf = (leg: Leg, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => idOf(leg, from + index));

/** The newest order of a leg is this one, and this became of it; `missing`: it was never written down. */
async function decided(
  held: HeldPosition,
  leg: Leg,
  sequence: number | null,
  {
    status = 'rejected' as OrderState['status'] | 'missing',
    agoMs = 0,
    id = idOf(leg, Math.max(0, sequence ?? 0)),
  } = {},
): Promise<void> {
  const { world, orders, positions, current, entry } = held;
  const { value, revision } = await current();
  const named: Partial<PositionRecord> =
    leg === 'stop'
      ? { stopClientOrderId: id, stopSequence: sequence }
      : { exitClientOrderId: id, exitSequence: sequence };
  await positions.put('paper', { ...value, ...named }, { ifRevision: revision });
  if (status === 'missing') return;
  const state = { status, quantity: 0.01, filledQuantity: 0, averagePrice: null } as OrderState;
  const record: OrderRecord = { ...entry, leg, clientOrderId: id, state, updatedAtMs: world.nowMs - agoMs };
  await orders.put('paper', record, { ifAbsent: true });
}

/** What is sent next, by its number; or why nothing is. */
async function next(held: HeldPosition, leg: Leg, over: Partial<Parameters<typeof reduce>[2]> = {}) {
  const { context, current, entry, exchange } = held;
  const options = { entry, quantity: 0.01, leg, note: 'because', replace: false, ...over };
  const reduction = await reduce(context, await current(), options);
  const id = exchange.sent.at(-1)?.clientOrderId;
  const { value } = await current();
  if (id === undefined) return reduction.outcome;
  expect(leg === 'stop' ? value.stopClientOrderId : value.exitClientOrderId).toBe(id);
  const sequence = leg === 'stop' ? value.stopSequence : value.exitSequence;
  expect(id).toBe(idOf(leg, sequence!));
  return sequence;
}

describe('a reduction', () => {
  it('is named in the position, written down with its reason, and sent', async () => {
    const held = await hold();
    const { context, current, entry, orders, exchange, world } = held;
    const options = { entry, quantity: 0.004, leg: 'exit', note: 'horizon', replace: false } as const;
    const { submit } = exchange.broker;
    exchange.broker.submit = async (...given) => {
      expect((await current()).value).toMatchObject({ exitClientOrderId: idOf('exit', 0), exitSequence: 0 });
      expect(await orders.get('paper', idOf('exit', 0))).toBeDefined();
      return submit(...given);
    };
    const sent = await reduce(context, await current(), options);
    expect(sent.outcome).toBe('acknowledged');
    expect(exchange.sent).toEqual([
      {
        ...{ kind: 'reduce', scope: 'paper', clientOrderId: idOf('exit', 0), symbol: 'BTCUSDT' },
        ...{ side: 'SELL', quantity: 0.004, reduceOnly: true, stopPrice: null },
      },
    ]);
    expect((await orders.get('paper', idOf('exit', 0)))?.value).toMatchObject({
      ...{ leg: 'exit', note: 'horizon', barOpenTimeMs: BAR, ensembleId: ENSEMBLE_ID, exitDueMs: null },
      ...{ authorisedEpoch: null, createdAtMs: world.nowMs, quantity: 0.004 },
    });
    expect((await current()).value.stopClientOrderId).toBeNull();
  });

  it('that closes whatever is held has no size of its own, but one on record', async () => {
    const held = await hold();
    expect(await next(held, 'stop', { closes: { stopPrice: 48_000 } })).toBe(0);
    expect(held.sent()).toEqual([[null, 48_000]]);
    const record = await held.orders.get('paper', idOf('stop', 0));
    expect(record?.value).toMatchObject({ quantity: 0.01, stopPrice: 48_000 });
    expect((await held.current()).value.exitClientOrderId).toBeNull();
  });

  it('leaves to another process a position that it has changed', async () => {
    const { context, position, entry, current, exchange } = await hold();
    await changePosition(context, await current(), { exitDueMs: 1 });
    const options = { entry, quantity: 0.01, leg: 'exit', note: '', replace: false } as const;
    expect(await reduce(context, position, options)).toEqual({ outcome: 'conflict' });
    expect(exchange.sent).toEqual([]);
  });

  it.each<[string, Partial<OrderRecord>]>([
    ['is no entry', { leg: 'exit' }],
    ['has no bar', { barOpenTimeMs: null }],
    ['has no ensemble', { ensembleId: null }],
    ['has no stop', { stopPrice: null }],
  ])('is none of an order that %s', async (_name, over) => {
    const { context, current, entry, exchange } = await hold();
    const options = {
      entry: { ...entry, ...over },
      quantity: 1,
      leg: 'exit',
      note: '',
      replace: false,
    } as const;
    await expect(reduce(context, await current(), options)).rejects.toThrow('order qt-entry is not an entry');
    expect(exchange.sent).toEqual([]);
  });
});

describe.each<Leg>(['stop', 'exit'])('the next %s', (leg) => {
  it('is the first where none was decided', async () => {
    expect(await next(await hold(), leg)).toBe(0);
  });

  it('is the one that was named and never written down', async () => {
    for (const [named, sent] of [
      [0, 0],
      [3, 3],
      [-1, 0],
    ] as const) {
      const held = await hold();
      await decided(held, leg, named, { status: 'missing' });
      expect(await next(held, leg)).toBe(sent);
    }
  });

  it('is none while one is under way, unless it is to be replaced', async () => {
    for (const status of ['authorised', 'acknowledged', 'unknown'] as const) {
      const held = await hold();
      await decided(held, leg, 2, { status });
      expect(await next(held, leg)).toBe('already_submitted');
      expect(await next(held, leg, { replace: true })).toBe(3);
    }
  });

  it('follows one that has ended, and one whose record cannot be read', async () => {
    for (const status of ['rejected', 'cancelled'] as const) {
      const held = await hold();
      await decided(held, leg, 2, { status });
      expect(await next(held, leg)).toBe(3);
    }
    const held = await hold();
    await decided(held, leg, 2, { status: 'acknowledged' });
    const { get } = held.world.risk;
    held.world.risk.get = (async (...given: Parameters<typeof get>) =>
      given[1].endsWith(idOf(leg, 2)) ? Promise.reject(new Error('garbage')) : get(...given)) as typeof get;
    expect(await next(held, leg)).toBe(3);
  });

  it('of a record without numbers is found by the id', async () => {
    const held = await hold();
    await decided(held, leg, null, { id: idOf(leg, 4) });
    expect(await next(held, leg)).toBe(5);
  });

  it('is the first of the new entry after one of an entry before', async () => {
    const held = await hold();
    await decided(held, leg, -1, { id: 'of an entry before' });
    expect(await next(held, leg)).toBe(0);
  });
});

describe('an exit that the exchange refuses', () => {
  it.each([
    [4, 0, 0],
    [5, 119_999, 120_000],
    [9, 119_999, 120_000],
    [10, 299_999, 300_000],
  ])('for the %i. time is sent again after %i ms and more', async (sequence, pausedMs, agoMs) => {
    const held = await hold();
    await decided(held, 'exit', sequence, { agoMs });
    expect(await next(held, 'exit')).toBe(sequence + 1);
    if (pausedMs === 0) return;
    const paused = await hold();
    await decided(paused, 'exit', sequence, { agoMs: pausedMs });
    expect(await next(paused, 'exit')).toBe('paused');
  });

  it('is no reason to pause where it was cancelled, or was a stop', async () => {
    const cancelled = await hold();
    await decided(cancelled, 'exit', 10, { status: 'cancelled' });
    expect(await next(cancelled, 'exit')).toBe(11);
    const stop = await hold();
    await decided(stop, 'stop', 10);
    expect(await next(stop, 'stop')).toBe(11);
  });
});

describe('the orders of a leg', () => {
  it('are those up to the newest, fifty at most', async () => {
    const { context, entry, position } = await hold();
    const ids = (over: Partial<PositionRecord>, leg: Leg = 'exit') =>
      legIds(context, entry, leg, { ...position.value, ...over });
    expect(ids({})).toEqual([]);
    expect(ids({ exitSequence: 3 })).toEqual([]);
    expect(ids({ exitClientOrderId: 'x', exitSequence: 0 })).toEqual(idsOf('exit', 0, 0));
    expect(ids({ exitClientOrderId: 'x', exitSequence: 49 })).toEqual(idsOf('exit', 0, 49));
    expect(ids({ exitClientOrderId: 'x', exitSequence: 50 })).toEqual(idsOf('exit', 1, 50));
    expect(ids({ exitClientOrderId: 'x', exitSequence: -1 })).toEqual([]);
    expect(ids({ stopClientOrderId: 'x', stopSequence: 1 })).toEqual([]);
    expect(ids({ stopClientOrderId: 'x', stopSequence: 1 }, 'stop')).toEqual(idsOf('stop', 0, 1));
    // Of a record without numbers.
    expect(ids({ exitClientOrderId: idOf('exit', 49) })).toEqual(idsOf('exit', 0, 49));
    expect(ids({ exitClientOrderId: idOf('exit', 50) })).toEqual([]);
  });

  it('are read of both legs, as far as they are on record', async () => {
    const held = await hold();
    await decided(held, 'stop', 1);
    await decided(held, 'exit', 0);
    const { context, entry, current } = held;
    const records = await legRecords(context, entry, (await current()).value);
    expect(records.map(({ clientOrderId }) => clientOrderId)).toEqual([idOf('stop', 1), idOf('exit', 0)]);
  });
});

describe('a change of a position', () => {
  it('is written on what it was made of, and returned as it then stands', async () => {
    const { context, position, current } = await hold();
    const changed = await changePosition(context, position, { exitDueMs: 7 });
    expect(changed).toEqual(await current());
    expect(changed?.value).toEqual({ ...position.value, exitDueMs: 7 });
    expect(await changePosition(context, position, { exitDueMs: 8 })).toBeUndefined();
    expect((await current()).value.exitDueMs).toBe(7);
  });

  it('is made again when others write, as long as it applies', async () => {
    const { world, context, current, positions } = await hold();
    const { put } = world.risk;
    world.risk.put = async (...given) => {
      world.risk.put = put;
      const { value, revision } = await current();
      await positions.put('paper', { ...value, exitDueMs: 9 }, { ifRevision: revision });
      return put(...given);
    };
    await whilePosition(context, 'BTCUSDT', ({ quantity }) => ({ quantity: quantity * 2 }));
    expect((await current()).value).toMatchObject({ exitDueMs: 9, quantity: 0.02 });
    const before = await current();
    await whilePosition(context, 'BTCUSDT', () => undefined);
    expect(await current()).toEqual(before);
    await whilePosition(context, 'NOUSDT', () => ({ quantity: 1 }));
  });

  it('is given up when they write all the time', async () => {
    const { world, context } = await hold();
    let puts = 0;
    world.risk.put = async () => {
      puts++;
      return 'conflict';
    };
    await expect(whilePosition(context, 'BTCUSDT', () => ({ quantity: 1 }))).rejects.toThrow(
      'the record of position BTCUSDT is written by others all the time',
    );
    expect(puts).toBe(WRITE_ATTEMPTS_MAX);
  });
});
