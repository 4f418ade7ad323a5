// The one implementation of the features: training, backtest, serving and the parity check all call this function.
import { invariant } from '../core/invariant.ts';
import { BAR_MS } from '../market/candle.ts';
import { type CandleSeries, sliceSeries } from '../market/candle-series.ts';
import { FEATURE_COUNT } from './feature-set.ts';
import { microstructureGroup } from './microstructure.ts';
import { momentumGroup } from './momentum.ts';
import { patternGroup } from './pattern.ts';
import { priceGroup } from './price.ts';
import { COLUMN_BARS, releaseColumns } from './scratch-columns.ts';
import { FIRST_ROW, prepareBars } from './shared-columns.ts';
import { trendGroup } from './trend.ts';
import { volatilityGroup } from './volatility.ts';
import { volumeGroup } from './volume.ts';

/** Rows computed at a time. */
const ROWS_AT_A_TIME = COLUMN_BARS - FIRST_ROW;
/** Rows that stay in the processor's first cache while each group writes its part of them. */
const ROWS_WRITTEN_AT_A_TIME = 96;

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
  const rows = new Float32Array((to - from) * FEATURE_COUNT);
  for (let start = from; start < to; start += ROWS_AT_A_TIME) {
    const end = Math.min(start + ROWS_AT_A_TIME, to);
    const part = rows.subarray((start - from) * FEATURE_COUNT, (end - from) * FEATURE_COUNT);
    writeRows(sliceSeries(grid, start - FIRST_ROW, end), part);
  }
  return rows;
}

/** Writes the row of every bar that has 879 bars before it. */
function writeRows(series: CandleSeries, rows: Float32Array): void {
  releaseColumns();
  const bars = prepareBars(series);
  const price = priceGroup(bars);
  const momentum = momentumGroup(bars);
  const trend = trendGroup(bars);
  const volatility = volatilityGroup(bars);
  const volume = volumeGroup(bars);
  const pattern = patternGroup(bars);
  const microstructure = microstructureGroup(bars);
  for (let from = FIRST_ROW; from < bars.length; from += ROWS_WRITTEN_AT_A_TIME) {
    const to = Math.min(from + ROWS_WRITTEN_AT_A_TIME, bars.length);
    price(rows, from, to);
    momentum(rows, from, to);
    trend(rows, from, to);
    volatility(rows, from, to);
    volume(rows, from, to);
    pattern(rows, from, to);
    microstructure(rows, from, to);
  }
}
