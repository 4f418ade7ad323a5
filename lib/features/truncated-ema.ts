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

/** sums[j]: weighted sum of the older block from its value j on. */
const [olderSums50, olderSums200] = [new Float64Array(LENGTH + 1), new Float64Array(LENGTH + 1)];

/**
 * EMA(50) and EMA(200) of the last 800 values, by bar; valid for the bars `from` (inclusive, ≥ 799) to `to` (exclusive). They are
 * computed side by side, since neither waits for the other.
 * Averages distances to the first value of the newer block, so that a flat series has exactly its own value as average.
 * @param firstIndex absolute index of bar 0
 */
export function truncatedEmas(
  values: Float64Array,
  { from, to, firstIndex }: { from: number; to: number; firstIndex: number },
): { ema50: Float64Array; ema200: Float64Array } {
  const [ema50, ema200] = [takeColumn(), takeColumn()];
  const [suffixes50, suffixes200] = [olderSums50, olderSums200];
  const { decay: decay50, weights: weights50, weightSum: weightSum50 } = WEIGHTS[50];
  const { decay: decay200, weights: weights200, weightSum: weightSum200 } = WEIGHTS[200];
  suffixes50[LENGTH] = 0;
  suffixes200[LENGTH] = 0;
  for (let bar = from; bar < to; ) {
    // An integer to the engine too: loops that count in doubles convert them at every access.
    const start = (Math.floor((firstIndex + bar) / LENGTH) * LENGTH - firstIndex) | 0;
    const origin = values[start]!;
    let [sum50, sum200] = [0, 0];
    for (let past = start - 1; past > bar - LENGTH; past--) {
      const distance = values[past]! - origin;
      const age = start - 1 - past;
      sum50 += weights50[age]! * distance;
      sum200 += weights200[age]! * distance;
      suffixes50[LENGTH - 1 - age] = sum50;
      suffixes200[LENGTH - 1 - age] = sum200;
    }
    sum50 = 0;
    sum200 = 0;
    for (let past = start; past < bar; past++) {
      const distance = values[past]! - origin;
      sum50 = sum50 * decay50 + distance;
      sum200 = sum200 * decay200 + distance;
    }
    const end = Math.min(start + LENGTH, to);
    for (; bar < end; bar++) {
      const distance = values[bar]! - origin;
      sum50 = sum50 * decay50 + distance;
      sum200 = sum200 * decay200 + distance;
      const inBlock = bar - start + 1;
      ema50[bar] = origin + (sum50 + weights50[inBlock]! * suffixes50[inBlock]!) / weightSum50;
      ema200[bar] = origin + (sum200 + weights200[inBlock]! * suffixes200[inBlock]!) / weightSum200;
    }
  }
  return { ema50, ema200 };
}
