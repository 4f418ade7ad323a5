// The bars of one symbol that the models are evaluated on: those that serving would decide and whose labelled path is complete,
// each with the row that serving would show the models, bit for bit.

import { type Result, success } from '../../core/result.ts';
import type { SymbolRow } from '../../inference/use-cases/ask-models.ts';
import type { OpenTimeRange } from '../../market/bar-range.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { CandleSeries } from '../../market/candle-series.ts';
import { type CandleGrid, checkBars } from '../../market/grid.ts';
import type { LabelDefinition } from '../../models/manifest.ts';
import { gridBefore } from '../grid-before.ts';
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
  /** Bars of the range that are not evaluated, by reason. */
  readonly dropped: DropCounts;
  /** ln(close[t+n] / close[t]) of the `index`-th labelled bar; undefined where that candle is missing. */
  heldReturn(index: number, holdBars: number): number | undefined;
  /** What the models see at the `index`-th labelled bar. */
  row(index: number): SymbolRow;
}

/**
 * Fails with one line when the candles span more bars than a grid may have.
 * @param options.withSequences false omits the 96 × 8 input, for ensembles in which no model reads it
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
  const filled = gridBefore(candles, range.toMs);
  if (!filled.ok) return filled;
  const grid = filled.value;
  const { openTimeMs, horizons, dropped } = rows.value;
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
    heldReturn: (index, holdBars) => {
      const [entered, left] = [bars[index]!, bars[index]! + holdBars];
      if (left >= grid.length || grid.filled[left] === 1) return undefined;
      return Math.log(grid.close[left]! / grid.close[entered]!);
    },
    row: (index) => row(bars[index]!),
  });
}
