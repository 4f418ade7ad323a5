// The bars of one symbol that the models are judged on: those that serving would decide and that have a whole labelled path,
// each with the row that serving would show the models, bit for bit.
import { computeFeatures } from '../features/compute-features.ts';
import { FEATURE_COUNT } from '../features/feature-set.ts';
import { buildDatasetRows, type DropCounts, type OpenTimeRange } from '../labels/dataset-rows.ts';
import { BAR_MS } from '../market/candle.ts';
import { type CandleSeries, countUntil, sliceSeries } from '../market/candle-series.ts';
import { type CandleGrid, fillGaps, judgeBars, ROW_WINDOW_BARS, SEQUENCE_STEPS } from '../market/grid.ts';
import type { LabelDefinition } from '../models/manifest.ts';
import { type Result, success } from '../result.ts';
import { type SymbolRow, toSymbolRow } from './ask-models.ts';

/** Columns have one element per labelled bar, ascending in time. */
export interface LabelledBars {
  readonly grid: CandleGrid;
  /** Index into the grid. */
  readonly bars: Int32Array;
  /** 0 sell, 1 hold, 2 buy. */
  readonly classes: Int32Array;
  readonly barrierBps: Float32Array;
  /** ln(close[t+h] / close[t]) */
  readonly forwardReturns: Float32Array;
  /** Bars of the range that are not judged, by reason. */
  readonly dropped: DropCounts;
  /** What the models see at the `index`-th labelled bar. */
  row(index: number): SymbolRow;
}

/**
 * Fails with one line when the candles span more bars than a grid may have.
 * @param options.withSequences false leaves the 96 × 8 input out, for ensembles in which no model reads it
 */
export function labelledBars(
  symbol: string,
  candles: CandleSeries,
  options: {
    readonly range: OpenTimeRange;
    readonly label: LabelDefinition;
    readonly withSequences: boolean;
  },
): Result<LabelledBars, string> {
  const { range, label, withSequences } = options;
  const rows = buildDatasetRows(candles, { range, definitions: [label] });
  if (!rows.ok) return rows;
  const { openTimeMs, horizons, dropped } = rows.value;
  const known = range.toMs === undefined ? candles.length : countUntil(candles, range.toMs - 1);
  const grid = fillGaps(sliceSeries(candles, 0, known));
  const bars = Int32Array.from(openTimeMs, (ms) => (ms - grid.openTimeMs[0]!) / BAR_MS);
  const from = Math.max(ROW_WINDOW_BARS - 1, (bars[0] ?? 0) - SEQUENCE_STEPS + 1);
  const features = computeFeatures(grid, { from, to: (bars.at(-1) ?? -1) + 1 });
  const rowsInARow = withSequences ? countRowsInARow(grid) : undefined;
  const { classes, barrierBps, forwardReturns } = horizons[0]!;
  return success({
    grid,
    bars,
    classes,
    barrierBps,
    forwardReturns,
    dropped,
    row(index) {
      const bar = bars[index]!;
      const steps = (rowsInARow?.[bar] ?? 0) >= SEQUENCE_STEPS ? SEQUENCE_STEPS : 1;
      const start = (bar - steps + 1 - from) * FEATURE_COUNT;
      const own = features.subarray(start, start + steps * FEATURE_COUNT);
      return toSymbolRow(symbol, own, { barOpenTimeMs: grid.openTimeMs[bar]!, close: grid.close[bar]! });
    },
  });
}

/** For each bar how many bars up to it, itself included, have a row without a break. */
function countRowsInARow(grid: CandleGrid): Int32Array {
  const counts = new Int32Array(grid.length);
  judgeBars(grid).forEach((verdict, bar) => {
    counts[bar] = verdict === undefined ? (counts[bar - 1] ?? 0) + 1 : 0;
  });
  return counts;
}
