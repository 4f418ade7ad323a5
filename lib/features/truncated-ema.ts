// Exponential averages too slow for a plain recursion to forget its seed within 880 bars (EMA-50, EMA-200): truncated at
// 800 bars, weights normalised. The two-block method of van Herk (1992) makes it O(1) per bar without ever subtracting an
// outgoing term: each window is a suffix of one block of 800 bars and a prefix of the next. Blocks are aligned to the
// absolute bar index, so the order of additions, and with it every bit, does not depend on where the series starts.

/** Bars in a truncated average. */
const LENGTH = 800;

import { takeColumn } from './scratch-columns.ts';

/** weights[k] = decay^k, k = 0…800. */
function powers(decay: number): Float64Array {
  const weights = new Float64Array(LENGTH + 1);
  weights[0] = 1;
  for (let k = 1; k <= LENGTH; k++) weights[k] = weights[k - 1]! * decay;
  return weights;
}

const WEIGHTS = { 50: weightsOf(50), 200: weightsOf(200) } as const;

function weightsOf(period: number) {
  const decay = (period - 1) / (period + 1);
  const weights = powers(decay);
  const weightSum = weights.subarray(0, LENGTH).reduceRight((sum, weight) => sum + weight, 0);
  return { decay, weights, weightSum };
}

/** suffixes[j]: weighted sum of the older block from its value j on. */
const suffixes = new Float64Array(LENGTH + 1);

/**
 * EMA(period) of the last 800 values, by bar; valid for the bars `from` (inclusive, ≥ 799) to `to` (exclusive).
 * Averages distances to the first value of the newer block, so that a flat series has exactly its own value as average.
 * @param firstIndex absolute index of bar 0
 */
export function truncatedEma(
  values: Float64Array,
  { period, from, to, firstIndex }: { period: 50 | 200; from: number; to: number; firstIndex: number },
): Float64Array {
  const { decay, weights, weightSum } = WEIGHTS[period];
  const averages = takeColumn();
  for (let bar = from; bar < to; ) {
    const start = Math.floor((firstIndex + bar) / LENGTH) * LENGTH - firstIndex;
    const origin = values[start]!;
    fillSuffixes(values, { start, oldest: bar - LENGTH + 1, origin, weights });

    let prefix = 0;
    for (let past = start; past < bar; past++) prefix = prefix * decay + (values[past]! - origin);
    const end = Math.min(start + LENGTH, to);
    for (; bar < end; bar++) {
      prefix = prefix * decay + (values[bar]! - origin);
      const inBlock = bar - start + 1;
      averages[bar] = origin + (prefix + weights[inBlock]! * suffixes[inBlock]!) / weightSum;
    }
  }
  return averages;
}

/** suffixes[j] = weighted sum of the block before `start` from its bar j on, newest weight 1; down to bar `oldest`. */
function fillSuffixes(
  values: Float64Array,
  block: { start: number; oldest: number; origin: number; weights: Float64Array },
): void {
  const { start, oldest, origin, weights } = block;
  let suffix = 0;
  suffixes[LENGTH] = 0;
  for (let bar = start - 1; bar >= oldest && bar >= start - LENGTH; bar--) {
    suffix += weights[start - 1 - bar]! * (values[bar]! - origin);
    suffixes[bar - start + LENGTH] = suffix;
  }
}
