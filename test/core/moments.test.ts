import { describe, expect, it } from 'vitest';
import { momentsOf, tStatistic } from '../../lib/core/statistics/moments.ts';

describe('moments', () => {
  it('agree with scipy (stats.skew, stats.kurtosis with fisher=False, std with ddof=1)', () => {
    const moments = momentsOf([0.01, -0.02, 0.015, 0.003, -0.004, 0.03])!;
    expect(moments.mean).toBeCloseTo(0.005666666666666667, 15);
    expect(moments.deviation).toBeCloseTo(0.017072394872034408, 15);
    expect(moments.skewness).toBeCloseTo(-0.11132448456424336, 12);
    expect(moments.kurtosis).toBeCloseTo(2.2637707812085384, 12);
  });

  it('of equal values have no deviation at all, though their rounded mean differs from them', () => {
    const moments = momentsOf(new Array(10).fill(0.1))!;
    expect(moments).toEqual({ count: 10, mean: 0.1, deviation: 0, skewness: undefined, kurtosis: undefined });
  });

  it('are undefined for fewer than 2 values', () => {
    expect(momentsOf([])).toBeUndefined();
    expect(momentsOf([1])).toBeUndefined();
  });
});

describe('tStatistic', () => {
  it('is mean / (deviation / √n)', () => {
    // mean 2, deviation 1, n 3
    expect(tStatistic([1, 2, 3])).toBeCloseTo(2 * Math.sqrt(3), 14);
  });

  it('is undefined without variance', () => {
    expect(tStatistic([0.1, 0.1, 0.1])).toBeUndefined();
    expect(tStatistic([1])).toBeUndefined();
  });
});
