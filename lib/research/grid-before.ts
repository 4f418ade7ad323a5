// The grid of a symbol's candles up to a date: what is later stays unread, so that research never looks ahead.
import { failure, type Result, success } from '../core/result.ts';
import { BAR_MS } from '../market/candle.ts';
import { type CandleSeries, countUntil, sliceSeries } from '../market/candle-series.ts';
import { type CandleGrid, fillGaps, GRID_BARS_MAX } from '../market/grid.ts';

/**
 * All candles that opened before `toMs`, gaps filled; without limit when it is undefined. Fails with one line when they span more
 * bars than a grid may have.
 */
export function gridBefore(candles: CandleSeries, toMs: number | undefined): Result<CandleGrid, string> {
  const known = toMs === undefined ? candles.length : countUntil(candles, toMs - 1);
  const series = sliceSeries(candles, 0, known);
  const spanBars = known === 0 ? 0 : (series.openTimeMs[known - 1]! - series.openTimeMs[0]!) / BAR_MS + 1;
  if (spanBars > GRID_BARS_MAX)
    return failure(`the candles span ${spanBars} bars, more than ${GRID_BARS_MAX}: check their dates`);
  return success(fillGaps(series));
}
