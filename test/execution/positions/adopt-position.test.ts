// A position that nobody here decided gets an entry to stand in for the one it lacks, so that it can be closed as every other.
import { describe, expect, it } from 'vitest';
import { failure, success } from '../../../lib/core/result.ts';
import { clientOrderId } from '../../../lib/execution/client-order-id.ts';
import type { Broker, BrokerPosition } from '../../../lib/execution/ports.ts';
import type { PositionRecord } from '../../../lib/execution/records.ts';
import type { AccountView } from '../../../lib/execution/use-cases/book-account.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { adoptPosition, handOver } from '../../../lib/execution/use-cases/positions/adopt-position.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import { type HeldPosition, hold } from '../../support/trading/held-position.ts';

const LONG: BrokerPosition = {
  ...{ symbol: 'BTCUSDT', quantity: 0.02, entryPrice: 49_500, markPrice: 50_000.003 },
};
const SHORT: BrokerPosition = { ...LONG, quantity: -0.02 };
const error = failure({ code: 'unavailable', message: '503', retryable: true } as const);

const idOf = (side: 'BUY' | 'SELL', nowMs: number) =>
  clientOrderId({
    ...{ scope: 'paper', symbol: 'BTCUSDT', barOpenTimeMs: nowMs, side, ensembleId: 'adopted', leg: 'entry' },
  });
const tradesOf = async ({ world }: HeldPosition) =>
  allValues(await executionRecords(world.risk).trades.since('paper', 0));

/** Of one whose price is known. */
async function adoptPriced(...given: Parameters<typeof adoptPosition>) {
  const adopted = await adoptPosition(...given);
  if (adopted === 'unpriced') throw new Error('it has no price');
  return adopted;
}

/** What is made of a position of which there is no record. */
async function adoptUnknown(row: BrokerPosition, broker: Partial<Broker> = {}) {
  const held = await hold();
  await held.remove();
  Object.assign(held.exchange.broker, broker);
  const adopted = await adoptPosition(held.context, await held.view(), row);
  const isUnpriced = adopted === 'unpriced';
  return { held, isUnpriced, adopted: isUnpriced ? undefined : adopted };
}

describe('a position without a record', () => {
  it.each([
    ['BUY', LONG, 49_000.01],
    ['SELL', SHORT, 51_000],
  ] as const)(
    'of a %s gets an entry that is filled, booked and due, and a record',
    async (side, row, stopPrice) => {
      const { held, adopted } = await adoptUnknown(row);
      const { nowMs } = held.world;
      expect(adopted?.entry).toEqual({
        ...{ clientOrderId: idOf(side, nowMs), symbol: 'BTCUSDT', leg: 'entry', side, quantity: 0.02 },
        ...{ stopPrice, exitDueMs: nowMs, barOpenTimeMs: nowMs, ensembleId: 'adopted', referencePrice: null },
        ...{ notionalMicroUsdt: 0, authorisedEpoch: null, filledAtMs: nowMs, bookedQuantity: 0.02 },
        state: { status: 'filled', quantity: 0.02, filledQuantity: 0.02, averagePrice: 49_500 },
        ...{ bookedFeeMicroUsdt: 0, note: 'adopted', createdAtMs: nowMs, updatedAtMs: nowMs },
      });
      expect((await held.orders.get('paper', idOf(side, nowMs)))?.value).toEqual(adopted?.entry);
      expect(adopted?.position).toEqual(await held.current());
      expect(adopted?.position.value).toMatchObject({
        ...{ entryClientOrderId: idOf(side, nowMs), side, quantity: 0.02, entryPrice: 49_500, stopPrice },
        ...{ exitDueMs: nowMs, unprotectedSinceMs: nowMs },
      });
    },
  );

  it('has its stop by the mark, else by its entry, else by the last price', async () => {
    const noPrices = { prices: () => Promise.reject(new Error('asked')) };
    const stopAndEntry = async (over: Partial<BrokerPosition>, broker: Partial<Broker> = noPrices) => {
      const { adopted } = await adoptUnknown({ ...LONG, ...over }, broker);
      return [adopted?.entry.stopPrice, adopted?.entry.state.averagePrice];
    };
    expect(await stopAndEntry({ markPrice: 60_000 })).toEqual([58_800, 49_500]);
    expect(await stopAndEntry({ markPrice: null })).toEqual([48_510, 49_500]);
    expect(await stopAndEntry({ markPrice: 60_000, entryPrice: null })).toEqual([58_800, 60_000]);
    expect(await stopAndEntry({ markPrice: null, entryPrice: null }, {})).toEqual([49_000, 50_000]);
  });

  it.each<[string, Broker['prices']]>([
    ['can be read', async () => error],
    ['is there', async () => success(new Map([['ETHUSDT', 2_500]]))],
  ])('is not adopted while no price %s', async (_name, prices) => {
    const row = { ...LONG, markPrice: null, entryPrice: null };
    const { held, isUnpriced } = await adoptUnknown(row, { prices });
    expect(isUnpriced).toBe(true);
    expect(await held.orders.get('paper', idOf('BUY', held.world.nowMs))).toBeUndefined();
  });

  it.each<[string, Broker['filters']]>([
    ['cannot be read', async () => error],
    ['do not know the symbol', async () => success(new Map())],
  ])('has its stop on no tick when the filters %s', async (_name, filters) => {
    const { adopted } = await adoptUnknown(LONG, { filters });
    expect(adopted?.entry.stopPrice).toBeCloseTo(49_000.00294, 6);
  });

  it('has its stop at the mark when no tick lies between', async () => {
    const filters: Broker['filters'] = async () => {
      const { stepSize, ...rest } = {
        stepSize: 0.001,
        minQuantity: 0.001,
        maxQuantity: 1e6,
        minNotionalUsdt: 5,
      };
      return success(new Map([['BTCUSDT', { ...rest, stepSize, tickSize: 80_000 }]]));
    };
    const { adopted } = await adoptUnknown(LONG, { filters });
    expect(adopted?.entry.stopPrice).toBe(50_000.003);
  });

  it('is left to another process that has recorded it meanwhile', async () => {
    const { context, view, current, position } = await hold();
    const before = await view({ positions: new Map() });
    expect(await adoptPriced(context, before, LONG)).toBeUndefined();
    expect(await current()).toEqual(position);
  });
});

describe('a position whose entry is forgotten', () => {
  const named: Partial<PositionRecord> = {
    ...{ stopClientOrderId: 'qt-stop', stopSequence: 3, exitClientOrderId: 'qt-exit', exitSequence: 2 },
  };
  const listed = { clientOrderId: 'qt-stop' } as AccountView['openOrders'][number];

  /** Its record names a stop and an exit. */
  async function forgotten() {
    const held = await hold();
    const { value, revision } = await held.current();
    await held.positions.put('paper', { ...value, ...named }, { ifRevision: revision });
    return held;
  }

  it.each<[string, Partial<AccountView>, Partial<PositionRecord>]>([
    [
      'is listed',
      { openOrders: [{ ...listed, clientOrderId: 'other' }, listed], knowsStops: true },
      { stopClientOrderId: 'qt-stop', stopSequence: -1 },
    ],
    [
      'may be there',
      { openOrders: [], knowsStops: false },
      { stopClientOrderId: 'qt-stop', stopSequence: -1 },
    ],
    [
      'is gone',
      { openOrders: [{ ...listed, clientOrderId: 'other' }], knowsStops: true },
      { stopClientOrderId: null, stopSequence: null },
    ],
  ])('goes on under the new one, and with its stop where that %s', async (_name, over, stop) => {
    const held = await forgotten();
    const { context, world, view, current } = held;
    const before = await current();
    world.nowMs += 9;
    const { nowMs } = world;
    const adopted = await adoptPriced(context, await view(over), LONG);
    expect(adopted?.position).toEqual(await current());
    expect(adopted?.position.value).toEqual({
      ...before.value,
      ...{ entryClientOrderId: idOf('BUY', nowMs), exitDueMs: nowMs },
      ...{ exitClientOrderId: null, exitSequence: null, ...stop },
    });
    expect(await tradesOf(held)).toEqual([]);
  });

  it('is left to another process that has changed it since', async () => {
    const { context, entry, view, current, positions } = await forgotten();
    const before = await view();
    const { value, revision } = await current();
    await positions.put('paper', { ...value, exitDueMs: 7 }, { ifRevision: revision });
    expect(await adoptPriced(context, before, LONG)).toBeUndefined();
    expect(await handOver(context, before, before.positions.get('BTCUSDT')!, entry)).toBeUndefined();
    expect((await current()).value.exitDueMs).toBe(7);
  });
});

describe('a position that was turned around', () => {
  it('is recorded anew, as it is held now, and the trade before it is told', async () => {
    const held = await hold();
    const { context, world, view, current, secure, orders } = held;
    await secure();
    const stopId = (await current()).value.stopClientOrderId!;
    const stop = (await orders.get('paper', stopId))!;
    const state = { status: 'filled', quantity: 0.01, filledQuantity: 0.01, averagePrice: 49_000 } as const;
    await orders.put('paper', { ...stop.value, state }, { ifRevision: stop.revision });
    world.nowMs += 9;
    const { nowMs } = world;
    const adopted = await adoptPriced(context, await view(), SHORT);
    expect(adopted?.position).toEqual(await current());
    expect(adopted?.position.value).toEqual({
      ...{ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.02, entryPrice: 49_500, stopPrice: 51_000 },
      ...{ entryClientOrderId: idOf('SELL', nowMs), stopClientOrderId: null, stopSequence: null },
      ...{ unprotectedSinceMs: nowMs, exitClientOrderId: null, exitSequence: null },
      ...{ exitDueMs: nowMs, openedAtMs: nowMs },
    });
    expect(await tradesOf(held)).toMatchObject([
      { side: 'BUY', quantity: 0.01, entryClientOrderId: 'qt-entry', exitPrice: 49_000, reason: 'stop' },
    ]);
  });

  it('to a long one is recorded so too', async () => {
    const { context, view } = await hold({ side: 'SELL' });
    const adopted = await adoptPriced(context, await view(), LONG);
    expect(adopted?.position.value).toMatchObject({ side: 'BUY', stopPrice: 49_000.01 });
  });

  it('tells no trade of an entry that has filled nothing, or whose record is gone', async () => {
    const held = await hold();
    const { context, entry, view } = held;
    const state = { status: 'cancelled', quantity: 1, filledQuantity: 0, averagePrice: null } as const;
    const unfilled = await view({ orders: new Map([['qt-entry', { ...entry, state }]]) });
    expect((await adoptPriced(context, unfilled, SHORT))?.position.value.side).toBe('SELL');
    expect(await tradesOf(held)).toEqual([]);
    const gone = await hold();
    const without = await gone.view({ orders: new Map() });
    expect((await adoptPriced(gone.context, without, SHORT))?.position.value.side).toBe('SELL');
    expect(await tradesOf(gone)).toEqual([]);
  });

  it('is left to another process that has changed it since', async () => {
    const { context, view, current, positions } = await hold();
    const before = await view();
    const { value, revision } = await current();
    await positions.put('paper', { ...value, exitDueMs: 7 }, { ifRevision: revision });
    expect(await adoptPriced(context, before, SHORT)).toBeUndefined();
    expect((await current()).value).toMatchObject({ side: 'BUY', exitDueMs: 7 });
  });
});
