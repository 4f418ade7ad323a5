// Reads an answer to a klines request. ccxt would sort the rows, skip short ones and turn garbage into nulls; here nothing is
// repaired: either every row is a valid candle in its place, or the answer is refused.
import * as z from 'zod';
import { CANDLE_PROBLEMS, type Candle } from '../../../market/candle.ts';
import { type CandleSeries, seriesFromCandles } from '../../../market/candle-series.ts';
import { readDecimal } from '../decimal.ts';
import { ExchangeFault, excerpt } from '../exchange-fault.ts';

/** Open time, then open, high, low, close, volume as decimal text; what follows is not used. */
const CELLS_MIN = 6;
/** Judges rows, not cells: of these there are a million per bar, and each that is used is read below. */
const klinesSchema = z.array(
  z.custom<readonly unknown[]>((row) => Array.isArray(row) && row.length >= CELLS_MIN),
);

/**
 * Candles of an answer, oldest first, at most `count`, none that opened after `lastOpenTimeMs`: rows after it are dropped, since
 * an exchange always adds the bar being formed.
 * @throws ExchangeFault `invalid_response` for what is no list of rows, `invalid_candle` for a row that is no valid candle
 */
export function readKlines(
  body: unknown,
  wanted: { symbol: string; count: number; lastOpenTimeMs: number },
): CandleSeries {
  const rows = klinesSchema.safeParse(body);
  if (!rows.success) {
    const seen = excerpt(typeof body === 'string' ? body : (JSON.stringify(body) ?? 'nothing'));
    throw new ExchangeFault('invalid_response', `no list of candles for ${wanted.symbol}, but: ${seen}`);
  }
  const candles = rows.data.map(toCandle).filter(({ openTimeMs }) => !(openTimeMs > wanted.lastOpenTimeMs));
  const series = seriesFromCandles(candles.slice(-wanted.count));
  if (series.ok) return series.value;
  const { index, problem } = series.error;
  throw new ExchangeFault(
    'invalid_candle',
    `candle ${index} of ${wanted.symbol}: ${CANDLE_PROBLEMS[problem]} (${problem})`,
  );
}

function toCandle(row: readonly unknown[]): Candle {
  const [openTimeMs, open, high, low, close, volume] = row;
  return {
    openTimeMs: typeof openTimeMs === 'number' ? openTimeMs : Number.NaN,
    open: readDecimal(open),
    high: readDecimal(high),
    low: readDecimal(low),
    close: readDecimal(close),
    volume: readDecimal(volume),
  };
}
