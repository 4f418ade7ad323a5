// A holding is taken off in orders that the filters let pass, and nothing of it is forgotten.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { planReduction, restStopPrice } from '../../lib/execution/reduce-plan.ts';

const FILTERS = {
  tickSize: 0.1,
  stepSize: 0.001,
  minQuantity: 0.001,
  maxQuantity: 0.5,
  minNotionalUsdt: 5,
};

it('splits what one order may not be as large as', () => {
  expect(planReduction(1.2, FILTERS)).toEqual({ quantities: [0.5, 0.5, 0.2], rest: 0 });
});

it('leaves what is finer than the step, or below the smallest order, as the rest', () => {
  expect(planReduction(0.0144, FILTERS)).toEqual({ quantities: [0.014], rest: 0.0004 });
  expect(planReduction(0.014, { ...FILTERS, minQuantity: 0.02 })).toEqual({ quantities: [], rest: 0.014 });
});

it('sends the smallest order that there may be, and no more than twenty at once', () => {
  expect(planReduction(0.02, { ...FILTERS, minQuantity: 0.02 })).toEqual({ quantities: [0.02], rest: 0 });
  const { quantities, rest } = planReduction(11, FILTERS);
  expect(quantities).toEqual(Array(20).fill(0.5));
  expect(rest).toBe(1);
});

it('sends nothing of nothing, where the smallest order is no size at all', () => {
  expect(planReduction(0.5, { ...FILTERS, minQuantity: 0 })).toEqual({ quantities: [0.5], rest: 0 });
});

it('is all rest where the largest order is less than a step', () => {
  expect(planReduction(0.014, { ...FILTERS, maxQuantity: 0.0005 })).toEqual({ quantities: [], rest: 0.014 });
});

it('keeps the decimals of a small rest of much', () => {
  const filters = { ...FILTERS, stepSize: 1, minQuantity: 1, maxQuantity: 1e6 };
  expect(planReduction(26_680.1, filters)).toEqual({ quantities: [26_680], rest: 0.1 });
});

it('sends the holding as it is while the filters are not known', () => {
  expect(planReduction(0.0144, undefined)).toEqual({ quantities: [0.0144], rest: 0 });
});

it('adds up to the holding, each order within the filters', () => {
  const steps = fc.integer({ min: 1, max: 9_000 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 0, max: 9 }), (units, dust) => {
      const held = Number((units / 1_000 + dust / 10_000).toFixed(4));
      const { quantities, rest } = planReduction(held, FILTERS);
      for (const quantity of quantities) {
        expect(quantity).toBeGreaterThanOrEqual(FILTERS.minQuantity);
        expect(quantity).toBeLessThanOrEqual(FILTERS.maxQuantity);
      }
      expect(quantities.reduce((sum, quantity) => sum + quantity, 0) + rest).toBeCloseTo(held, 9);
    }),
  );
});

it('puts the stop of a rest a twentieth of a percent beyond the market, on the tick farther away', () => {
  expect(restStopPrice(100, { isLong: true, tickSize: 0.1 })).toBe(99.9);
  expect(restStopPrice(100, { isLong: false, tickSize: 0.1 })).toBe(100.1);
});

it.each([undefined, 0])('leaves the stop of a rest unrounded by a tick of %j', (tickSize) => {
  expect(restStopPrice(100, { isLong: true, tickSize })).toBeCloseTo(99.95, 9);
  expect(restStopPrice(100, { isLong: false, tickSize })).toBeCloseTo(100.05, 9);
});

it('puts the stop of a rest at a price, or nowhere', () => {
  const tickSize = fc.option(fc.constantFrom(1e-7, 0.0001, 0.1, 5), { nil: undefined });
  const price = fc.oneof(fc.double(), fc.double({ min: 0, max: 20 }), fc.constantFrom(1e-7, 0.0001, 0.1, 5));
  fc.assert(
    fc.property(price, fc.record({ isLong: fc.boolean(), tickSize }), (market, about) => {
      const trigger = restStopPrice(market, about);
      if (trigger === undefined) return;
      expect(Number.isFinite(trigger) && trigger > 0).toBe(true);
      expect(about.isLong ? trigger <= market : trigger >= market).toBe(true);
    }),
  );
  expect(restStopPrice(0.1, { isLong: true, tickSize: 0.1 })).toBeUndefined();
  expect(restStopPrice(Number.NaN, { isLong: true, tickSize: undefined })).toBeUndefined();
});
