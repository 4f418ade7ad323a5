// Momentum group: RSI (Wilder 1978), MACD 12/26/9 (Appel), slow stochastic 14,3,3 (Lane), rate of change.
import { anchoredBlocks } from './anchored-blocks.ts';
import { columnOf, FEATURE_COUNT } from './feature-set.ts';
import { positivePart } from './inline-math.ts';
import { takeColumn } from './scratch-columns.ts';
import { type FeatureBars, FIRST_ROW, type RowWriter } from './shared-columns.ts';
import { extremes14 } from './window-extremes.ts';

const RSI_14 = columnOf('rsi_14');
const MACD = columnOf('macd');
const MACD_SIGNAL = columnOf('macd_signal');
const MACD_HIST = columnOf('macd_hist');
const STOCH_K = columnOf('stoch_k');
const STOCH_D = columnOf('stoch_d');
const ROC_10 = columnOf('roc_10');

export function momentumGroup(bars: FeatureBars): RowWriter {
  const { close } = bars;
  const { gain, loss } = rsiAverages(bars);
  const { macd, signal } = macdAverages(bars);
  const slow = slowStochastic(bars);
  return (rows, from, to) => {
    for (let bar = from, row = (from - FIRST_ROW) * FEATURE_COUNT; bar < to; bar++, row += FEATURE_COUNT) {
      const c = close[bar]!;
      const moves = gain[bar]! + loss[bar]!;
      rows[row + RSI_14] = moves > 0 ? (100 * gain[bar]!) / moves : 50;
      rows[row + MACD] = macd[bar]! / c;
      rows[row + MACD_SIGNAL] = signal[bar]! / c;
      rows[row + MACD_HIST] = (macd[bar]! - signal[bar]!) / c;
      rows[row + STOCH_K] = slow[bar]!;
      rows[row + STOCH_D] = (slow[bar - 2]! + slow[bar - 1]! + slow[bar]!) / 3;
      rows[row + ROC_10] = 100 * (c / close[bar - 10]! - 1);
    }
  };
}

/** Wilder(14) averages of rises and falls of the close, by bar. */
function rsiAverages({ change, firstIndex, length }: FeatureBars) {
  const [gain, loss] = [takeColumn(), takeColumn()];
  let [olderGain, olderLoss, newerGain, newerLoss] = [0, 0, 0, 0];
  for (const block of anchoredBlocks(firstIndex, FIRST_ROW, length)) {
    olderGain = newerGain;
    olderLoss = newerLoss;
    newerGain = 0;
    newerLoss = 0;
    for (let bar = block.from; bar < block.to; bar++) {
      const rise = positivePart(change[bar]!);
      const fall = rise - change[bar]!;
      olderGain += (rise - olderGain) * (1 / 14);
      olderLoss += (fall - olderLoss) * (1 / 14);
      newerGain += (rise - newerGain) * (1 / 14);
      newerLoss += (fall - newerLoss) * (1 / 14);
      gain[bar] = olderGain;
      loss[bar] = olderLoss;
    }
  }
  return { gain, loss };
}

/** EMA12 − EMA26 of the close, and its EMA9; price units, by bar. */
function macdAverages({ close, firstIndex, length }: FeatureBars) {
  const [macd, signal] = [takeColumn(), takeColumn()];
  let [older12, older26, olderSignal] = [0, 0, 0];
  let [newer12, newer26, newerSignal] = [0, 0, 0];
  for (const block of anchoredBlocks(firstIndex, FIRST_ROW, length)) {
    older12 = newer12;
    older26 = newer26;
    olderSignal = newerSignal;
    newer12 = close[block.from]!;
    newer26 = newer12;
    newerSignal = 0;
    for (let bar = block.from; bar < block.to; bar++) {
      const c = close[bar]!;
      older12 += (c - older12) * (2 / 13);
      older26 += (c - older26) * (2 / 27);
      olderSignal += (older12 - older26 - olderSignal) * (2 / 10);
      newer12 += (c - newer12) * (2 / 13);
      newer26 += (c - newer26) * (2 / 27);
      newerSignal += (newer12 - newer26 - newerSignal) * (2 / 10);
      macd[bar] = older12 - older26;
      signal[bar] = olderSignal;
    }
  }
  return { macd, signal };
}

/** Mean of three fast %K, 0…100, by bar; valid from two bars before the first row. */
function slowStochastic({ high, low, close, length }: FeatureBars): Float64Array {
  const { highest, lowest } = extremes14({ high, low }, FIRST_ROW - 4, length);
  const [fast, slow] = [takeColumn(), takeColumn()];
  for (let bar = FIRST_ROW - 4; bar < length; bar++) {
    const range = highest[bar]! - lowest[bar]!;
    fast[bar] = range > 0 ? (100 * (close[bar]! - lowest[bar]!)) / range : 50;
  }
  for (let bar = FIRST_ROW - 2; bar < length; bar++) {
    slow[bar] = (fast[bar - 2]! + fast[bar - 1]! + fast[bar]!) / 3;
  }
  return slow;
}
