import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EntryOrder, OrderSide, ReduceOrder } from '../../../lib/execution/order.ts';
import {
  newPaperAccount,
  type PaperAccount,
  paperAccountSchema,
  unseenBars,
  walletOf,
} from '../../../lib/execution/paper/paper-account.ts';
import { cancelOrder, followCandles, placeOrder } from '../../../lib/execution/paper/paper-matching.ts';
import { BAR_MS, type Candle } from '../../../lib/market/candle.ts';
import { type CandleSeries, seriesFromCandles, sliceSeries } from '../../../lib/market/candle-series.ts';

const START_MS = Date.UTC(2024, 0, 2, 1);
const costs = { halfSpreadBps: 1, slippageBps: 2, takerFeeBps: 5, fundingRatePer8h: 0.0001 };
const filters = { tickSize: 0.1, stepSize: 0.001, minQuantity: 0.001, maxQuantity: 100, minNotionalUsdt: 5 };

const entry = (side: OrderSide = 'BUY', quantity = 1): EntryOrder => ({
  kind: 'entry',
  scope: 'paper',
  clientOrderId: 'entry',
  symbol: 'AUSDT',
  side,
  quantity,
  barOpenTimeMs: START_MS - BAR_MS,
  ensembleId: 'e',
  referencePrice: 100,
  notionalMicroUsdt: 1,
  betaMicroUsdt: 1,
  stopPrice: 95,
});
const reduction = (change: Partial<ReduceOrder> = {}): ReduceOrder => ({
  kind: 'reduce',
  scope: 'paper',
  clientOrderId: 'stop',
  symbol: 'AUSDT',
  side: 'SELL',
  quantity: 1,
  reduceOnly: true,
  stopPrice: 95,
  ...change,
});

function place(
  account: PaperAccount,
  order: EntryOrder | ReduceOrder,
  at: { price?: number; nowMs?: number } = {},
): PaperAccount {
  const { price = 100, nowMs = START_MS } = at;
  const placed = placeOrder(account, order, { price, filters, costs, nowMs });
  if (!placed.ok) throw new Error(placed.error);
  return placed.value;
}

/** Bars from `START_MS` on: [open, low, high, close]; null for one that is missing. */
function bars(...rows: readonly (readonly [number, number, number, number] | null)[]): CandleSeries {
  const candles = rows.flatMap((row, index): Candle[] => {
    if (row === null) return [];
    const [open, low, high, close] = row;
    return [{ openTimeMs: START_MS + index * BAR_MS, open, low, high, close, volume: 1 }];
  });
  const series = seriesFromCandles(candles);
  if (!series.ok) throw new Error(series.error.problem);
  return series.value;
}

const follow = (account: PaperAccount, candles: CandleSeries, nowMs = START_MS + 1e9): PaperAccount =>
  followCandles(account, 'AUSDT', { candles, costs, nowMs });

const empty = newPaperAccount(1_000_000_000);
const protectedLong = place(place(empty, entry()), reduction());
const protectedShort = place(place(empty, entry('SELL')), reduction({ side: 'BUY', stopPrice: 105 }));

describe('a stop', () => {
  // Slippage of 2 bp on 95 and 105; by hand.
  it.each([
    ['the range reaches it exactly', protectedLong, [100, 95, 101, 96], 94.981],
    ['the bar opened past it', protectedLong, [90, 89, 99, 98], 89.982],
    ['the bar opened at it', protectedLong, [95, 94, 99, 98], 94.981],
    ['of a short', protectedShort, [100, 99, 105, 99], 105.021],
    ['of a short, past which the bar opened', protectedShort, [110, 99, 111, 99], 110.022],
  ] as const)('fills when %s', (_what, account, bar, price) => {
    const after = follow(account, bars(bar));
    expect(after.orders.stop).toMatchObject({ status: 'filled', filledQuantity: 1 });
    expect(after.orders.stop!.averagePrice).toBeCloseTo(price, 9);
    expect(after.orders.stop!.updatedAtMs).toBe(START_MS + BAR_MS);
    expect(after.ledger.positions).toEqual({});
    expect(unseenBars(after).size).toBe(0);
  });

  it('rests while the range stays above it by a tick', () => {
    const after = follow(protectedLong, bars([100, 95.1, 101, 96]));
    expect(after.orders.stop!.status).toBe('open');
  });

  it('is not touched by a bar that is not closed, nor by bars before it', () => {
    const deep = bars([100, 50, 101, 96]);
    expect(follow(protectedLong, deep, START_MS + BAR_MS - 1)).toBe(protectedLong);
    const later = place(place(empty, entry(), { nowMs: START_MS + BAR_MS }), reduction(), {
      nowMs: START_MS + BAR_MS,
    });
    expect(follow(later, deep)).toBe(later);
  });

  it('placed within a bar does not fill at an open that was before it', () => {
    const nowMs = START_MS + 60_000;
    const late = place(place(empty, entry(), { nowMs }), reduction(), { nowMs });
    expect(follow(late, bars([90, 89, 101, 100])).orders.stop!.averagePrice).toBeCloseTo(94.981, 9);
  });

  it('does not trigger on bars that are missing', () => {
    const after = follow(protectedLong, bars([100, 99, 101, 100], null, null, [100, 99, 101, 100]));
    expect(after.orders.stop!.status).toBe('open');
    expect(unseenBars(after).get('AUSDT')).toBe(START_MS + 4 * BAR_MS);
  });

  it('takes what is left of the position, oldest stop first', () => {
    const two = place(protectedLong, reduction({ clientOrderId: 'second', quantity: 0.4 }), {
      nowMs: START_MS + 1,
    });
    const after = follow(two, bars([100, 90, 101, 96]));
    expect(after.orders.stop).toMatchObject({ status: 'filled', filledQuantity: 1 });
    expect(after.orders.second).toMatchObject({ status: 'cancelled', filledQuantity: 0, feeMicroUsdt: 0 });
  });

  it('that closes the position is taken whatever the step, and ends with all of it', () => {
    const entered = place(empty, entry('BUY', 0.202));
    const coarse = { ...filters, stepSize: 0.004, minQuantity: 0.004 };
    const market = { price: 100, filters: coarse, costs, nowMs: START_MS };
    expect(placeOrder(entered, reduction({ quantity: 0.202 }), market)).toMatchObject({
      error: 'quantity_off_grid',
    });
    const placed = placeOrder(entered, reduction({ quantity: null }), market);
    expect(placed.ok).toBe(true);
    const candles = bars([100, 94, 100, 96]);
    const later = { candles, costs, nowMs: START_MS + BAR_MS };
    expect(placed.ok && followCandles(placed.value, 'AUSDT', later).ledger.positions).toEqual({});
  });
});

describe('costs', () => {
  it('a round trip at one price costs spread, slippage and fees, and nothing else', () => {
    const out = place(place(empty, entry()), reduction({ stopPrice: null }));
    // 1 × 100 bought at 100.03, sold at 99.97; fees 5 bp of each.
    expect(walletOf(out)).toBe(1_000_000_000 - 60_000 - 50_015 - 49_985);
  });
});

describe('funding', () => {
  const flat = [100, 100, 100, 100] as const;
  const until = (hours: number) => bars(...Array.from({ length: hours * 12 }, () => flat));

  it.each([
    [6.9, 0],
    [7, 1],
    [14.9, 1],
    [23, 3],
  ])('%d hours after 01:00 it was due %i times', (hours, times) => {
    const after = follow(place(empty, entry()), until(hours));
    expect(after.funding.map(({ amountMicroUsdt }) => amountMicroUsdt)).toEqual(Array(times).fill(-10_000));
    expect(after.ledger.fundingMicroUsdt).toBe(0 - 10_000 * times);
  });

  it('of a time within a gap is paid once the market goes on', () => {
    const gap = Array<null>(90).fill(null);
    const after = follow(place(empty, entry()), bars(flat, ...gap, [200, 200, 200, 200]));
    // At the last price known then.
    expect(after.funding).toMatchObject([{ amountMicroUsdt: -10_000, atMs: Date.UTC(2024, 0, 2, 8) }]);
  });

  it('is not due of an entry at that very moment', () => {
    const nowMs = Date.UTC(2024, 0, 2, 8);
    const after = follow(place(empty, entry(), { nowMs }), until(8));
    expect(after.funding).toEqual([]);
  });

  it('is not due of a time before the entry, though a stop rested there', () => {
    const waiting = place(protectedLong, reduction({ clientOrderId: 'out', stopPrice: null }));
    const nowMs = Date.UTC(2024, 0, 2, 9);
    const again = place(waiting, { ...entry(), clientOrderId: 'again' }, { nowMs });
    expect(follow(again, until(9)).funding).toEqual([]);
  });
});

describe('an id', () => {
  it('that is known changes nothing, whatever is asked under it', () => {
    expect(place(protectedLong, entry('SELL', 5))).toBe(protectedLong);
    expect(cancelOrder(protectedLong, 'entry', START_MS)).toBe(protectedLong);
    expect(cancelOrder(protectedLong, 'none', START_MS)).toBe(protectedLong);
  });
});

describe('in any market', () => {
  const row = fc
    .tuple(fc.integer({ min: 800, max: 1200 }), fc.nat(60), fc.nat(60), fc.integer({ min: 800, max: 1200 }))
    .map(
      ([open, below, above, close]) =>
        [
          open / 10,
          (Math.min(open, close) - below) / 10,
          (Math.max(open, close) + above) / 10,
          close / 10,
        ] as const,
    );
  const rows = fc.array(fc.option(row, { freq: 8 }), { minLength: 1, maxLength: 250 });
  const orders = fc.constantFrom<OrderSide>('BUY', 'SELL');

  it('looking often or once comes to the same, and the account survives its record', () => {
    fc.assert(
      fc.property(rows, orders, fc.array(fc.nat(250), { maxLength: 20 }), (market, side, looks) => {
        const candles = bars(...market);
        const stop = reduction({
          side: side === 'BUY' ? 'SELL' : 'BUY',
          stopPrice: side === 'BUY' ? 95 : 105,
        });
        const start = place(place(empty, entry(side)), stop);
        const once = follow(start, candles);
        let often = start;
        for (const count of looks.toSorted((a, b) => a - b)) {
          often = follow(often, sliceSeries(candles, 0, Math.min(count, candles.length)));
          often = paperAccountSchema.parse(JSON.parse(JSON.stringify(often)));
        }
        expect(follow(often, candles)).toEqual(once);
      }),
    );
  });

  it('a stop loses no less than the stop says, and the ledger add up', () => {
    fc.assert(
      fc.property(rows, orders, (market, side) => {
        const stopPrice = side === 'BUY' ? 95 : 105;
        const stop = reduction({ side: side === 'BUY' ? 'SELL' : 'BUY', stopPrice });
        const after = follow(place(place(empty, entry(side)), stop), bars(...market));
        const { stop: left, entry: opened } = after.orders;
        const sign = side === 'BUY' ? 1 : -1;
        const reached = market.some((bar) => bar !== null && (side === 'BUY' ? bar[1] <= 95 : bar[2] >= 105));
        expect(left!.status).toBe(reached ? 'filled' : 'open');
        if (!reached) return;
        expect(sign * left!.averagePrice!).toBeLessThan(sign * stopPrice);
        const made = Math.round(sign * (left!.averagePrice! - opened!.averagePrice!) * 1e6);
        const wallet = 1_000_000_000 + made - left!.feeMicroUsdt - opened!.feeMicroUsdt;
        const funding = after.funding.reduce((sum, { amountMicroUsdt }) => sum + amountMicroUsdt, 0);
        expect(Math.abs(walletOf(after) - (wallet + funding))).toBeLessThanOrEqual(1);
      }),
    );
  });
});
