// What serving would have shown the models at past bars of one symbol, bit for bit: features of the bars up to each, and the newest
// 96 rows where all of them exist. Evaluation and backtest read the past through here.
import { computeFeatures } from '../../features/compute-features.ts';
import { FEATURE_COUNT } from '../../features/feature-set.ts';
import { type SymbolRow, toSymbolRow } from '../../inference/use-cases/ask-models.ts';
import type { AbstentionReason } from '../../market/abstention.ts';
import { type CandleGrid, ROW_WINDOW_BARS, SEQUENCE_STEPS } from '../../market/grid.ts';
import { timeframeAtr } from '../../market/timeframe-atr.ts';
import { STOP_TIMEFRAMES, type StopTimeframe } from '../../models/stop-timeframe.ts';

/** Average true range of a timeframe at any bar of the grid, computed once per timeframe that is asked for. */
export function longerAtrs(grid: CandleGrid): (timeframe: StopTimeframe, bar: number) => number {
  const known = new Map<StopTimeframe, Float64Array>();
  return (timeframe, bar) => {
    let atr = known.get(timeframe);
    if (atr === undefined) {
      atr = timeframeAtr(grid, STOP_TIMEFRAMES[timeframe]);
      known.set(timeframe, atr);
    }
    return atr[bar]!;
  };
}

/**
 * Gives the row of any of `bars`, an index into the grid at which serving would not abstain.
 * @param options.bars ascending
 * @param options.verdicts of `checkBars`; undefined omits the 96 × 8 input, for ensembles in which no model reads it
 */
export function servedRows(
  symbol: string,
  grid: CandleGrid,
  options: {
    readonly bars: Int32Array;
    readonly verdicts: readonly (AbstentionReason | undefined)[] | undefined;
  },
): (bar: number) => SymbolRow {
  const { bars, verdicts } = options;
  const from = Math.max(ROW_WINDOW_BARS - 1, (bars[0] ?? 0) - SEQUENCE_STEPS + 1);
  const features = computeFeatures(grid, { from, to: (bars.at(-1) ?? -1) + 1 });
  const rowsInARow = verdicts && countRowsInARow(verdicts);
  const atrAt = longerAtrs(grid);
  return (bar) => {
    const steps = (rowsInARow?.[bar] ?? 0) >= SEQUENCE_STEPS ? SEQUENCE_STEPS : 1;
    const start = (bar - steps + 1 - from) * FEATURE_COUNT;
    const own = features.subarray(start, start + steps * FEATURE_COUNT);
    return toSymbolRow(symbol, own, {
      barOpenTimeMs: grid.openTimeMs[bar]!,
      close: grid.close[bar]!,
      longerAtrOf: (timeframe) => atrAt(timeframe, bar),
      // One symbol's candles do not tell it; a replay asks for it where it trades.
      betaToBitcoin: () => null,
    });
  };
}

/** For each bar how many bars up to it, itself included, have a row without a break. */
function countRowsInARow(verdicts: readonly (AbstentionReason | undefined)[]): Int32Array {
  const counts = new Int32Array(verdicts.length);
  verdicts.forEach((verdict, bar) => {
    counts[bar] = verdict === undefined ? (counts[bar - 1] ?? 0) + 1 : 0;
  });
  return counts;
}
