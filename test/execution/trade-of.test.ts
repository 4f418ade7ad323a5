// What is told of a trade that has ended, worked out by hand: its prices, its profit after all fees, its end and the reason for it.
import { describe, expect, it } from 'vitest';
import { isClosedByUs, NO_COSTS, type TradedOrder, tradeOf } from '../../lib/execution/trade-of.ts';

const order = (
  leg: TradedOrder['leg'],
  filledQuantity: number,
  averagePrice: number | null,
  change: Partial<TradedOrder> = {},
): TradedOrder => ({
  ...{ clientOrderId: `qt-${leg}`, symbol: 'BTCUSDT', leg, side: leg === 'entry' ? 'BUY' : 'SELL' },
  ...{ ensembleId: 'e20240728_000000', bookedFeeMicroUsdt: 100, note: '', filledAtMs: null, updatedAtMs: 50 },
  state: { status: 'cancelled', quantity: 9, filledQuantity, averagePrice } as TradedOrder['state'],
  ...change,
});
const entry = order('entry', 2, 100, { updatedAtMs: 10 });
const stop = order('stop', 0.5, 90, { filledAtMs: 20 });
const exit = order('exit', 1.5, 110, { filledAtMs: 30, note: 'horizon' });
const unfilled = order('stop', 0, null, { filledAtMs: null, updatedAtMs: 99 });
const tell = (legs: readonly TradedOrder[], costs = {}, from = entry) =>
  tradeOf({ entry: from, legs, position: { openedAtMs: 5 } }, { ...NO_COSTS, ...costs });

describe('a trade', () => {
  it('that our orders have closed', () => {
    expect(tell([exit, stop, unfilled])).toEqual({
      ...{ symbol: 'BTCUSDT', side: 'BUY', quantity: 2, entryPrice: 100, exitPrice: 105 },
      ...{ reason: 'horizon', feesMicroUsdt: 300, profitMicroUsdt: 10_000_000 - 300 },
      ...{ openedAtMs: 5, closedAtMs: 30, entryClientOrderId: 'qt-entry', ensembleId: 'e20240728_000000' },
    });
  });

  it('that was a short gains where prices fall', () => {
    const short = { ...entry, side: 'SELL' } as const;
    expect(tell([exit, stop], {}, short).profitMicroUsdt).toBe(-10_000_000 - 300);
  });

  it('ends with its last fill, in whatever order its legs are listed', () => {
    const late = { ...stop, filledAtMs: 40 };
    for (const legs of [
      [late, exit],
      [exit, late],
    ])
      expect(tell(legs)).toMatchObject({ reason: 'stop', closedAtMs: 40 });
    // Records of before have no time of a fill.
    expect(tell([exit, { ...stop, filledAtMs: null }])).toMatchObject({ reason: 'stop', closedAtMs: 50 });
  });

  it('that nothing of ours has closed has no price, no reason, and ends when it was last seen', () => {
    expect(tell([unfilled])).toMatchObject({
      ...{ exitPrice: null, reason: 'unknown', feesMicroUsdt: 100, profitMicroUsdt: -100, closedAtMs: 99 },
    });
    expect(tell([]).closedAtMs).toBe(10);
    expect(tell([{ ...unfilled, updatedAtMs: 1 }]).closedAtMs).toBe(10);
  });

  it('that others have closed is told by what they say', () => {
    const others = { realisedMicroUsdt: -7_000_000, feesMicroUsdt: 40, closing: 'liquidated', untilMs: 60 };
    expect(tell([stop], { others })).toMatchObject({
      ...{ reason: 'liquidated', closedAtMs: 60, feesMicroUsdt: 240 },
      profitMicroUsdt: -5_000_000 - 7_000_000 - 240,
    });
    const silent = { ...others, closing: undefined, untilMs: undefined };
    expect(tell([stop], { others: silent })).toMatchObject({ reason: 'stop', closedAtMs: 20 });
  });

  it('counts fees in other assets, and names those without a price', () => {
    const priced = tell([exit], { otherFeesMicroUsdt: 1_000 });
    expect(priced).toMatchObject({ feesMicroUsdt: 1_200, profitMicroUsdt: 15_000_000 - 1_200 });
    expect(priced).not.toHaveProperty('unpricedFees');
    expect(tell([exit], { unpricedFees: { BNB: 0.1 } })).toMatchObject({ unpricedFees: { BNB: 0.1 } });
  });

  it('without a price at its entry was none', () => {
    expect(() => tell([exit], {}, order('entry', 0, null))).toThrow('entry qt-entry has no price');
  });
});

it.each([
  [1.5, true],
  [1.5 - 4e-9, true],
  [1.5 - 1e-8, false],
  [1.6, true],
  [0, false],
])('with an exit of %d beside a stop of 0.5, two are closed by us: %s', (filled, isClosed) => {
  expect(isClosedByUs({ entry, legs: [stop, order('exit', filled, 110)] })).toBe(isClosed);
});
