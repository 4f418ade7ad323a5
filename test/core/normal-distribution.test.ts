import { describe, expect, it } from 'vitest';
import { normalCdf, normalQuantile } from '../../lib/core/statistics/normal-distribution.ts';

/** Relative, because the tails are what matters. */
const isClose = (actual: number, expected: number, relative: number) =>
  Math.abs(actual - expected) <= relative * Math.abs(expected);

describe('normalCdf', () => {
  // Computed with scipy 1.17.1 (special.ndtr, Cephes).
  it.each([
    [0, 0.5],
    [0.5, 0.6914624612740131],
    [1, 0.8413447460685429],
    [1.959963984540054, 0.975],
    [2.3, 0.9892758899783242],
    [3.2, 0.9993128620620841],
    [5, 0.9999997133484281],
    [-2.5, 0.006209665325776132],
    [-3, 0.0013498980316300933],
    [-4.5, 3.3976731247300535e-6],
    [-8, 6.22096057427174e-16],
    [-20, 2.7536241186061556e-89],
    [-37, 5.7255712225239266e-300],
    [Number.NEGATIVE_INFINITY, 0],
    [Number.POSITIVE_INFINITY, 1],
  ])('of %d is %d', (x, expected) => {
    expect(isClose(normalCdf(x), expected, 2e-13)).toBe(true);
  });

  it('joins its two formulas without a step', () => {
    for (const x of [-3, 3]) {
      const across = normalCdf(x + 1e-9) - normalCdf(x - 1e-9);
      expect(isClose(across, 2e-9 * 0.0044318484119380075, 1e-3)).toBe(true);
    }
  });

  it('refuses NaN', () => {
    expect(() => normalCdf(Number.NaN)).toThrow('NaN');
  });
});

describe('normalQuantile', () => {
  // The first three are the check values printed with AS 241 (Wichura 1988); the rest from scipy (special.ndtri).
  it.each([
    [0.25, -0.6744897501960817],
    [0.001, -3.090232306167813],
    [1e-20, -9.262340089798409],
    [0.5, 0],
    [0.975, 1.959963984540054],
    [0.99, 2.3263478740408408],
    [0.9963212055882856, 2.6802104449668875],
    [1e-300, -37.0470962993612],
    [0, Number.NEGATIVE_INFINITY],
    [1, Number.POSITIVE_INFINITY],
  ])('of %d is %d', (probability, expected) => {
    const actual = normalQuantile(probability);
    expect(actual === expected || isClose(actual, expected, 4e-15)).toBe(true);
  });

  it.each([-0.1, 1.1, Number.NaN])('refuses %d', (probability) => {
    expect(() => normalQuantile(probability)).toThrow('[0, 1]');
  });
});
