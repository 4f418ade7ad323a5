// Rounding at its edges: decimals of any notation, multiples that stay, and what no number stands for.
import { expect, it } from 'vitest';
import { roundToStep } from '../../lib/execution/round-to-step.ts';

it.each([
  [0.3, 0.1, 0.3, 0.3],
  [0.35, 0.1, 0.3, 0.4],
  [0, 0.1, 0, 0],
  [-0, 0.1, 0, 0],
  [123.456, 10, 120, 130],
  [2.5e-7, 1e-7, 2e-7, 3e-7],
  [1.5e21, 1e21, 1e21, 2e21],
])('%d by %d lies between %d and %d', (value, step, down, up) => {
  expect(roundToStep(value, step, 'down')).toBe(down);
  expect(roundToStep(value, step, 'up')).toBe(up);
});

it('is nothing where no number stands for the result', () => {
  const large = Number.MAX_SAFE_INTEGER + 1;
  expect(roundToStep(large, 3, 'down')).toBe(large - 2);
  expect(roundToStep(large, 3, 'up')).toBeUndefined();
  expect(roundToStep(1.7e308, 1.2e308, 'up')).toBeUndefined();
});

it.each([
  [-1, 0.1],
  [Number.NaN, 1],
  [Number.POSITIVE_INFINITY, 1],
  [1, 0],
  [1, -1],
  [1, Number.NaN],
  [1, Number.POSITIVE_INFINITY],
])('is nothing of %d by %d', (value, step) => {
  expect(roundToStep(value, step, 'down')).toBeUndefined();
});
