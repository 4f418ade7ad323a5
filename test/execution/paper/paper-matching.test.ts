// The simulated exchange, order by order: what it refuses, to the bound, what an order leaves behind, and what it remembers.
import { describe, expect, it } from 'vitest';
import type { EntryOrder, OrderSide, ReduceOrder } from '../../../lib/execution/order.ts';
import {
  endedOrders,
  newPaperAccount,
  type PaperAccount,
  paperAccountSchema,
  unseenBars,
  walletOf,
  withoutOrders,
} from '../../../lib/execution/paper/paper-account.ts';
import {
  cancelOrder,
  followCandles,
  isReached,
  nextFundingMs,
  type PaperMarket,
  placeOrder,
} from '../../../lib/execution/paper/paper-matching.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { seriesFromCandles } from '../../../lib/market/candle-series.ts';

const START_MS = Date.UTC(2024, 0, 2, 1);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const market: PaperMarket = {
  price: 100,
  filters: { tickSize: 0.1, stepSize: 0.001, minQuantity: 0.002, maxQuantity: 100, minNotionalUsdt: 5 },
  costs: { halfSpreadBps: 1, slippageBps: 2, takerFeeBps: 5, fundingRatePer8h: 0.0001 },
  nowMs: START_MS,
};
const entry = (change: Partial<EntryOrder> = {}): EntryOrder => ({
  ...{ kind: 'entry', scope: 'paper', clientOrderId: 'entry', symbol: 'AUSDT', side: 'BUY', quantity: 1 },
  ...{ barOpenTimeMs: 0, ensembleId: 'e', referencePrice: 100, stopPrice: 95 },
  ...{ notionalMicroUsdt: 1, betaMicroUsdt: 1, ...change },
});
const reduction = (change: Partial<ReduceOrder> = {}): ReduceOrder => ({
  ...{ kind: 'reduce', scope: 'paper', clientOrderId: 'stop', symbol: 'AUSDT', side: 'SELL' },
  ...{ quantity: 1, reduceOnly: true, stopPrice: 95, ...change },
});
const empty = newPaperAccount(1_000_000_000);

function place(
  account: PaperAccount,
  order: EntryOrder | ReduceOrder,
  over: Partial<PaperMarket> = {},
): PaperAccount {
  const placed = placeOrder(account, order, { ...market, ...over });
  if (!placed.ok) throw new Error(placed.error);
  return placed.value;
}
const refusal = (
  account: PaperAccount,
  order: EntryOrder | ReduceOrder,
  over: Partial<PaperMarket> = {},
): string | undefined => {
  const placed = placeOrder(account, order, { ...market, ...over });
  return placed.ok ? undefined : placed.error;
};

type Row = readonly [open: number, low: number, high: number, close: number];
const FLAT: Row = [100, 100, 100, 100];
function barsFrom(fromMs: number, rows: readonly Row[]) {
  const candles = rows.map(([open, low, high, close], index) => ({
    ...{ openTimeMs: fromMs + index * BAR_MS, open, low, high, close, volume: 1 },
  }));
  const series = seriesFromCandles(candles);
  if (!series.ok) throw new Error(series.error.problem);
  return series.value;
}
const follow = (account: PaperAccount, rows: readonly Row[], nowMs = START_MS + 1e12, symbol = 'AUSDT') =>
  followCandles(account, symbol, { candles: barsFrom(START_MS, rows), costs: market.costs, nowMs });

// Made anew by each test: what fails here is a test that fails.
const long = () => place(empty, entry());
const short = () => place(empty, entry({ side: 'SELL' }));
const closing = reduction({ quantity: null });

describe('an order is refused', () => {
  it.each<[string, () => PaperAccount, EntryOrder | ReduceOrder, Partial<PaperMarket>]>([
    ['unknown_symbol', () => empty, entry(), { filters: undefined }],
    ...[undefined, 0, -1, Number.NaN, Number.POSITIVE_INFINITY].map(
      (price) =>
        ['price_unknown', () => empty, entry(), { price }] as [
          string,
          () => PaperAccount,
          EntryOrder,
          object,
        ],
    ),
    ['quantity_off_grid', () => empty, entry({ quantity: 0 }), {}],
    ['quantity_off_grid', () => empty, entry({ quantity: 0.001 }), { price: 1e6 }],
    ['quantity_off_grid', () => empty, entry({ quantity: 100.001 }), {}],
    ['quantity_off_grid', () => empty, entry({ quantity: 1.0005 }), {}],
    ['quantity_off_grid', long, reduction({ quantity: 0.0005 }), {}],
    ['min_notional', () => empty, entry({ quantity: 0.049 }), {}],
    ['nothing_to_reduce', () => empty, reduction(), {}],
    ['nothing_to_reduce', () => empty, closing, {}],
    ['nothing_to_reduce', long, reduction({ side: 'BUY', stopPrice: 105 }), {}],
    ['nothing_to_reduce', short, reduction({ stopPrice: null }), {}],
    ...[0, -0.1, 95.05].map(
      (stopPrice) =>
        ['stop_off_grid', long, reduction({ stopPrice }), {}] as [
          string,
          () => PaperAccount,
          ReduceOrder,
          object,
        ],
    ),
    ['close_stop_exists', () => place(long(), closing), { ...closing, clientOrderId: 'second' }, {}],
    ['would_trigger_at_once', long, reduction({ stopPrice: 100 }), {}],
    ['would_trigger_at_once', short, reduction({ side: 'BUY', stopPrice: 100 }), {}],
  ])('for %s (%#)', (code, account, order, over) => {
    expect(refusal(account(), order, over)).toBe(code);
  });

  it.each<[string, () => PaperAccount, EntryOrder | ReduceOrder, Partial<PaperMarket>]>([
    ['the smallest quantity', () => empty, entry({ quantity: 0.002 }), { price: 1e6 }],
    ['the largest quantity', () => empty, entry({ quantity: 100 }), {}],
    ['the smallest value', () => empty, entry({ quantity: 0.05 }), {}],
    ['a reduction smaller than that', long, reduction({ quantity: 0.002, stopPrice: null }), {}],
    ['a stop a tick below', long, reduction({ stopPrice: 99.9 }), {}],
    ['a stop a tick above', short, reduction({ side: 'BUY', stopPrice: 100.1 }), {}],
    [
      'a sized stop beside one that closes',
      () => place(long(), closing),
      reduction({ clientOrderId: 'b' }),
      {},
    ],
    [
      'one that closes beside a sized stop',
      () => place(long(), reduction()),
      { ...closing, clientOrderId: 'b' },
      {},
    ],
    [
      'one that closes beside one of the other side',
      () =>
        place(
          place(short(), { ...closing, side: 'BUY', stopPrice: 105 }),
          entry({ clientOrderId: 'b', quantity: 2 }),
        ),
      { ...closing, clientOrderId: 'c' },
      {},
    ],
  ])('but not for %s', (_, account, order, over) => {
    expect(refusal(account(), order, over)).toBeUndefined();
  });

  it('and known by its id before anything else is asked', () => {
    expect(placeOrder(long(), entry(), { ...market, filters: undefined })).toEqual({
      ok: true,
      value: long(),
    });
  });
});

describe('what an order leaves behind', () => {
  it('an entry is filled at once against it, with its fee, its trade, and its symbol followed', () => {
    const nowMs = START_MS + 70_000;
    const account = place(empty, entry({ quantity: 2 }), { nowMs });
    expect(account.orders.entry).toEqual({
      ...{ clientOrderId: 'entry', symbol: 'AUSDT', kind: 'market', side: 'BUY', quantity: 2 },
      ...{ reduceOnly: false, stopPrice: null, status: 'filled', filledQuantity: 2, averagePrice: 100.03 },
      ...{ feeMicroUsdt: 100_030, realisedMicroUsdt: 0, createdAtMs: nowMs, updatedAtMs: nowMs },
    });
    expect(account.trades).toEqual([
      { tradeId: 'entry', symbol: 'AUSDT', atMs: nowMs, realisedMicroUsdt: 0, feeMicroUsdt: 100_030 },
    ]);
    expect(account.followed).toEqual({
      AUSDT: { nextOpenTimeMs: START_MS, fundedUntilMs: nowMs, markPrice: 100 },
    });
    expect(place(empty, entry({ side: 'SELL' })).orders.entry?.averagePrice).toBeCloseTo(99.97, 9);
  });

  it('a stop rests, and takes nothing', () => {
    const account = place(long(), reduction(), { nowMs: START_MS + 1, price: 101 });
    expect(account.orders.stop).toMatchObject({
      ...{ kind: 'stop', status: 'open', reduceOnly: true, stopPrice: 95, filledQuantity: 0 },
      ...{ averagePrice: null, feeMicroUsdt: 0, createdAtMs: START_MS + 1 },
    });
    expect(account.ledger).toEqual(long().ledger);
    expect(account.trades).toEqual(long().trades);
    // What is held owes funding since its entry, at the last price known.
    expect(account.followed).toEqual(long().followed);
  });

  it('a reduction realises what it closes, and no more than there is', () => {
    const account = place(long(), reduction({ quantity: 3, stopPrice: null }), { price: 110 });
    const realisedMicroUsdt = Math.round((110 * (1 - 3e-4) - 100 * (1 + 3e-4)) * 1e6);
    expect(account.orders.stop).toMatchObject({ status: 'cancelled', filledQuantity: 1, realisedMicroUsdt });
    expect(account.trades[1]).toMatchObject({ tradeId: 'stop', realisedMicroUsdt });
    expect(account.ledger.positions).toEqual({});
    expect(account.followed).toEqual({});
    const part = place(long(), reduction({ quantity: 0.4, stopPrice: null }));
    expect(part.orders.stop).toMatchObject({ status: 'filled', filledQuantity: 0.4 });
    expect(unseenBars(part)).toEqual(new Map([['AUSDT', START_MS]]));
  });

  it('each reduction realises its own part', () => {
    const half = reduction({ quantity: 0.5, stopPrice: null });
    const account = place(
      place(long(), half, { price: 110 }),
      { ...half, clientOrderId: 'b' },
      { price: 120 },
    );
    const [, first, second] = account.trades.map(({ realisedMicroUsdt }) => realisedMicroUsdt);
    expect(first! + second!).toBe(account.ledger.realisedMicroUsdt);
    expect(second).toBeGreaterThan(first!);
  });

  it('a cancelled stop is ended at that moment, and an idle symbol is not followed', () => {
    const held = cancelOrder(place(long(), reduction()), 'stop', START_MS + 5);
    expect(held.orders.stop).toMatchObject({ status: 'cancelled', updatedAtMs: START_MS + 5 });
    expect(Object.keys(held.followed)).toEqual(['AUSDT']);
    const out = place(place(long(), reduction()), reduction({ clientOrderId: 'out', stopPrice: null }));
    expect(Object.keys(out.followed)).toEqual(['AUSDT']);
    expect(cancelOrder(out, 'stop', START_MS + 5).followed).toEqual({});
  });

  it('a symbol that is idle again leaves the others followed', () => {
    const other = place(long(), entry({ clientOrderId: 'b', symbol: 'BUSDT' }));
    const out = place(other, reduction({ stopPrice: null }));
    expect(Object.keys(out.followed)).toEqual(['BUSDT']);
  });

  it('orders that ended can be kept apart', () => {
    const account = place(long(), reduction());
    expect(endedOrders(account).map(({ clientOrderId }) => clientOrderId)).toEqual(['entry']);
    expect(Object.keys(withoutOrders(account, endedOrders(account)).orders)).toEqual(['stop']);
    expect(withoutOrders(account, [])).toEqual(account);
  });
});

describe('a stop', () => {
  const stop = { side: 'SELL' as OrderSide, stopPrice: 95, createdAtMs: START_MS + BAR_MS };
  it('is reached by the range of bars that end after its placing', () => {
    const bar = { openTimeMs: START_MS, low: 95, high: 95 };
    expect(isReached(stop, bar)).toBe(false);
    expect(isReached({ ...stop, createdAtMs: START_MS + BAR_MS - 1 }, bar)).toBe(true);
    for (const [side, low, high, reached] of [
      ['SELL', 95, 99, true],
      ['SELL', 95.1, 99, false],
      ['BUY', 90, 95, true],
      ['BUY', 90, 94.9, false],
    ] as const)
      expect(isReached({ ...stop, side }, { openTimeMs: START_MS + BAR_MS, low, high })).toBe(reached);
    for (const side of ['SELL', 'BUY'] as const)
      expect(isReached({ ...stop, side, stopPrice: null }, { ...bar, openTimeMs: START_MS + BAR_MS })).toBe(
        false,
      );
  });

  it('fills in a bar that closes at this very moment, and takes nothing of another symbol', () => {
    const account = place(place(long(), reduction()), entry({ clientOrderId: 'b', symbol: 'BUSDT' }));
    const after = follow(account, [[100, 94, 100, 99]], START_MS + BAR_MS);
    expect(after.orders.stop?.status).toBe('filled');
    expect(Object.keys(after.ledger.positions)).toEqual(['BUSDT']);
    expect(follow(account, [[100, 94, 100, 99]], START_MS + 1e9, 'CUSDT')).toBe(account);
  });

  it('of another symbol rests, and keeps nothing but its own symbol followed', () => {
    const other = place(long(), entry({ clientOrderId: 'b', symbol: 'BUSDT' }));
    const stopped = place(other, reduction({ symbol: 'BUSDT' }));
    expect(follow(stopped, [[100, 94, 100, 99]]).orders.stop?.status).toBe('open');
    const out = place(stopped, reduction({ clientOrderId: 'out', stopPrice: null }));
    expect(Object.keys(out.followed)).toEqual(['BUSDT']);
  });

  it('that takes a part leaves the rest followed and stopped', () => {
    const two = place(
      place(long(), reduction({ quantity: 0.4 })),
      reduction({ clientOrderId: 'low', quantity: 0.6, stopPrice: 90 }),
    );
    const after = follow(two, [[100, 94, 100, 99], FLAT, [100, 89, 100, 99], FLAT]);
    expect(after.orders.stop).toMatchObject({ status: 'filled', updatedAtMs: START_MS + BAR_MS });
    expect(after.orders.low).toMatchObject({ status: 'filled', updatedAtMs: START_MS + 3 * BAR_MS });
    expect(after.followed).toEqual({});
    const between = follow(two, [[100, 94, 100, 99], FLAT]);
    expect(between.followed.AUSDT).toMatchObject({ nextOpenTimeMs: START_MS + 2 * BAR_MS, markPrice: 100 });
  });

  it('of two placed at once the one of the lower id goes first, the older one before it', () => {
    const at = (account: PaperAccount, clientOrderId: string, nowMs: number) =>
      place(account, reduction({ clientOrderId, quantity: 0.7 }), { nowMs });
    const statuses = (account: PaperAccount) => {
      const { a, b } = follow(account, [[100, 94, 100, 99]]).orders;
      return [a?.filledQuantity, b?.filledQuantity].map((filled) => Math.round(filled! * 10) / 10);
    };
    expect(statuses(at(at(long(), 'b', START_MS), 'a', START_MS))).toEqual([0.7, 0.3]);
    expect(statuses(at(at(long(), 'a', START_MS), 'b', START_MS))).toEqual([0.7, 0.3]);
    expect(statuses(at(at(long(), 'a', START_MS + 1), 'b', START_MS))).toEqual([0.3, 0.7]);
  });
});

describe('funding', () => {
  it('is due every eight hours, the next time never now', () => {
    const eight = Date.UTC(2024, 0, 2, 8);
    expect(nextFundingMs(eight - 1)).toBe(eight);
    expect(nextFundingMs(eight)).toBe(eight + 8 * HOUR_MS);
  });

  it('is paid by its time at the last price known, named, and to shorts', () => {
    const hours = (count: number) => Array.from({ length: count * 12 }, () => FLAT);
    const paid = (account: PaperAccount) => follow(account, hours(8)).funding;
    const atMs = Date.UTC(2024, 0, 2, 8);
    const payment = { symbol: 'AUSDT', atMs, id: `AUSDT-${atMs}` };
    expect(paid(long())).toEqual([{ ...payment, amountMicroUsdt: -10_000 }]);
    expect(paid(short())).toEqual([{ ...payment, amountMicroUsdt: 10_000 }]);
  });

  it('is in the wallet, and in the record as it is read again', () => {
    const account = follow(
      long(),
      Array.from({ length: 96 }, () => FLAT),
    );
    expect(walletOf(account)).toBe(1_000_000_000 - 50_015 - 10_000);
    expect(paperAccountSchema.parse(JSON.parse(JSON.stringify(account)))).toEqual(account);
    const { trades: _, ...older } = newPaperAccount(1);
    expect(paperAccountSchema.parse(older)).toEqual(newPaperAccount(1));
    expect(newPaperAccount(1).trades).toEqual([]);
  });

  it('of a symbol that holds nothing but a stop is none', () => {
    const waiting = place(place(long(), reduction()), reduction({ clientOrderId: 'out', stopPrice: null }));
    const after = follow(
      waiting,
      Array.from({ length: 100 }, () => FLAT),
    );
    expect(after.funding).toEqual([]);
    expect(after.followed.AUSDT?.fundedUntilMs).toBe(Date.UTC(2024, 0, 2, 8));
  });

  it('is remembered for three days, in order of time and symbol', () => {
    const both = place(long(), entry({ clientOrderId: 'b', symbol: 'BUSDT' }));
    const days = (count: number) => Array.from({ length: count * 288 }, () => FLAT);
    // The later name first: what is kept is in order all the same.
    const ofB = follow(both, days(4), START_MS + 1e12, 'BUSDT');
    const ofBoth = follow(ofB, days(4)).funding;
    const newest = Date.UTC(2024, 0, 6);
    const ofA = ofBoth.filter(({ symbol }) => symbol === 'AUSDT').map(({ atMs }) => atMs);
    expect(ofA).toEqual(Array.from({ length: 9 }, (_, index) => newest - (8 - index) * 8 * HOUR_MS));
    expect(ofBoth.slice(-2).map(({ id }) => id)).toEqual([`AUSDT-${newest}`, `BUSDT-${newest}`]);
    const ofA1 = follow(follow(both, days(1)), days(1), START_MS + 1e12, 'BUSDT').funding;
    expect(ofA1.map(({ symbol }) => symbol[0]).join('')).toBe('ABABAB');
    expect(ofBoth.map(({ atMs }) => atMs)).toEqual(ofBoth.map(({ atMs }) => atMs).toSorted((a, b) => a - b));
  });
});

describe('trades are remembered', () => {
  const entries = (count: number, nowMs: (index: number) => number) => {
    let account = empty;
    for (let index = 0; index < count; index++)
      account = place(account, entry({ clientOrderId: `e${index}`, quantity: 0.05 }), {
        nowMs: nowMs(index),
      });
    return account.trades.map(({ tradeId }) => tradeId);
  };
  it('for three days', () => {
    expect(entries(2, (index) => START_MS + index * (3 * DAY_MS - 1))).toEqual(['e0', 'e1']);
    expect(entries(2, (index) => START_MS + index * 3 * DAY_MS)).toEqual(['e1']);
  });

  it('but for the newest three hundred', () => {
    expect(entries(300, () => START_MS)).toHaveLength(300);
    const trades = entries(302, () => START_MS);
    expect([trades.length, trades[0], trades[299]]).toEqual([300, 'e2', 'e301']);
  });
});
