// The one implementation of the features: training, backtest, serving and the parity check all call this function. What it
// computes is in kernel/*.as.ts, compiled to WebAssembly.
import { invariant } from '../core/invariant.ts';
import { BAR_MS } from '../market/candle.ts';
import type { CandleSeries } from '../market/candle-series.ts';
import { ROW_WINDOW_BARS } from '../market/grid.ts';
import { FEATURE_COUNT } from './feature-set.ts';
import { type FeatureKernel, openKernel } from './kernel/open-kernel.ts';

/** First bar that has a row. */
const FIRST_ROW = ROW_WINDOW_BARS - 1;

/**
 * Features of the bars `from` (inclusive, ≥ 879) to `to` (exclusive) of a complete grid: float32, row-major
 * [to − from, 49], columns as in FEATURES, always finite. By default every bar that has 879 bars before it.
 * The bits of a row depend on its last 880 bars and their open times alone, whatever else the grid holds.
 * Which rows may be used is decided by `checkBars`; here every row asked for is computed.
 */
export function computeFeatures(
  grid: CandleSeries,
  { from, to }: { from: number; to: number } = { from: FIRST_ROW, to: grid.length },
): Float32Array {
  if (to <= from) return new Float32Array(0);
  invariant(from >= FIRST_ROW && to <= grid.length, `no rows ${from}…${to} in a grid of ${grid.length} bars`);
  invariant(
    grid.openTimeMs[to - 1]! - grid.openTimeMs[from - FIRST_ROW]! === (to - 1 - from + FIRST_ROW) * BAR_MS,
    'features need a grid without gaps',
  );
  const kernel = openKernel();
  const rows = new Float32Array((to - from) * FEATURE_COUNT);
  const rowsAtATime = kernel.columnBars - FIRST_ROW;
  for (let start = from; start < to; start += rowsAtATime) {
    const end = Math.min(start + rowsAtATime, to);
    computePart(kernel, grid, { from: start - FIRST_ROW, to: end });
    const part = kernel.rows.subarray(0, (end - start) * FEATURE_COUNT);
    rows.set(part, (start - from) * FEATURE_COUNT);
  }
  return rows;
}

/** The rows of every bar of a part that has 879 bars of it before. */
function computePart(
  { candles, computeRows }: FeatureKernel,
  grid: CandleSeries,
  { from, to }: { from: number; to: number },
): void {
  const [open, high, low, close, volume] = candles;
  open.set(grid.open.subarray(from, to));
  high.set(grid.high.subarray(from, to));
  low.set(grid.low.subarray(from, to));
  close.set(grid.close.subarray(from, to));
  volume.set(grid.volume.subarray(from, to));
  computeRows(to - from, grid.openTimeMs[from]! / BAR_MS);
}
