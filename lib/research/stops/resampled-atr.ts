// Average true range of longer bars, as it was known at each 5-minute bar: a longer bar counts once its last 5 minutes have closed.
import { invariant } from '../../core/invariant.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { CandleGrid } from '../../market/grid.ts';

const PERIOD = 14;

/**
 * Wilder's ATR over 14 bars of `barsPerStep` × 5 minutes (Wilder 1978), price units, one element per 5-minute bar; NaN before 14
 * true ranges are known. Longer bars open at multiples of their length since the epoch, so 4 h ones at 00, 04 … UTC; the first,
 * where the grid begins within it, is not used.
 */
export function resampledAtr(grid: CandleGrid, barsPerStep: number): Float64Array {
  invariant(Number.isInteger(barsPerStep) && barsPerStep >= 1, `${barsPerStep} is no number of bars`);
  const atr = new Float64Array(grid.length).fill(Number.NaN);
  let [high, low, previousClose] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NaN];
  let [sum, ranges, current] = [0, 0, Number.NaN];
  let whole = false;
  for (let bar = 0; bar < grid.length; bar++) {
    const position = (grid.openTimeMs[bar]! / BAR_MS) % barsPerStep;
    if (position === 0) {
      [high, low] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
      whole = true;
    }
    high = Math.max(high, grid.high[bar]!);
    low = Math.min(low, grid.low[bar]!);
    if (whole && position === barsPerStep - 1) {
      // The first longer bar has no close before it, and so no true range.
      if (!Number.isNaN(previousClose)) {
        const trueRange = Math.max(high, previousClose) - Math.min(low, previousClose);
        ranges++;
        if (ranges <= PERIOD) sum += trueRange;
        if (ranges === PERIOD) current = sum / PERIOD;
        if (ranges > PERIOD) current += (trueRange - current) / PERIOD;
      }
      previousClose = grid.close[bar]!;
    }
    atr[bar] = current;
  }
  return atr;
}
