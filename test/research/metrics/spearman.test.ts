import { describe, expect, it } from 'vitest';
import { spearman } from '../../../lib/research/metrics/spearman.ts';

describe('spearman', () => {
  it('gives −29/165 for the textbook example of IQ and hours of television', () => {
    const iq = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110];
    const hours = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17];
    expect(spearman(iq, hours)).toBeCloseTo(-29 / 165, 14);
  });

  it('shares ranks among equal values, as scipy.stats.spearmanr does', () => {
    expect(spearman([1, 2, 2, 3, 3, 3], [2, 1, 1, 4, 3, 4])).toBeCloseTo(0.7627700713964739, 14);
  });

  it('is undefined where one side does not vary, or there is no pair', () => {
    expect(spearman([1, 1, 1], [1, 2, 3])).toBeUndefined();
    expect(spearman([1, 2, 3], [0, 0, 0])).toBeUndefined();
    expect(spearman([], [])).toBeUndefined();
    expect(spearman([1], [2])).toBeUndefined();
  });

  it('ranks infinities, refuses NaN and unpaired values', () => {
    const infinite = [Number.NEGATIVE_INFINITY, 0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    expect(spearman(infinite, [1, 2, 3, 3])).toBeCloseTo(1, 14);
    expect(() => spearman([1, Number.NaN], [1, 2])).toThrow('NaN');
    expect(() => spearman([1], [1, 2])).toThrow('pairs');
  });
});
