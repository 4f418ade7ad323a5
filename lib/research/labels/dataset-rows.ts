// The rows that training reads, from the candles of one symbol: which bars become rows, with features, labels and weights. A bar is
// checked by serving's own rules, so that training sees no row that serving would not.

import { type Result, success } from '../../core/result.ts';
import { featuresOfBars } from '../../features/compute-features.ts';
import { columnOf, FEATURE_COUNT, type FeatureName } from '../../features/feature-set.ts';
import type { AbstentionReason } from '../../market/abstention.ts';
import type { OpenTimeRange } from '../../market/bar-range.ts';
import { type CandleSeries, countUntil } from '../../market/candle-series.ts';
import { type CandleGrid, checkBars } from '../../market/grid.ts';
import type { LabelDefinition } from '../../models/manifest.ts';
import { gridBefore } from '../grid-before.ts';
import { averageUniqueness } from './average-uniqueness.ts';
import { labelBars } from './triple-barrier.ts';

/**
 * Why a bar is not a row: the reasons for which serving abstains, and two of labelling. `no_future`: the path of the longest horizon
 * runs over the end of the data; `gap_ahead`: it holds a filled bar, whose high and low are unknown.
 */
type DropReason = AbstentionReason | 'gap_ahead' | 'no_future';
export type DropCounts = Readonly<Partial<Record<DropReason, number>>>;

/** Labels of one horizon, one element per row. */
interface HorizonColumns {
  readonly horizonBars: number;
  /** 0 sell, 1 hold, 2 buy. */
  readonly classes: Int32Array;
  /** Average uniqueness; mean 1 over the symbol. */
  readonly weights: Float32Array;
  readonly barrierBps: Float32Array;
  /** ln(close[t+h] / close[t]) */
  readonly forwardReturns: Float32Array;
}

export interface DatasetRows {
  /** Ascending; its length is the number of rows. */
  readonly openTimeMs: Float64Array;
  /** float32, row-major [rows, 49]. */
  readonly features: Float32Array;
  readonly horizons: readonly HorizonColumns[];
  readonly dropped: DropCounts;
}

/**
 * Rows of the bars that opened within the range. Candles before `fromMs` feed the features; candles from `toMs` on are not
 * read at all, so that a dataset up to a date knows nothing of later prices. A bar without a label for every horizon is dropped.
 * Fails with one line when the candles span more bars than a grid may have.
 */
export function buildDatasetRows(
  candles: CandleSeries,
  options: { readonly range: OpenTimeRange; readonly definitions: readonly LabelDefinition[] },
): Result<DatasetRows, string> {
  const { range, definitions } = options;
  const filled = gridBefore(candles, range.toMs);
  if (!filled.ok) return filled;
  const grid = filled.value;
  const pathBars = Math.max(...definitions.map(({ horizonBars }) => horizonBars));
  const { bars, dropped } = selectBars(grid, { fromMs: range.fromMs, pathBars });
  const features = featuresOfBars(grid, bars);
  const atrPct = featureColumn(features, 'atr_14_pct');
  return success({
    openTimeMs: Float64Array.from(bars, (bar) => grid.openTimeMs[bar]!),
    features,
    horizons: definitions.map((definition) => labelHorizon(grid, { bars, atrPct }, definition)),
    dropped,
  });
}

/** Every bar from `fromMs` on is either in `bars` (ascending) or counted once in `dropped`. */
function selectBars(
  grid: CandleGrid,
  options: { fromMs: number | undefined; pathBars: number },
): { bars: Int32Array; dropped: DropCounts } {
  const verdicts = checkBars(grid);
  const nextFilledBars = findNextFilledBars(grid);
  const bars: number[] = [];
  const dropped: Partial<Record<DropReason, number>> = {
    insufficient_history: 0,
    gap_too_long: 0,
    gap_recent: 0,
    illiquid: 0,
    gap_ahead: 0,
    no_future: 0,
  };
  const first = options.fromMs === undefined ? 0 : countUntil(grid, options.fromMs - 1);
  for (let bar = first; bar < grid.length; bar++) {
    const lastBar = bar + options.pathBars;
    let reason: DropReason | undefined = verdicts[bar];
    if (reason === undefined && lastBar >= grid.length) reason = 'no_future';
    if (reason === undefined && nextFilledBars[bar]! <= lastBar) reason = 'gap_ahead';
    if (reason === undefined) bars.push(bar);
    else dropped[reason] = (dropped[reason] ?? 0) + 1;
  }
  return { bars: Int32Array.from(bars), dropped };
}

/** For each bar the nearest filled bar after it; the grid's length when there is none. */
function findNextFilledBars(grid: CandleGrid): Int32Array {
  const next = new Int32Array(grid.length);
  let nearest = grid.length;
  for (let bar = grid.length - 1; bar >= 0; bar--) {
    next[bar] = nearest;
    if (grid.filled[bar] === 1) nearest = bar;
  }
  return next;
}

/** One column of a row-major [rows, 49] matrix. */
export function featureColumn(features: Float32Array, name: FeatureName): Float32Array {
  const offset = columnOf(name);
  const column = new Float32Array(features.length / FEATURE_COUNT);
  for (let row = 0; row < column.length; row++) column[row] = features[row * FEATURE_COUNT + offset]!;
  return column;
}

function labelHorizon(
  grid: CandleGrid,
  rows: { bars: Int32Array; atrPct: Float32Array },
  definition: LabelDefinition,
): HorizonColumns {
  const labels = labelBars(grid, rows, definition);
  const firstBars = rows.bars.map((bar) => bar + 1);
  return {
    horizonBars: definition.horizonBars,
    classes: labels.classes,
    weights: Float32Array.from(averageUniqueness({ firstBars, lastBars: labels.resolvedBars })),
    barrierBps: Float32Array.from(labels.barrierFractions, (fraction) => fraction * 10_000),
    forwardReturns: Float32Array.from(labels.forwardReturns),
  };
}
