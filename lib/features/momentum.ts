// Momentum group: RSI (Wilder 1978), MACD 12/26/9 (Appel), slow stochastic 14,3,3 (Lane), rate of change.
import { anchoredBlocks } from './anchored-blocks.ts';
import { columnOf, FEATURE_COUNT } from './feature-set.ts';
import { type FeatureBars, type FeatureRows, FIRST_ROW } from './shared-columns.ts';
import { highest14, lowest14 } from './window-extremes.ts';

const RSI_14 = columnOf('rsi_14');
const MACD = columnOf('macd');
const MACD_SIGNAL = columnOf('macd_signal');
const MACD_HIST = columnOf('macd_hist');
const STOCH_K = columnOf('stoch_k');
const STOCH_D = columnOf('stoch_d');
const ROC_10 = columnOf('roc_10');

export function writeMomentum(bars: FeatureBars, rows: FeatureRows): void {
  writeRsi(bars, rows);
  writeMacd(bars, rows);
  writeStochastic(bars, rows);
  for (let bar = FIRST_ROW, row = 0; bar < bars.length; bar++, row += FEATURE_COUNT) {
    rows[row + ROC_10] = 100 * (bars.close[bar]! / bars.close[bar - 10]! - 1);
  }
}

function writeRsi({ change, firstIndex, length }: FeatureBars, rows: FeatureRows): void {
  for (const block of anchoredBlocks(firstIndex, FIRST_ROW, length)) {
    let gain = 0;
    let loss = 0;
    for (let bar = block.anchor; bar < block.to; bar++) {
      // max(0, change) without a branch, which no processor could foresee.
      const rise = (Math.abs(change[bar]!) + change[bar]!) / 2;
      gain += (rise - gain) * (1 / 14);
      loss += (rise - change[bar]! - loss) * (1 / 14);
      if (bar < block.from) continue;
      rows[(bar - FIRST_ROW) * FEATURE_COUNT + RSI_14] = gain + loss > 0 ? (100 * gain) / (gain + loss) : 50;
    }
  }
}

function writeMacd({ close, firstIndex, length }: FeatureBars, rows: FeatureRows): void {
  for (const block of anchoredBlocks(firstIndex, FIRST_ROW, length)) {
    let ema12 = close[block.anchor]!;
    let ema26 = ema12;
    let signal = 0;
    for (let bar = block.anchor + 1; bar < block.to; bar++) {
      const c = close[bar]!;
      ema12 += (c - ema12) * (2 / 13);
      ema26 += (c - ema26) * (2 / 27);
      const macd = ema12 - ema26;
      signal += (macd - signal) * (2 / 10);
      if (bar < block.from) continue;
      const row = (bar - FIRST_ROW) * FEATURE_COUNT;
      rows[row + MACD] = macd / c;
      rows[row + MACD_SIGNAL] = signal / c;
      rows[row + MACD_HIST] = (macd - signal) / c;
    }
  }
}

function writeStochastic({ high, low, close, length }: FeatureBars, rows: FeatureRows): void {
  const highest = highest14(high, FIRST_ROW - 4);
  const lowest = lowest14(low, FIRST_ROW - 4);
  const fast = new Float64Array(length);
  const slow = new Float64Array(length);
  for (let bar = FIRST_ROW - 4; bar < length; bar++) {
    const range = highest[bar]! - lowest[bar]!;
    fast[bar] = range > 0 ? (100 * (close[bar]! - lowest[bar]!)) / range : 50;
  }
  for (let bar = FIRST_ROW - 2; bar < length; bar++) {
    slow[bar] = (fast[bar - 2]! + fast[bar - 1]! + fast[bar]!) / 3;
  }
  for (let bar = FIRST_ROW, row = 0; bar < length; bar++, row += FEATURE_COUNT) {
    rows[row + STOCH_K] = slow[bar]!;
    rows[row + STOCH_D] = (slow[bar - 2]! + slow[bar - 1]! + slow[bar]!) / 3;
  }
}
