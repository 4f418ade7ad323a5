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
export const betaToBitcoin: BetaToBitcoin = (candles, bitcoin, barOpenTimeMs) =>
  slopeOf(new LogCloses(candles), new LogCloses(bitcoin), barOpenTimeMs);

export type BetaToBitcoin = (
  candles: CandleSeries,
  bitcoin: CandleSeries,
  barOpenTimeMs: number,
) => number | null;

/** The same for series that do not change: of a window that overlaps the one before, only what is new is computed. */
export function slidingBetas(): BetaToBitcoin {
  const known = new WeakMap<CandleSeries, LogCloses>();
  const closesOf = (series: CandleSeries): LogCloses => {
    const closes = known.get(series) ?? new LogCloses(series);
    known.set(series, closes);
    return closes;
  };
  return (candles, bitcoin, barOpenTimeMs) => slopeOf(closesOf(candles), closesOf(bitcoin), barOpenTimeMs);
}

function slopeOf(candles: LogCloses, bitcoin: LogCloses, barOpenTimeMs: number): number | null {
  const own = candles.endingAt(barOpenTimeMs);
  const market = own && bitcoin.endingAt(barOpenTimeMs);
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

/** Logarithms of a series' closes within a window, missing ones standing in flat. */
class LogCloses {
  readonly #series: CandleSeries;
  readonly #logs = new Float64Array(CLOSES);
  readonly #isMissing = new Uint8Array(CLOSES);
  #missing = 0;
  /** Of the window that is held; NaN: none. */
  #lastMs = Number.NaN;

  constructor(series: CandleSeries) {
    this.#series = series;
  }

  /** The newest last, valid until the next call; undefined where there are not enough candles. */
  endingAt(barOpenTimeMs: number): Float64Array | undefined {
    const { openTimeMs, close } = this.#series;
    let candle = countUntil(this.#series, barOpenTimeMs) - 1;
    if (candle < 0 || openTimeMs[candle] !== barOpenTimeMs) return undefined;
    const bars = (barOpenTimeMs - this.#lastMs) / BAR_MS;
    const fresh = bars >= 0 && bars < CLOSES ? bars : CLOSES;
    if (fresh > 0) this.#forget(fresh);
    for (let place = CLOSES - 1; place >= CLOSES - fresh; place--) {
      const wantedMs = barOpenTimeMs - (CLOSES - 1 - place) * BAR_MS;
      while (candle >= 0 && openTimeMs[candle]! > wantedMs) candle--;
      if (candle < 0) return undefined;
      this.#isMissing[place] = openTimeMs[candle] === wantedMs ? 0 : 1;
      this.#missing += this.#isMissing[place]!;
      this.#logs[place] = Math.log(close[candle]!);
    }
    this.#lastMs = barOpenTimeMs;
    return this.#missing > MISSING_MAX ? undefined : this.#logs;
  }

  /** Makes room for new bars at the end; until they are there no window is held. */
  #forget(bars: number): void {
    if (bars === CLOSES) this.#missing = 0;
    else for (let place = 0; place < bars; place++) this.#missing -= this.#isMissing[place]!;
    this.#logs.copyWithin(0, bars);
    this.#isMissing.copyWithin(0, bars);
    this.#lastMs = Number.NaN;
  }
}
