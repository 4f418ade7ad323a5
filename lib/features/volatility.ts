// Volatility group: Bollinger bands (20 bars, 2 population deviations), ATR (Wilder 1978), deviation of returns.
import { columnOf, FEATURE_COUNT } from './feature-set.ts';
import { type FeatureBars, FIRST_ROW, type RowWriter } from './shared-columns.ts';
import { windowSquares, windowSums } from './window-sums.ts';

const BB_WIDTH = columnOf('bb_width');
const BB_POSITION = columnOf('bb_position');
const BB_UPPER_DIST = columnOf('bb_upper_dist');
const BB_LOWER_DIST = columnOf('bb_lower_dist');
const ATR_14_PCT = columnOf('atr_14_pct');
const ATR_RATIO = columnOf('atr_ratio');
const VOLATILITY_24 = columnOf('volatility_24');
const VOLATILITY_96 = columnOf('volatility_96');

export function volatilityGroup(bars: FeatureBars): RowWriter {
  const { close, closeSum20, atr, trueRange, logReturn, firstIndex, length } = bars;
  const squaresOf = (values: Float64Array, window: number) =>
    windowSquares(values, { window, from: FIRST_ROW, to: length, firstIndex });
  const closeSquares20 = squaresOf(close, 20);
  const returnSquares24 = squaresOf(logReturn, 24);
  const returnSquares96 = squaresOf(logReturn, 96);
  const rangeSum96 = windowSums(trueRange, { window: 96, from: FIRST_ROW, to: length, firstIndex });
  return (rows, from, to) => {
    for (let bar = from, row = (from - FIRST_ROW) * FEATURE_COUNT; bar < to; bar++, row += FEATURE_COUNT) {
      const c = close[bar]!;
      const middle = closeSum20[bar]! / 20;
      const halfWidth = 2 * Math.sqrt(closeSquares20[bar]! / 20);
      rows[row + BB_WIDTH] = (2 * halfWidth) / middle;
      rows[row + BB_POSITION] = halfWidth > 0 ? (c - middle + halfWidth) / (2 * halfWidth) : 0.5;
      rows[row + BB_UPPER_DIST] = (middle + halfWidth) / c - 1;
      rows[row + BB_LOWER_DIST] = (middle - halfWidth) / c - 1;
      rows[row + ATR_14_PCT] = atr[bar]! / c;
      rows[row + ATR_RATIO] = rangeSum96[bar]! > 0 ? atr[bar]! / (rangeSum96[bar]! / 96) : 1;
      rows[row + VOLATILITY_24] = Math.sqrt(returnSquares24[bar]! / 23);
      rows[row + VOLATILITY_96] = Math.sqrt(returnSquares96[bar]! / 95);
    }
  };
}
