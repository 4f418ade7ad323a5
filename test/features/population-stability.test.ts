import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, it } from 'vitest';
import {
  countByBin,
  featureDrift,
  fitFeatureBins,
  populationStabilityIndex,
} from '../../lib/features/population-stability.ts';

const seeded = (seed: number) => {
  const generator = xoroshiro128plus(seed);
  return (count: number) => uniformInt(generator, 0, count - 1);
};
const BOOTSTRAP = { draws: 300, level: 0.9 };
const range = (count: number, value: (i: number) => number) =>
  Array.from({ length: count }, (_, i) => value(i));

describe('feature bins', () => {
  it('are deciles of the training values', () => {
    const training = range(1001, (i) => i / 1000);
    const bins = fitFeatureBins(training);
    expect(bins.kind).toBe('quantiles');
    expect(countByBin(bins, training)).toEqual(
      Float64Array.of(101, 100, 100, 100, 100, 100, 100, 100, 100, 100),
    );
    expect(countByBin(bins, [-5, 0.1, 0.1001, 99])).toEqual(Float64Array.of(2, 1, 0, 0, 0, 0, 0, 0, 0, 1));
  });

  it('are values where there are few: a doji, a hammer, a constant', () => {
    const hammer = fitFeatureBins([0, 1, -1, 0, 0]);
    expect(hammer).toEqual({ kind: 'values', values: [-1, 0, 1] });
    // The last bin is for what training never saw.
    expect(countByBin(hammer, [-1, 0, 0, 1, 2])).toEqual(Float64Array.of(1, 2, 1, 1));
    expect(fitFeatureBins([7, 7])).toEqual({ kind: 'values', values: [7] });
  });

  it('merge where one value holds several deciles, as a gap that is mostly 0', () => {
    const gaps = [...new Array(850).fill(0), ...range(150, (i) => (i + 1) / 150)];
    const bins = fitFeatureBins(gaps);
    expect(bins).toMatchObject({ kind: 'quantiles', edges: [0, expect.any(Number)] });
    expect(countByBin(bins, gaps).reduce((sum, count) => sum + count)).toBe(1000);
  });

  it('refuse values that are missing or not finite', () => {
    expect(() => fitFeatureBins([])).toThrow('training');
    expect(() => fitFeatureBins([1, Number.NaN])).toThrow('finite');
    expect(() => fitFeatureBins([1, Number.NEGATIVE_INFINITY])).toThrow('finite');
    expect(() => countByBin(fitFeatureBins([1, 2]), [Number.NaN])).toThrow('finite');
  });
});

describe('population stability index', () => {
  it('is the sum by hand', () => {
    // (0.6 − 0.5) ln(0.6/0.5) + (0.4 − 0.5) ln(0.4/0.5) = 0.1 ln 1.2 − 0.1 ln 0.8 = 0.1 ln 1.5
    expect(populationStabilityIndex([50, 50], [6, 4])).toBeCloseTo(0.1 * Math.log(1.5), 12);
  });

  it('counts an empty bin as 1e-4, and one that is empty on both sides not at all', () => {
    const expected = (1e-4 - 0.5) * Math.log(1e-4 / 0.5) + (1 - 0.5) * Math.log(1 / 0.5);
    expect(populationStabilityIndex([50, 50, 0], [0, 10, 0])).toBeCloseTo(expected, 12);
  });

  it('is undefined when a side is empty, and refuses other bins', () => {
    expect(populationStabilityIndex([1, 1], [0, 0])).toBeUndefined();
    expect(populationStabilityIndex([0, 0], [1, 1])).toBeUndefined();
    expect(() => populationStabilityIndex([1, 1], [1])).toThrow('same bins');
  });
});

describe('feature drift', () => {
  const driftOf = (actual: number[]) =>
    featureDrift({ expected: [500, 500], actualByBlock: [actual], ...BOOTSTRAP, drawIndex: seeded(1) });

  // PSI of [½ + d, ½ − d] against halves is d ln((½ + d) / (½ − d)).
  it.each([
    [[50, 50], 0, 'stable'],
    [[70, 30], 0.2 * Math.log(7 / 3), 'moderate'],
    [[80, 20], 0.3 * Math.log(4), 'significant'],
  ])('of %j is %d: %s', (actual, psi, reading) => {
    const drift = driftOf(actual)!;
    expect(drift.psi).toBeCloseTo(psi, 12);
    expect(drift.reading).toBe(reading);
    expect(drift.interval).toBeUndefined();
  });

  it('draws whole blocks: rows that move together leave wide bounds', () => {
    const even = new Array(20).fill([50, 50]);
    const lumpy = range(20, (i) => i).map((i) => (i % 2 === 0 ? [100, 0] : [0, 100]));
    const boundsOf = (actualByBlock: number[][]) =>
      featureDrift({ expected: [500, 500], actualByBlock, ...BOOTSTRAP, drawIndex: seeded(5) })!;
    expect(boundsOf(even)).toMatchObject({ psi: 0, interval: { low: 0, high: 0 } });
    expect(boundsOf(lumpy).psi).toBe(0);
    expect(boundsOf(lumpy).interval!.high).toBeGreaterThan(0.1);
  });

  it('is seen when a constant feature takes another value, and undefined without rows', () => {
    const bins = fitFeatureBins([3, 3, 3]);
    const expected = countByBin(bins, [3, 3, 3]);
    const drift = (recent: number[]) =>
      featureDrift({
        expected,
        actualByBlock: [countByBin(bins, recent)],
        ...BOOTSTRAP,
        drawIndex: seeded(1),
      });
    expect(drift([3, 3])).toMatchObject({ psi: 0, reading: 'stable' });
    expect(drift([4, 4])?.reading).toBe('significant');
    expect(drift([])).toBeUndefined();
  });
});
