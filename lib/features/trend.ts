// Trend group: distances from averages, slopes of averages, directional movement (DI, ADX; Wilder 1978).
import { anchoredBlocks } from './anchored-blocks.ts';
import { columnOf, FEATURE_COUNT } from './feature-set.ts';
import { takeColumn } from './scratch-columns.ts';
import { type FeatureBars, FIRST_ROW, type RowWriter } from './shared-columns.ts';
import { truncatedEmas } from './truncated-ema.ts';
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

export function trendGroup(bars: FeatureBars): RowWriter {
  const { close, closeSum20, atr, firstIndex, length } = bars;
  const { ema9, ema21 } = shortEmas(bars);
  const { ema50, ema200 } = truncatedEmas(close, { from: FIRST_ROW - SLOPE_BARS, to: length, firstIndex });
  const closeSum50 = windowSums(close, { window: 50, from: FIRST_ROW, to: length, firstIndex });
  const { plus, minus, adx } = directionalAverages(bars);
  return (rows, from, to) => {
    for (let bar = from, row = (from - FIRST_ROW) * FEATURE_COUNT; bar < to; bar++, row += FEATURE_COUNT) {
      const c = close[bar]!;
      const range = atr[bar]!;
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
      rows[row + ADX_14] = adx[bar]!;
      rows[row + PLUS_DI_14] = range > 0 ? (100 * plus[bar]!) / range : 0;
      rows[row + MINUS_DI_14] = range > 0 ? (100 * minus[bar]!) / range : 0;
    }
  };
}

/** EMA-9 and EMA-21 of the close, by bar; valid from 12 bars before the first row, for the slope. */
function shortEmas({ close, firstIndex, length }: FeatureBars): { ema9: Float64Array; ema21: Float64Array } {
  const ema9 = takeColumn();
  const ema21 = takeColumn();
  let [older9, older21, newer9, newer21] = [0, 0, 0, 0];
  for (const block of anchoredBlocks(firstIndex, FIRST_ROW - SLOPE_BARS, length)) {
    older9 = newer9;
    older21 = newer21;
    newer9 = close[block.from]!;
    newer21 = newer9;
    for (let bar = block.from; bar < block.to; bar++) {
      const c = close[bar]!;
      older9 += (c - older9) * (2 / 10);
      older21 += (c - older21) * (2 / 22);
      newer9 += (c - newer9) * (2 / 10);
      newer21 += (c - newer21) * (2 / 22);
      ema9[bar] = older9;
      ema21[bar] = older21;
    }
  }
  return { ema9, ema21 };
}

/** Wilder(14) averages of +DM and −DM, price units, and of DX; by bar. */
function directionalAverages({ plusMove, minusMove, firstIndex, length }: FeatureBars) {
  const [plus, minus, adx] = [takeColumn(), takeColumn(), takeColumn()];
  let [olderPlus, olderMinus, olderAdx] = [0, 0, 0];
  let [newerPlus, newerMinus, newerAdx] = [0, 0, 0];
  for (const block of anchoredBlocks(firstIndex, FIRST_ROW, length)) {
    olderPlus = newerPlus;
    olderMinus = newerMinus;
    olderAdx = newerAdx;
    newerPlus = 0;
    newerMinus = 0;
    newerAdx = 0;
    for (let bar = block.from; bar < block.to; bar++) {
      const up = plusMove[bar]!;
      const down = minusMove[bar]!;
      olderPlus += (up - olderPlus) * (1 / 14);
      olderMinus += (down - olderMinus) * (1 / 14);
      olderAdx += (directionalIndex(olderPlus, olderMinus) - olderAdx) * (1 / 14);
      newerPlus += (up - newerPlus) * (1 / 14);
      newerMinus += (down - newerMinus) * (1 / 14);
      newerAdx += (directionalIndex(newerPlus, newerMinus) - newerAdx) * (1 / 14);
      plus[bar] = olderPlus;
      minus[bar] = olderMinus;
      adx[bar] = olderAdx;
    }
  }
  return { plus, minus, adx };
}

/** DX; both DI have the same true range below them, which cancels out. */
function directionalIndex(plus: number, minus: number): number {
  return plus + minus > 0 ? (100 * Math.abs(plus - minus)) / (plus + minus) : 0;
}
