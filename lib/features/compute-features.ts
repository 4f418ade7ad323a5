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
  const rows = new Float32Array(Math.max(0, to - from) * FEATURE_COUNT);
  computeInParts(grid, { from, to }, (part, start) => rows.set(part, (start - from) * FEATURE_COUNT));
  return rows;
}

/** The same of the given bars alone: ascending, each ≥ 879; float32, row-major [bars, 49]. */
export function featuresOfBars(grid: CandleSeries, bars: ArrayLike<number>): Float32Array {
  const rows = new Float32Array(bars.length * FEATURE_COUNT);
  if (bars.length === 0) return rows;
  let row = 0;
  computeInParts(grid, { from: bars[0]!, to: bars[bars.length - 1]! + 1 }, (part, start) => {
    for (; row < bars.length; row++) {
      const at = (bars[row]! - start) * FEATURE_COUNT;
      if (at >= part.length) return;
      rows.set(part.subarray(at, at + FEATURE_COUNT), row * FEATURE_COUNT);
    }
  });
  return rows;
}

/** @param take gets the rows from bar `start` on, in memory that the next part overwrites */
function computeInParts(
  grid: CandleSeries,
  { from, to }: { from: number; to: number },
  take: (part: Float32Array, start: number) => void,
): void {
  if (to <= from) return;
  invariant(from >= FIRST_ROW && to <= grid.length, `no rows ${from}…${to} in a grid of ${grid.length} bars`);
  invariant(
    grid.openTimeMs[to - 1]! - grid.openTimeMs[from - FIRST_ROW]! === (to - 1 - from + FIRST_ROW) * BAR_MS,
    'features need a grid without gaps',
  );
  const kernel = openKernel();
  const rowsAtATime = kernel.columnBars - FIRST_ROW;
  for (let start = from; start < to; start += rowsAtATime) {
    const end = Math.min(start + rowsAtATime, to);
    computePart(kernel, grid, { from: start - FIRST_ROW, to: end });
    take(kernel.rows.subarray(0, (end - start) * FEATURE_COUNT), start);
  }
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
