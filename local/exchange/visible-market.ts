// What of a market can be seen at the exchange's time: closed bars in full, the bar being formed at its open only, and nothing
// of what comes after. The one place that keeps a replay from leaking its future.
import { BAR_MS, type Candle } from '../../lib/market/candle.ts';
import { type CandleSeries, candleAt, countUntil } from '../../lib/market/candle-series.ts';
import { plainDecimal } from '../../lib/market/plain-decimal.ts';
import type { MarketSource } from '../market/market-source.ts';
import { JsonText } from './route.ts';

const DAY_MS = 86_400_000;
/** Per symbol; the most that one question asks for. */
const KEPT_ROWS = 1_500;

/** A row as Binance sends it: open time, o, h, l, c, volume, close time, quote volume, trades, taker base, taker quote, "0". */
type BinanceKline = readonly [
  number,
  string,
  string,
  string,
  string,
  string,
  number,
  string,
  number,
  string,
  string,
  string,
];

interface KlinesQuery {
  readonly startMs: number | undefined;
  readonly endMs: number | undefined;
  readonly limit: number;
}

/** The last 24 hours of a symbol; prices as numbers, volumes in base and quote asset. */
export interface DaySummary {
  readonly openTimeMs: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly last: number;
  readonly volume: number;
  readonly quoteVolume: number;
  readonly trades: number;
}

export class VisibleMarket {
  readonly #market: MarketSource;
  readonly #known: ReadonlySet<string>;
  /** By symbol: the newest rows that were sent, and the index of the first of them. */
  readonly #rows = new Map<string, { readonly from: number; readonly texts: string[] }>();
  readonly nowMs: () => number;

  constructor(market: MarketSource, nowMs: () => number) {
    this.#market = market;
    this.#known = new Set(market.symbols);
    this.nowMs = nowMs;
  }

  /** Symbols that trade by now: one that lists later is not known yet. */
  symbols(): string[] {
    return this.#market.symbols.filter((symbol) => this.lists(symbol));
  }

  lists(symbol: string): boolean {
    return this.#known.has(symbol) && this.#market.candles(symbol).openTimeMs[0]! <= this.nowMs();
  }

  /** Rows that opened within the bounds (inclusive): the first `limit` when a start is given, else the newest. */
  klines(symbol: string, query: KlinesQuery): BinanceKline[] {
    const nowMs = this.nowMs();
    const series = this.#market.candles(symbol);
    const { from, to } = rangeOf(series, query, nowMs);
    return Array.from({ length: to - from }, (_, row) => klineAt(series, from + row, nowMs));
  }

  /** The same rows as they are sent. */
  klinesText(symbol: string, query: KlinesQuery): JsonText {
    const nowMs = this.nowMs();
    const series = this.#market.candles(symbol);
    const { from, to } = rangeOf(series, query, nowMs);
    const closed = Math.min(to, countUntil(series, nowMs - BAR_MS));
    const rows = from < closed ? this.#written(symbol, from, closed) : [];
    for (let index = Math.max(from, closed); index < to; index++) rows.push(textAt(series, index, nowMs));
    return new JsonText(`[${rows.join(',')}]`);
  }

  /** Rows of closed bars, `from` to `to` (exclusive). A closed bar stays as it is, and is asked for a thousand times. */
  #written(symbol: string, from: number, to: number): string[] {
    const series = this.#market.candles(symbol);
    const known = this.#rows.get(symbol);
    const follows = known !== undefined && known.from <= from && from <= known.from + known.texts.length;
    const window = follows ? known : { from, texts: [] };
    for (let index = window.from + window.texts.length; index < to; index++)
      window.texts.push(textAt(series, index, Number.POSITIVE_INFINITY));
    const wanted = window.texts.slice(from - window.from, to - window.from);
    const surplus = Math.max(0, window.texts.length - KEPT_ROWS);
    window.texts.splice(0, surplus);
    this.#rows.set(symbol, { from: window.from + surplus, texts: window.texts });
    return wanted;
  }

  /** Bars that have closed by now, from the one that opened at `fromMs` or after. */
  closedBars(symbol: string, fromMs: number): Candle[] {
    const series = this.#market.candles(symbol);
    const from = countUntil(series, fromMs - 1);
    const to = countUntil(series, this.nowMs() - BAR_MS);
    return Array.from({ length: Math.max(0, to - from) }, (_, index) => candleAt(series, from + index));
  }

  /** The last price traded: the open of the bar being formed, or the last close when that bar is missing. */
  lastPrice(symbol: string): number {
    const series = this.#market.candles(symbol);
    const nowMs = this.nowMs();
    const newest = countUntil(series, nowMs) - 1;
    return isForming(series, newest, nowMs) ? series.open[newest]! : series.close[newest]!;
  }

  daySummary(symbol: string): DaySummary {
    const series = this.#market.candles(symbol);
    const nowMs = this.nowMs();
    const last = this.lastPrice(symbol);
    const from = countUntil(series, nowMs - DAY_MS);
    const to = countUntil(series, nowMs - BAR_MS);
    let [high, low, volume, quoteVolume, trades] = [last, last, 0, 0, 0];
    for (let index = from; index < to; index++) {
      const bar = barFlow(series, index);
      high = Math.max(high, series.high[index]!);
      low = Math.min(low, series.low[index]!);
      volume += series.volume[index]!;
      quoteVolume += bar.quoteVolume;
      trades += bar.trades;
    }
    const open = from < to ? series.open[from]! : last;
    return { openTimeMs: nowMs - DAY_MS, open, high, low, last, volume, quoteVolume, trades };
  }
}

function rangeOf(
  series: CandleSeries,
  query: KlinesQuery,
  nowMs: number,
): { readonly from: number; readonly to: number } {
  const end = countUntil(series, Math.min(query.endMs ?? nowMs, nowMs));
  const start = query.startMs === undefined ? 0 : countUntil(series, query.startMs - 1);
  const from = query.startMs === undefined ? Math.max(0, end - query.limit) : start;
  return { from, to: Math.max(from, Math.min(end, from + query.limit)) };
}

const isForming = (series: CandleSeries, index: number, nowMs: number): boolean =>
  nowMs < series.openTimeMs[index]! + BAR_MS;

const textAt = (series: CandleSeries, index: number, nowMs: number): string =>
  JSON.stringify(klineAt(series, index, nowMs));

function klineAt(series: CandleSeries, index: number, nowMs: number): BinanceKline {
  const openTimeMs = series.openTimeMs[index]!;
  const closeTimeMs = openTimeMs + BAR_MS - 1;
  if (isForming(series, index, nowMs)) {
    const open = plainDecimal(series.open[index]!);
    return [openTimeMs, open, open, open, open, '0', closeTimeMs, '0', 0, '0', '0', '0'];
  }
  const { quoteVolume, trades, takerShare } = barFlow(series, index);
  const volume = series.volume[index]!;
  return [
    openTimeMs,
    plainDecimal(series.open[index]!),
    plainDecimal(series.high[index]!),
    plainDecimal(series.low[index]!),
    plainDecimal(series.close[index]!),
    plainDecimal(volume),
    closeTimeMs,
    plainDecimal(round(quoteVolume)),
    trades,
    plainDecimal(round(volume * takerShare)),
    plainDecimal(round(quoteVolume * takerShare)),
    '0',
  ];
}

/** What a candle does not record, derived from it so that it is at least plausible. */
function barFlow(
  series: CandleSeries,
  index: number,
): { quoteVolume: number; trades: number; takerShare: number } {
  const [high, low, close] = [series.high[index]!, series.low[index]!, series.close[index]!];
  const quoteVolume = (series.volume[index]! * (high + low + close)) / 3;
  const takerShare = high > low ? 0.3 + (0.4 * (close - low)) / (high - low) : 0.5;
  return { quoteVolume, trades: Math.ceil(quoteVolume / 500), takerShare };
}

const round = (value: number): number => Math.round(value * 1e4) / 1e4;
