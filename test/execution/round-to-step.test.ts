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
  [2.5e-23, 1e-23, 2e-23, 3e-23],
  // Whose binary quotients are 3 and 25, and 2 where it is 3.
  [0.8999999999999999, 0.3, 0.6, 0.9],
  [0.0000024999999999999998, 1e-7, 0.0000024, 0.0000025],
  [0.9, 0.3, 0.9, 0.9],
  // Of more than 15 digits.
  [123456789012.34567, 0.0002, 123456789012.3456, 123456789012.3458],
  [123456789012.34567, 0.00001, 123456789012.34567, 123456789012.34567],
  [1234567890123456.5, 1000, 1234567890123000, 1234567890124000],
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
