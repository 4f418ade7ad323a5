import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, it } from 'vitest';
import { blockBootstrap, quantileOfSorted } from '../../lib/core/statistics/block-bootstrap.ts';
import { DAY_MS } from '../../lib/core/units.ts';
import { PairedLossTally } from '../../lib/research/metrics/paired-comparison.ts';

const seeded = (seed: number) => {
  const generator = xoroshiro128plus(seed);
  return (count: number) => uniformInt(generator, 0, count - 1);
};
const mean = (sums: Float64Array) => sums[0]! / sums[1]!;

describe('blockBootstrap', () => {
  it('draws as many blocks as there are, and sums their columns', () => {
    const seen: number[][] = [];
    let next = 0;
    blockBootstrap({
      blocks: [
        [1, 10],
        [2, 20],
        [3, 30],
        [4, 40],
        [5, 50],
      ],
      statistic: (sums) => seen.push([...sums]),
      draws: 2,
      level: 0.9,
      drawIndex: (count) => next++ % count,
    });
    expect(seen).toEqual([
      [15, 150],
      [15, 150],
    ]);
  });

  it('finds the interval of a mean that theory gives', () => {
    // 400 blocks of values 0 or 1: the mean's standard error is 0.5 / √400 = 0.025, its 95 % interval ± 0.049.
    const blocks = Array.from({ length: 400 }, (_, block) => [block % 2, 1]);
    const interval = blockBootstrap({
      blocks,
      statistic: mean,
      draws: 4000,
      level: 0.95,
      drawIndex: seeded(7),
    })!;
    expect(interval.low).toBeCloseTo(0.451, 2);
    expect(interval.high).toBeCloseTo(0.549, 2);
  });

  it('gives the same interval for the same seed, another for another', () => {
    const blocks = Array.from({ length: 9 }, (_, block) => [block * block, 1]);
    const run = (seed: number) =>
      blockBootstrap({ blocks, statistic: mean, draws: 50, level: 0.9, drawIndex: seeded(seed) });
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it('has nothing to say of fewer than 5 blocks, or where a draw has no figure', () => {
    const four = new Array(4).fill([1, 1]);
    const input = { statistic: mean, draws: 10, level: 0.9, drawIndex: seeded(1) };
    expect(blockBootstrap({ ...input, blocks: four })).toBeUndefined();
    expect(blockBootstrap({ ...input, blocks: [] })).toBeUndefined();
    const none = { ...input, blocks: [...four, [1, 1]], statistic: () => undefined };
    expect(blockBootstrap(none)).toBeUndefined();
  });

  it('refuses levels and draws that are none', () => {
    const input = { blocks: [], statistic: mean, draws: 10, level: 0.9, drawIndex: seeded(1) };
    expect(() => blockBootstrap({ ...input, level: 1 })).toThrow('level');
    expect(() => blockBootstrap({ ...input, draws: 0 })).toThrow('draws');
  });

  it('interpolates quantiles as R does by default (type 7)', () => {
    // quantile(c(1, 2, 3, 4), 0.25) is 1.75
    expect(quantileOfSorted([1, 2, 3, 4], 0.25)).toBe(1.75);
    expect(quantileOfSorted([1, 2, 3, 4], 1)).toBe(4);
    expect(quantileOfSorted([5], 0.3)).toBe(5);
  });
});

describe('paired comparison', () => {
  const options = (seed = 1) => ({ draws: 500, level: 0.95, drawIndex: seeded(seed) });

  function tallyOf(differences: number[][]) {
    const tally = new PairedLossTally();
    differences.forEach((day, dayNumber) => {
      day.forEach((difference, bar) => {
        const barOpenTimeMs = dayNumber * DAY_MS + bar * 300_000;
        tally.add({ barOpenTimeMs, challengerLoss: 1 + difference, championLoss: 1 });
      });
    });
    return tally;
  }

  it('weighs rows, not days, and calls a challenger better that wins on every day', () => {
    const comparison = tallyOf([[-0.5, -0.25, -0.75], [-0.125], [-0.25], [-0.5], [-0.25]]).compare(
      options(),
    )!;
    expect(comparison).toMatchObject({
      rows: 7,
      days: 5,
      meanDifference: -2.625 / 7,
      challengerIsBetter: true,
    });
    expect(comparison.interval!.low).toBeLessThan(-2.625 / 7);
    expect(comparison.interval!.high).toBeLessThan(0);
  });

  it('is not persuaded by one good day, nor by a tie, nor by a worse challenger', () => {
    expect(tallyOf([[-9], [0.1], [0.1], [0.1], [0.1], [0.1]]).compare(options())!.challengerIsBetter).toBe(
      false,
    );
    expect(tallyOf(new Array(9).fill([0])).compare(options())!.challengerIsBetter).toBe(false);
    expect(tallyOf(new Array(9).fill([1])).compare(options())!.challengerIsBetter).toBe(false);
  });

  it('has no interval, and so no better challenger, below 5 days', () => {
    const comparison = tallyOf([[-1], [-1], [-1], [-1]]).compare(options())!;
    expect(comparison).toMatchObject({ meanDifference: -1, interval: undefined, challengerIsBetter: false });
    expect(new PairedLossTally().compare(options())).toBeUndefined();
  });

  it('does not depend on the order in which rows came', () => {
    const rows = Array.from({ length: 60 }, (_, i) => ({
      barOpenTimeMs: (i % 7) * DAY_MS,
      challengerLoss: (i % 5) / 8,
      championLoss: (i % 3) / 8,
    }));
    const run = (ordered: typeof rows) => {
      const tally = new PairedLossTally();
      for (const row of ordered) tally.add(row);
      return tally.compare(options(3));
    };
    expect(run([...rows].reverse())).toEqual(run(rows));
  });

  it('refuses a loss that is no number', () => {
    const row = { barOpenTimeMs: 0, challengerLoss: Number.NaN, championLoss: 1 };
    expect(() => new PairedLossTally().add(row)).toThrow('finite');
  });
});
