// Rank correlation: whether a higher score goes with a higher outcome, whatever their scales.
import { invariant } from '../../core/invariant.ts';
import { allEqual } from '../../core/statistics/moments.ts';

/**
 * Spearman's rank correlation, −1…1: Pearson's correlation of the ranks, equal values sharing the mean of their ranks
 * (Spearman 1904; Kendall & Gibbons 1990, ch. 3, for ties). undefined for fewer than 2 pairs, or when all values of one
 * side are equal.
 */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number | undefined {
  invariant(a.length === b.length, `rank correlation needs pairs, got ${a.length} and ${b.length} values`);
  if (a.length < 2 || allEqual(a) || allEqual(b)) return undefined;
  const ranksA = averageRanks(a);
  const ranksB = averageRanks(b);
  // The mean of average ranks is exactly (n + 1) / 2, ties or not.
  const meanRank = (a.length + 1) / 2;
  let covariance = 0;
  let varianceA = 0;
  let varianceB = 0;
  for (let index = 0; index < a.length; index++) {
    const fromMeanA = ranksA[index]! - meanRank;
    const fromMeanB = ranksB[index]! - meanRank;
    covariance += fromMeanA * fromMeanB;
    varianceA += fromMeanA * fromMeanA;
    varianceB += fromMeanB * fromMeanB;
  }
  return covariance / Math.sqrt(varianceA * varianceB);
}

/** Rank of each value, 1 for the smallest; equal values share the mean of the ranks they span. */
function averageRanks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, index) => index);
  for (const index of order) invariant(!Number.isNaN(values[index]), 'NaN has no rank');
  order.sort((i, j) => values[i]! - values[j]! || 0);
  const ranks = new Float64Array(values.length);
  for (let first = 0, next = 0; first < order.length; first = next) {
    while (next < order.length && values[order[next]!] === values[order[first]!]) next++;
    for (let tied = first; tied < next; tied++) ranks[order[tied]!] = (first + 1 + next) / 2;
  }
  return ranks;
}
