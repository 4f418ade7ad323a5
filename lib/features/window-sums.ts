// Sums and spreads over sliding windows. Running values that subtract what leaves would drift (5e-9 after a volume spike) and
// depend on where the series starts; adding up 96 values afresh for every bar takes six times as long. So, as for the long
// averages, a window is a suffix of one block and a prefix of the next (van Herk 1992), with blocks as long as the window
// and aligned to the absolute bar index: nothing is ever subtracted, and the order of additions depends on the bar alone.

import { takeColumn } from './scratch-columns.ts';

/** Values in the longest window. */
const WINDOW_MAX = 96;

/** suffixes[j]: sum of the older block from its value j on. */
const sumsOfOlder = new Float64Array(WINDOW_MAX + 1);
const meansOfOlder = new Float64Array(WINDOW_MAX + 1);
const squaresOfOlder = new Float64Array(WINDOW_MAX + 1);
const sharesOf = Float64Array.from({ length: WINDOW_MAX + 1 }, (_, count) => 1 / count);

interface WindowQuery {
  /** Values in a window, the bar's own the last of them. */
  readonly window: number;
  /** First bar wanted, ≥ window − 1. */
  readonly from: number;
  /** Bar after the last one wanted. */
  readonly to: number;
  /** Absolute index of bar 0. */
  readonly firstIndex: number;
}

/** Bar at which the block of `bar` starts; may lie before the series. */
function blockStart(bar: number, { window, firstIndex }: WindowQuery): number {
  // An integer to the engine too: loops that count in doubles convert them at every access.
  return (Math.floor((firstIndex + bar) / window) * window - firstIndex) | 0;
}

/** Sums of the last `window` values, by bar. */
export function windowSums(values: Float64Array, query: WindowQuery): Float64Array {
  const { window, from, to } = query;
  const sums = takeColumn();
  const suffixes = sumsOfOlder;
  suffixes[window] = 0;
  for (let bar = from; bar < to; ) {
    const start = blockStart(bar, query);
    let suffix = 0;
    for (let past = start - 1; past > bar - window; past--) {
      suffix += values[past]!;
      suffixes[past - start + window] = suffix;
    }
    let prefix = 0;
    for (let past = start; past < bar; past++) prefix += values[past]!;
    const end = Math.min(start + window, to);
    for (; bar < end; bar++) {
      prefix += values[bar]!;
      sums[bar] = suffixes[bar - start + 1]! + prefix;
    }
  }
  return sums;
}

/**
 * Sums of squared distances of the last `window` values to their mean, by bar. Each part collects its mean and squares by
 * Welford's recursion (1962), the two are joined as in Chan, Golub & LeVeque (1979): no large numbers cancel, and where
 * all values are equal the result is exactly 0.
 */
export function windowSquares(values: Float64Array, query: WindowQuery): Float64Array {
  const { window, from, to } = query;
  const result = takeColumn();
  const [suffixMeans, suffixSquares, shares] = [meansOfOlder, squaresOfOlder, sharesOf];
  const share = shares[window]!;
  // Of a window that is one block the other part is empty, and has no weight.
  suffixMeans[window] = 0;
  suffixSquares[window] = 0;
  for (let bar = from; bar < to; ) {
    const start = blockStart(bar, query);
    let mean = 0;
    let squares = 0;
    for (let past = start - 1; past > bar - window; past--) {
      const distance = values[past]! - mean;
      mean += distance * shares[start - past]!;
      squares += distance * (values[past]! - mean);
      suffixMeans[past - start + window] = mean;
      suffixSquares[past - start + window] = squares;
    }
    mean = 0;
    squares = 0;
    for (let past = start; past < bar; past++) {
      const distance = values[past]! - mean;
      mean += distance * shares[past - start + 1]!;
      squares += distance * (values[past]! - mean);
    }
    const end = Math.min(start + window, to);
    for (; bar < end; bar++) {
      const count = bar - start + 1;
      const distance = values[bar]! - mean;
      mean += distance * shares[count]!;
      squares += distance * (values[bar]! - mean);
      const apart = mean - suffixMeans[count]!;
      result[bar] = suffixSquares[count]! + squares + apart * apart * (count * (window - count) * share);
    }
  }
  return result;
}
