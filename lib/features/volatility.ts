// Volatility group: Bollinger bands (20 bars, 2 population deviations), ATR (Wilder 1978), deviation of returns.
import { columnOf, FEATURE_COUNT } from './feature-set.ts';
import { type FeatureBars, type FeatureRows, FIRST_ROW } from './shared-columns.ts';
import { windowSquares, windowSums } from './window-sums.ts';

const BB_WIDTH = columnOf('bb_width');
const BB_POSITION = columnOf('bb_position');
const BB_UPPER_DIST = columnOf('bb_upper_dist');
const BB_LOWER_DIST = columnOf('bb_lower_dist');
const ATR_14_PCT = columnOf('atr_14_pct');
const ATR_RATIO = columnOf('atr_ratio');
const VOLATILITY_24 = columnOf('volatility_24');
const VOLATILITY_96 = columnOf('volatility_96');

export function writeVolatility(bars: FeatureBars, rows: FeatureRows): void {
  writeBands(bars, rows);
  writeRanges(bars, rows);
  writeReturnDeviation(bars, rows, { window: 24, column: VOLATILITY_24 });
  writeReturnDeviation(bars, rows, { window: 96, column: VOLATILITY_96 });
}

function writeBands({ close, closeSum20, firstIndex, length }: FeatureBars, rows: FeatureRows): void {
  const squares = windowSquares(close, { window: 20, from: FIRST_ROW, firstIndex });
  for (let bar = FIRST_ROW, row = 0; bar < length; bar++, row += FEATURE_COUNT) {
    const c = close[bar]!;
    const middle = closeSum20[bar]! / 20;
    const halfWidth = 2 * Math.sqrt(squares[bar]! / 20);
    rows[row + BB_WIDTH] = (2 * halfWidth) / middle;
    rows[row + BB_POSITION] = halfWidth > 0 ? (c - middle + halfWidth) / (2 * halfWidth) : 0.5;
    rows[row + BB_UPPER_DIST] = (middle + halfWidth) / c - 1;
    rows[row + BB_LOWER_DIST] = (middle - halfWidth) / c - 1;
  }
}

function writeRanges({ close, atr, trueRange, firstIndex, length }: FeatureBars, rows: FeatureRows): void {
  const rangeSum96 = windowSums(trueRange, { window: 96, from: FIRST_ROW, firstIndex });
  for (let bar = FIRST_ROW, row = 0; bar < length; bar++, row += FEATURE_COUNT) {
    rows[row + ATR_14_PCT] = atr[bar]! / close[bar]!;
    rows[row + ATR_RATIO] = rangeSum96[bar]! > 0 ? atr[bar]! / (rangeSum96[bar]! / 96) : 1;
  }
}

function writeReturnDeviation(
  { logReturn, firstIndex, length }: FeatureBars,
  rows: FeatureRows,
  { window, column }: { window: number; column: number },
): void {
  const squares = windowSquares(logReturn, { window, from: FIRST_ROW, firstIndex });
  for (let bar = FIRST_ROW, row = 0; bar < length; bar++, row += FEATURE_COUNT) {
    rows[row + column] = Math.sqrt(squares[bar]! / (window - 1));
  }
}
