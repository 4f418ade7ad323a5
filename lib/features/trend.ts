// Trend group: distances from averages, slopes of averages, directional movement (DI, ADX; Wilder 1978).
import { anchoredBlocks } from './anchored-blocks.ts';
import { columnOf, FEATURE_COUNT } from './feature-set.ts';
import { type FeatureBars, type FeatureRows, FIRST_ROW } from './shared-columns.ts';
import { truncatedEma } from './truncated-ema.ts';
import { windowSums } from './window-sums.ts';

const EMA_9_DIST = columnOf('ema_9_dist');
const EMA_21_DIST = columnOf('ema_21_dist');
const EMA_50_DIST = columnOf('ema_50_dist');
const EMA_200_DIST = columnOf('ema_200_dist');
const EMA_9_21_SPREAD = columnOf('ema_9_21_spread');
const EMA_50_200_SPREAD = columnOf('ema_50_200_spread');
const SMA_20_DIST = columnOf('sma_20_dist');
const SMA_50_DIST = columnOf('sma_50_dist');
const EMA_21_SLOPE = columnOf('ema_21_slope');
const EMA_50_SLOPE = columnOf('ema_50_slope');
const ADX_14 = columnOf('adx_14');
const PLUS_DI_14 = columnOf('plus_di_14');
const MINUS_DI_14 = columnOf('minus_di_14');

const SLOPE_BARS = 12;

export function writeTrend(bars: FeatureBars, rows: FeatureRows): void {
  writeAverages(bars, rows);
  writeDirection(bars, rows);
}

function writeAverages(bars: FeatureBars, rows: FeatureRows): void {
  const { close, closeSum20, firstIndex } = bars;
  const { ema9, ema21 } = shortEmas(bars);
  const ema50 = truncatedEma(close, { period: 50, from: FIRST_ROW - SLOPE_BARS, firstIndex });
  const ema200 = truncatedEma(close, { period: 200, from: FIRST_ROW, firstIndex });
  const closeSum50 = windowSums(close, { window: 50, from: FIRST_ROW, firstIndex });
  for (let bar = FIRST_ROW, row = 0; bar < bars.length; bar++, row += FEATURE_COUNT) {
    const c = close[bar]!;
    rows[row + EMA_9_DIST] = c / ema9[bar]! - 1;
    rows[row + EMA_21_DIST] = c / ema21[bar]! - 1;
    rows[row + EMA_50_DIST] = c / ema50[bar]! - 1;
    rows[row + EMA_200_DIST] = c / ema200[bar]! - 1;
    rows[row + EMA_9_21_SPREAD] = ema9[bar]! / ema21[bar]! - 1;
    rows[row + EMA_50_200_SPREAD] = ema50[bar]! / ema200[bar]! - 1;
    rows[row + SMA_20_DIST] = c / (closeSum20[bar]! / 20) - 1;
    rows[row + SMA_50_DIST] = c / (closeSum50[bar]! / 50) - 1;
    rows[row + EMA_21_SLOPE] = ema21[bar]! / ema21[bar - SLOPE_BARS]! - 1;
    rows[row + EMA_50_SLOPE] = ema50[bar]! / ema50[bar - SLOPE_BARS]! - 1;
  }
}

/** EMA-9 and EMA-21 of the close, by bar; valid from 12 bars before the first row, for the slope. */
function shortEmas({ close, firstIndex, length }: FeatureBars): { ema9: Float64Array; ema21: Float64Array } {
  const ema9 = new Float64Array(length);
  const ema21 = new Float64Array(length);
  for (const block of anchoredBlocks(firstIndex, FIRST_ROW - SLOPE_BARS, length)) {
    let nine = close[block.anchor]!;
    let twentyOne = nine;
    for (let bar = block.anchor + 1; bar < block.to; bar++) {
      const c = close[bar]!;
      nine += (c - nine) * (2 / 10);
      twentyOne += (c - twentyOne) * (2 / 22);
      if (bar < block.from) continue;
      ema9[bar] = nine;
      ema21[bar] = twentyOne;
    }
  }
  return { ema9, ema21 };
}

function writeDirection(bars: FeatureBars, rows: FeatureRows): void {
  const { atr, firstIndex, length } = bars;
  const moves = directionalMoves(bars);
  for (const block of anchoredBlocks(firstIndex, FIRST_ROW, length)) {
    let plus = 0;
    let minus = 0;
    let adx = 0;
    for (let bar = block.anchor; bar < block.to; bar++) {
      plus += (moves.plus[bar]! - plus) * (1 / 14);
      minus += (moves.minus[bar]! - minus) * (1 / 14);
      // Both DI have the same true range below them, which cancels out of DX.
      const dx = plus + minus > 0 ? (100 * Math.abs(plus - minus)) / (plus + minus) : 0;
      adx += (dx - adx) * (1 / 14);
      if (bar < block.from) continue;
      const row = (bar - FIRST_ROW) * FEATURE_COUNT;
      rows[row + ADX_14] = adx;
      rows[row + PLUS_DI_14] = atr[bar]! > 0 ? (100 * plus) / atr[bar]! : 0;
      rows[row + MINUS_DI_14] = atr[bar]! > 0 ? (100 * minus) / atr[bar]! : 0;
    }
  }
}

/** +DM and −DM, price units, by bar; from bar 1. */
function directionalMoves({ high, low, length }: FeatureBars): { plus: Float64Array; minus: Float64Array } {
  const plus = new Float64Array(length);
  const minus = new Float64Array(length);
  for (let bar = 1; bar < length; bar++) {
    const up = high[bar]! - high[bar - 1]!;
    const down = low[bar - 1]! - low[bar]!;
    if (up > down && up > 0) plus[bar] = up;
    else if (down > up && down > 0) minus[bar] = down;
  }
  return { plus, minus };
}
