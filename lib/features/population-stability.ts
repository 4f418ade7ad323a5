// Whether a feature still looks as it did in training: the population stability index over bins fixed in training.
import { invariant } from '../core/invariant.ts';
import {
  blockBootstrap,
  type DrawIndex,
  type Interval,
  quantileOfSorted,
} from '../core/statistics/block-bootstrap.ts';

/** A feature with at most this many distinct values (is_doji, is_hammer, a constant) is counted by value. */
const DISTINCT_VALUES_MAX = 10;
/** An empty bin counts as this share, because the logarithm of 0 would make one missing value infinite drift. */
const SHARE_FLOOR = 1e-4;

export type FeatureBins =
  /** Bin i holds values ≤ edges[i] and above the edge before; the last bin holds the rest. Edges strictly increase. */
  | { readonly kind: 'quantiles'; readonly edges: readonly number[] }
  /** Bin i holds values equal to values[i]; the last bin holds all others. */
  | { readonly kind: 'values'; readonly values: readonly number[] };

/** Readings customary in credit scoring (Siddiqi 2006, ch. 9): below 0.10, up to 0.25, above. */
export type DriftReading = 'stable' | 'moderate' | 'significant';
export const SIGNIFICANT_ABOVE = 0.25;

/**
 * Bins from the values seen in training: deciles, equal edges merged; by value for a feature of few distinct values.
 * @param training finite values, at least one
 */
export function fitFeatureBins(training: ArrayLike<number>): FeatureBins {
  invariant(training.length > 0, 'bins need training values');
  const sorted = Float64Array.from(training).sort();
  // NaN sorts last, infinities to either end.
  invariant(
    Number.isFinite(sorted[0]) && Number.isFinite(sorted[sorted.length - 1]),
    'bins need finite values',
  );
  const distinct = firstDistinct(sorted, DISTINCT_VALUES_MAX + 1);
  if (distinct.length <= DISTINCT_VALUES_MAX) return { kind: 'values', values: distinct };
  const deciles = Array.from({ length: 9 }, (_, i) => quantileOfSorted(sorted, (i + 1) / 10));
  return { kind: 'quantiles', edges: [...new Set(deciles)] };
}

function firstDistinct(sorted: Float64Array, atMost: number): number[] {
  const distinct: number[] = [];
  for (const value of sorted) {
    if (distinct.at(-1) !== value) distinct.push(value);
    if (distinct.length === atMost) break;
  }
  return distinct;
}

/** Rows per bin: as many as edges or values, and one more. Values finite. */
export function countByBin(bins: FeatureBins, values: ArrayLike<number>): Float64Array {
  const byValue = bins.kind === 'values';
  const limits = byValue ? bins.values : bins.edges;
  const counts = new Float64Array(limits.length + 1);
  for (let row = 0; row < values.length; row++) {
    const value = values[row]!;
    invariant(Number.isFinite(value), 'a value to count must be finite');
    let bin = 0;
    while (bin < limits.length && (byValue ? value !== limits[bin] : value > limits[bin]!)) bin++;
    counts[bin]!++;
  }
  return counts;
}

/**
 * PSI = Σ (actual − expected) ln(actual / expected) over bins, in shares of at least 1e-4; ≥ 0, and 0 for equal shares.
 * undefined when either side has no row. Source: Siddiqi 2006; it is Jeffreys' divergence (1946).
 */
export function populationStabilityIndex(
  expected: ArrayLike<number>,
  actual: ArrayLike<number>,
): number | undefined {
  invariant(expected.length === actual.length, 'both sides must be counted by the same bins');
  const expectedRows = total(expected);
  const actualRows = total(actual);
  if (expectedRows === 0 || actualRows === 0) return undefined;
  let index = 0;
  for (let bin = 0; bin < expected.length; bin++) {
    // Neither side has it, e.g. the bin of other values: no evidence of drift.
    if (expected[bin] === 0 && actual[bin] === 0) continue;
    const e = Math.max(expected[bin]! / expectedRows, SHARE_FLOOR);
    const a = Math.max(actual[bin]! / actualRows, SHARE_FLOOR);
    index += (a - e) * Math.log(a / e);
  }
  return index;
}

export interface FeatureDrift {
  readonly psi: number;
  readonly reading: DriftReading;
  /** Of the PSI, blocks drawn with replacement; undefined below 5 blocks. Resampling adds noise: it leans high. */
  readonly interval: Interval | undefined;
}

/**
 * Drift of one feature; undefined when either side has no row.
 * @param input.expected training rows per bin
 * @param input.actualByBlock recent rows per bin, one array per block of dependent rows (an hour, a day)
 */
export function featureDrift(input: {
  readonly expected: ArrayLike<number>;
  readonly actualByBlock: readonly ArrayLike<number>[];
  readonly draws: number;
  readonly level: number;
  readonly drawIndex: DrawIndex;
}): FeatureDrift | undefined {
  const { expected, actualByBlock, draws, level, drawIndex } = input;
  const actual = new Float64Array(expected.length);
  for (const block of actualByBlock) {
    for (let bin = 0; bin < actual.length; bin++) actual[bin]! += block[bin]!;
  }
  const psi = populationStabilityIndex(expected, actual);
  if (psi === undefined) return undefined;
  const interval = blockBootstrap({
    blocks: actualByBlock,
    statistic: (sums) => populationStabilityIndex(expected, sums),
    draws,
    level,
    drawIndex,
  });
  return { psi, reading: readDrift(psi), interval };
}

const readDrift = (psi: number): DriftReading =>
  psi < 0.1 ? 'stable' : psi <= SIGNIFICANT_ABOVE ? 'moderate' : 'significant';

function total(counts: ArrayLike<number>): number {
  let sum = 0;
  for (let bin = 0; bin < counts.length; bin++) sum += counts[bin]!;
  return sum;
}
