// The arithmetic of the simulated account: whatever is traded, money and quantities are conserved to the last digit.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MICRO } from '../../../lib/core/units.ts';
import { levelsOf } from '../../../local/exchange/account/depth.ts';
import { History } from '../../../local/exchange/account/history.ts';
import { Positions, type Side } from '../../../local/exchange/account/positions.ts';
import { Contracts, decimalsOf, floorTo, isMultiple, isPrecise } from '../../../local/exchange/contracts.ts';
import { shareOf } from '../../../local/exchange/seeded-share.ts';
import { generateMarket } from '../../../local/market/generated-market.ts';

const market = generateMarket({ seed: 3, symbols: 20, fromMs: Date.UTC(2024, 0, 1), bars: 600 });
const contracts = new Contracts(market, () => 0);
const side = fc.constantFrom<Side>('BUY', 'SELL');

it('what was realised and what a position cost are what was paid and received', () => {
  const fill = fc.record({
    side,
    quantity: fc.integer({ min: 1, max: 5_000 }).map((steps) => steps / 1_000),
    price: fc.integer({ min: 1, max: 1_000_000 }).map((ticks) => ticks / 10),
  });
  fc.assert(
    fc.property(fc.array(fill, { minLength: 1, maxLength: 30 }), (fills) => {
      const positions = new Positions();
      let [realised, paid, quantity] = [0, 0, 0];
      for (const [index, trade] of fills.entries()) {
        realised += positions.book({ symbol: 'X', atMs: index, ...trade });
        const signed = trade.side === 'BUY' ? trade.quantity : -trade.quantity;
        paid += Math.round(signed * trade.price * MICRO);
        quantity += signed;
        const [position] = positions.all();
        expect(position!.quantity).toBeCloseTo(quantity, 8);
        expect(realised - position!.costMicroUsdt).toBe(-paid);
        if (position!.quantity === 0) expect(position!.costMicroUsdt).toBe(0);
        expect(positions.reducible('X', 'SELL') - positions.reducible('X', 'BUY')).toBe(position!.quantity);
      }
    }),
  );
});

it('the levels of an order are whole steps and ticks, add up, and get worse', () => {
  const order = fc.record({
    symbol: fc.constantFrom(...market.symbols),
    side,
    steps: fc.integer({ min: 1, max: 100_000 }),
    levels: fc.integer({ min: 1, max: 8 }),
    ticks: fc.integer({ min: 0, max: 5 }),
  });
  fc.assert(
    fc.property(order, ({ symbol, side: of, steps, levels, ticks }) => {
      const contract = contracts.of(symbol)!;
      const { tickSize, stepSize } = contract;
      const quantity = Number((steps * stepSize).toFixed(decimalsOf(stepSize)));
      const price = market.candles(symbol).close[0]! * 1.000_37;
      const filled = levelsOf({ side: of, quantity, price }, contract, { levels, ticks });
      expect(filled.length).toBe(Math.min(levels, steps));
      expect(filled.reduce((sum, level) => sum + level.quantity, 0)).toBeCloseTo(quantity, 8);
      for (const [index, level] of filled.entries()) {
        expect(isPrecise(level.price, tickSize) && isMultiple(level.price, tickSize)).toBe(true);
        expect(isMultiple(level.quantity, stepSize)).toBe(true);
        const before = filled[index - 1]?.price ?? level.price;
        expect(of === 'BUY' ? level.price >= before : level.price <= before).toBe(true);
      }
    }),
  );
});

describe('units', () => {
  it('cut down to a step, and told from what is finer', () => {
    expect(floorTo(0.29, 0.1)).toBe(0.2);
    expect(floorTo(0.3, 0.1)).toBe(0.3);
    expect(floorTo(1_234, 500)).toBe(1_000);
    expect(isPrecise(0.123, 0.01)).toBe(false);
    expect(isPrecise(0.13, 0.05)).toBe(true);
    expect(isMultiple(0.13, 0.05)).toBe(false);
    expect(isMultiple(0.15, 0.05)).toBe(true);
    expect(decimalsOf(0.000_000_1)).toBe(7);
  });
});

describe('the past', () => {
  it('is what was known at a time; now is the last thing that happened, whatever the clock says', () => {
    const history = new History<string, number>();
    history.keep('a', 100, 1);
    history.keep('a', 200, 2);
    history.keep('b', 150, 3);
    expect(history.get('a', 99)).toBeUndefined();
    expect(history.get('a', 199)).toBe(1);
    expect(history.get('a')).toBe(2);
    expect(history.values(150)).toEqual([1, 3]);
    history.keep('a', 50, 4);
    expect(history.get('a')).toBe(4);
  });
});

it('a seeded share is even, and that of its seed and name alone', () => {
  const shares = Array.from({ length: 2_000 }, (_, index) => shareOf(1, `BTCUSDT ${index}`));
  expect(shares.every((share) => share >= 0 && share < 1)).toBe(true);
  expect(shares.reduce((sum, share) => sum + share, 0) / shares.length).toBeCloseTo(0.5, 1);
  expect(shares.filter((share) => share < 0.1).length / shares.length).toBeCloseTo(0.1, 1);
  expect(shareOf(1, 'BTCUSDT 7')).toBe(shares[7]);
  expect(shareOf(2, 'BTCUSDT 7')).not.toBe(shares[7]);
});
