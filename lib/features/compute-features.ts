// The one implementation of the features: training, backtest, serving and the parity check all call this function.
import { invariant } from '../invariant.ts';
import { BAR_MS } from '../market/candle.ts';
import { type CandleSeries, sliceSeries } from '../market/candle-series.ts';
import { FEATURE_COUNT } from './feature-set.ts';
import { writeMicrostructure } from './microstructure.ts';
import { writeMomentum } from './momentum.ts';
import { writePattern } from './pattern.ts';
import { writePrice } from './price.ts';
import { FIRST_ROW, prepareBars } from './shared-columns.ts';
import { writeTrend } from './trend.ts';
import { writeVolatility } from './volatility.ts';
import { writeVolume } from './volume.ts';

/**
 * Features of the bars `from` (inclusive, ≥ 879) to `to` (exclusive) of a complete grid: float32, row-major
 * [to − from, 49], columns as in FEATURES, always finite. By default every bar that has 879 bars before it.
 * The bits of a row depend on its last 880 bars and their open times alone, whatever else the grid holds.
 * Which rows may be used is decided by `judgeBars`; here every row asked for is computed.
 */
export function computeFeatures(
  grid: CandleSeries,
  { from, to }: { from: number; to: number } = { from: FIRST_ROW, to: grid.length },
): Float32Array {
  if (to <= from) return new Float32Array(0);
  invariant(from >= FIRST_ROW && to <= grid.length, `no rows ${from}…${to} in a grid of ${grid.length} bars`);
  const history = sliceSeries(grid, from - FIRST_ROW, to);
  invariant(
    history.openTimeMs[history.length - 1]! - history.openTimeMs[0]! === (history.length - 1) * BAR_MS,
    'features need a grid without gaps',
  );
  const bars = prepareBars(history);
  const rows = new Float32Array((to - from) * FEATURE_COUNT);
  writePrice(bars, rows);
  writeMomentum(bars, rows);
  writeTrend(bars, rows);
  writeVolatility(bars, rows);
  writeVolume(bars, rows);
  writePattern(bars, rows);
  writeMicrostructure(bars, rows);
  return rows;
}
