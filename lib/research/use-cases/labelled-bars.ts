// The bars of one symbol that the models are judged on: those that serving would decide and that have a whole labelled path,
// each with the row that serving would show the models, bit for bit.

import { type Result, success } from '../../core/result.ts';
import type { SymbolRow } from '../../inference/use-cases/ask-models.ts';
import type { OpenTimeRange } from '../../market/bar-range.ts';
import { BAR_MS } from '../../market/candle.ts';
import { type CandleSeries, countUntil, sliceSeries } from '../../market/candle-series.ts';
import { type CandleGrid, checkBars, fillGaps } from '../../market/grid.ts';
import type { LabelDefinition } from '../../models/manifest.ts';
import { buildDatasetRows, type DropCounts } from '../labels/dataset-rows.ts';
import { servedRows } from './served-rows.ts';

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
  const row = servedRows(symbol, grid, { bars, verdicts: withSequences ? checkBars(grid) : undefined });
  const { classes, barrierBps, forwardReturns } = horizons[0]!;
  return success({
    grid,
    bars,
    classes,
    barrierBps,
    forwardReturns,
    dropped,
    row: (index) => row(bars[index]!),
  });
}
