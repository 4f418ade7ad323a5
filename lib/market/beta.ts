// How much a symbol moves with Bitcoin: the one definition, for serving and for every replay.
import { BAR_MS } from './candle.ts';
import { type CandleSeries, countUntil } from './candle-series.ts';

/** What betas are measured against, as the exchange names it. */
export const BETA_SYMBOL = 'BTCUSDT';

/** Returns are those of an hour: over 5 minutes a thinly traded symbol lags, which would understate its beta (Epps 1979). */
const RETURN_BARS = 12;
/** Three days of returns, one ending with each bar. With an hour before them they fit into a row's window of 880 bars. */
const RETURNS = 864;
const CLOSES = RETURNS + RETURN_BARS;
/** Bars that may be missing, and stand in flat, as in the gap policy. */
const MISSING_MAX = 72;

/**
 * Slope of the symbol's hourly log returns on Bitcoin's, least squares over the 864 that end with the bar, to four decimals: 1 means
 * that the symbol moves as Bitcoin does. null where it cannot be told: the bar, or more than 72 before it, are missing in either
 * series, the series do not reach back far enough, or Bitcoin has not moved.
 */
export function betaToBitcoin(
  candles: CandleSeries,
  bitcoin: CandleSeries,
  barOpenTimeMs: number,
): number | null {
  const own = logCloses(candles, barOpenTimeMs);
  const market = own && logCloses(bitcoin, barOpenTimeMs);
  if (own === undefined || market === undefined) return null;
  let [sumOwn, sumMarket, sumSquares, sumProducts] = [0, 0, 0, 0];
  for (let start = 0; start < RETURNS; start++) {
    const x = market[start + RETURN_BARS]! - market[start]!;
    const y = own[start + RETURN_BARS]! - own[start]!;
    sumOwn += y;
    sumMarket += x;
    sumSquares += x * x;
    sumProducts += x * y;
  }
  const variance = sumSquares - (sumMarket * sumMarket) / RETURNS;
  const beta = (sumProducts - (sumMarket * sumOwn) / RETURNS) / variance;
  return variance > 0 && Number.isFinite(beta) ? Math.round(beta * 10_000) / 10_000 : null;
}

/** Logarithms of the closes, the newest last, missing ones standing in flat; undefined where there are not enough candles. */
function logCloses(series: CandleSeries, barOpenTimeMs: number): Float64Array | undefined {
  const { openTimeMs, close } = series;
  let candle = countUntil(series, barOpenTimeMs) - 1;
  if (candle < 0 || openTimeMs[candle] !== barOpenTimeMs) return undefined;
  const logs = new Float64Array(CLOSES);
  let missing = 0;
  for (let bar = CLOSES - 1; bar >= 0; bar--) {
    const wantedMs = barOpenTimeMs - (CLOSES - 1 - bar) * BAR_MS;
    while (candle >= 0 && openTimeMs[candle]! > wantedMs) candle--;
    if (candle < 0) return undefined;
    if (openTimeMs[candle] !== wantedMs && ++missing > MISSING_MAX) return undefined;
    logs[bar] = Math.log(close[candle]!);
  }
  return logs;
}
