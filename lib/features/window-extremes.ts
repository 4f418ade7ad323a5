// Highest and lowest of the last 14 values: each window is a suffix of one block of 14 and a prefix of the next (van Herk
// 1992). Extremes are exact in any order, so the blocks need no alignment.

import { takeColumn } from './scratch-columns.ts';

const WINDOW = 14;

/** suffixes[j]: extreme of the older block from its value j on. */
const suffixes = new Float64Array(WINDOW + 1);

/** Highest of the last 14 values, of the bars `from` (inclusive, ≥ 13) to `to` (exclusive). */
export function highest14(values: Float64Array, from: number, to: number): Float64Array {
  const highest = takeColumn();
  for (let start = from; start < to; start += WINDOW) {
    let suffix = Number.NEGATIVE_INFINITY;
    suffixes[WINDOW] = suffix;
    for (let j = WINDOW - 1; j > 0; j--) {
      suffix = Math.max(suffix, values[start - WINDOW + j]!);
      suffixes[j] = suffix;
    }
    let prefix = Number.NEGATIVE_INFINITY;
    const end = Math.min(start + WINDOW, to);
    for (let bar = start; bar < end; bar++) {
      prefix = Math.max(prefix, values[bar]!);
      highest[bar] = Math.max(prefix, suffixes[bar - start + 1]!);
    }
  }
  return highest;
}

/** Lowest of the last 14 values, of the bars `from` (inclusive, ≥ 13) to `to` (exclusive). */
export function lowest14(values: Float64Array, from: number, to: number): Float64Array {
  const lowest = takeColumn();
  for (let start = from; start < to; start += WINDOW) {
    let suffix = Number.POSITIVE_INFINITY;
    suffixes[WINDOW] = suffix;
    for (let j = WINDOW - 1; j > 0; j--) {
      suffix = Math.min(suffix, values[start - WINDOW + j]!);
      suffixes[j] = suffix;
    }
    let prefix = Number.POSITIVE_INFINITY;
    const end = Math.min(start + WINDOW, to);
    for (let bar = start; bar < end; bar++) {
      prefix = Math.min(prefix, values[bar]!);
      lowest[bar] = Math.min(prefix, suffixes[bar - start + 1]!);
    }
  }
  return lowest;
}
