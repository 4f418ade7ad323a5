// Highest and lowest of the last 14 values: each window is a suffix of one block of 14 and a prefix of the next (van Herk
// 1992). Extremes are exact in any order, so the blocks need no alignment. Both are looked for side by side, since neither
// waits for the other.

import { larger, smaller } from './inline-math.ts';
import { takeColumn } from './scratch-columns.ts';

const WINDOW = 14;

/** Extremes of the older block from its value j on; of the window that is the newer block alone, they are any of its values. */
const suffixHighs = new Float64Array(WINDOW + 1);
const suffixLows = new Float64Array(WINDOW + 1);

/** Highest of the last 14 values of `high` and lowest of `low`, of the bars `from` (inclusive, ≥ 13) to `to` (exclusive). */
export function extremes14(
  { high, low }: { high: Float64Array; low: Float64Array },
  from: number,
  to: number,
): { highest: Float64Array; lowest: Float64Array } {
  const [highest, lowest] = [takeColumn(), takeColumn()];
  const [highs, lows] = [suffixHighs, suffixLows];
  for (let start = from; start < to; start += WINDOW) {
    let top = high[start - 1]!;
    let bottom = low[start - 1]!;
    for (let j = WINDOW - 1; j > 0; j--) {
      top = larger(top, high[start - WINDOW + j]!);
      bottom = smaller(bottom, low[start - WINDOW + j]!);
      highs[j] = top;
      lows[j] = bottom;
    }
    top = high[start]!;
    bottom = low[start]!;
    highs[WINDOW] = top;
    lows[WINDOW] = bottom;
    const end = Math.min(start + WINDOW, to);
    for (let bar = start; bar < end; bar++) {
      top = larger(top, high[bar]!);
      bottom = smaller(bottom, low[bar]!);
      highest[bar] = larger(top, highs[bar - start + 1]!);
      lowest[bar] = smaller(bottom, lows[bar - start + 1]!);
    }
  }
  return { highest, lowest };
}
