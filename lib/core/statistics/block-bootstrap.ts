// Confidence intervals for figures computed from dependent rows: rows of one block (a day) are drawn together, so that what
// they have in common is not mistaken for independent evidence. Only sums per block are kept, not rows.
import { invariant } from '../invariant.ts';

/** Uniform integer 0…count − 1 from a seeded generator: the only randomness of this folder, and it is an argument. */
export type DrawIndex = (count: number) => number;

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Fewer blocks than this say nothing about their spread. */
const BLOCKS_MIN = 5;

/**
 * Percentile interval of a statistic of summed columns, blocks drawn with replacement; undefined for fewer than 5 blocks,
 * or where the statistic is undefined in a draw. O(draws × blocks × columns).
 * Source: Efron & Tibshirani 1993, ch. 8.5 (blocks) and 13.3 (percentiles).
 * @param input.blocks sums of each block, all of the same length
 * @param input.statistic from the summed columns of a draw
 * @param input.level coverage, e.g. 0.95
 */
export function blockBootstrap(input: {
  readonly blocks: readonly ArrayLike<number>[];
  readonly statistic: (sums: Float64Array) => number | undefined;
  readonly draws: number;
  readonly level: number;
  readonly drawIndex: DrawIndex;
}): Interval | undefined {
  const { blocks, statistic, draws, level, drawIndex } = input;
  invariant(Number.isInteger(draws) && draws >= 1, `draws must be a positive integer, got ${draws}`);
  invariant(level > 0 && level < 1, `a level must lie between 0 and 1, got ${level}`);
  if (blocks.length < BLOCKS_MIN) return undefined;
  const values = new Float64Array(draws);
  const sums = new Float64Array(blocks[0]!.length);
  for (let draw = 0; draw < draws; draw++) {
    sums.fill(0);
    for (let pick = 0; pick < blocks.length; pick++) {
      const block = blocks[drawIndex(blocks.length)]!;
      for (let column = 0; column < sums.length; column++) sums[column]! += block[column]!;
    }
    const value = statistic(sums);
    if (value === undefined) return undefined;
    values[draw] = value;
  }
  values.sort();
  const tail = (1 - level) / 2;
  return { low: quantileOfSorted(values, tail), high: quantileOfSorted(values, 1 - tail) };
}

/** Linear interpolation between order statistics (Hyndman & Fan 1996, type 7). `sorted` ascending, not empty. */
export function quantileOfSorted(sorted: ArrayLike<number>, share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  const lower = sorted[below]!;
  return lower + (sorted[above]! - lower) * (position - below);
}
