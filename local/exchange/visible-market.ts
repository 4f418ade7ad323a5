// What of a market can be seen at the exchange's time: closed bars in full, the bar being formed at its open only, and nothing
// of what comes after. The one place that keeps a replay from leaking its future.
import { DAY_MS } from '../../lib/core/units.ts';
import { BAR_MS, type Candle } from '../../lib/market/candle.ts';
import { type CandleSeries, candleAt, countUntil } from '../../lib/market/candle-series.ts';
import { plainDecimal } from '../../lib/market/plain-decimal.ts';
import type { MarketSource } from '../market/market-source.ts';
import type { MarketChanges } from './market-changes.ts';
import { JsonText } from './route.ts';

/** Per symbol: the windows that are asked for again and again have 998. */
const KEPT_ROWS = 1_000;

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
  readonly #changes: MarketChanges | undefined;
  readonly nowMs: () => number;

  /** @param changes what the exchange changes about the market's candles; without it they are shown as they are */
  constructor(market: MarketSource, nowMs: () => number, changes?: MarketChanges) {
    this.#market = market;
    this.#known = new Set(market.symbols);
    this.nowMs = nowMs;
    this.#changes = changes;
  }

  /** The same market as it was shown `lateMs` ago. */
  late(lateMs: number): VisibleMarket {
    return lateMs === 0 ? this : new VisibleMarket(this.#market, () => this.nowMs() - lateMs, this.#changes);
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
    return Array.from({ length: to - from }, (_, row) => this.#kline(symbol, from + row, nowMs));
  }

  /** The same rows as they are sent. */
  klinesText(symbol: string, query: KlinesQuery): JsonText {
    const nowMs = this.nowMs();
    const series = this.#market.candles(symbol);
    const { from, to } = rangeOf(series, query, nowMs);
    const settledAfterMs = this.#changes?.settledAfterMs ?? 0;
    const settled = Math.min(to, countUntil(series, nowMs - BAR_MS - settledAfterMs));
    const rows = from < settled ? this.#written(symbol, from, settled) : [];
    for (let index = Math.max(from, settled); index < to; index++)
      rows.push(JSON.stringify(this.#kline(symbol, index, nowMs)));
    return new JsonText(`[${rows.join(',')}]`);
  }

  /** Rows of closed bars, `from` to `to` (exclusive). A closed bar stays as it is, and is asked for a thousand times. */
  #written(symbol: string, from: number, to: number): string[] {
    const known = this.#rows.get(symbol);
    const follows = known !== undefined && known.from <= from && from <= known.from + known.texts.length;
    const window = follows ? known : { from, texts: [] };
    for (let index = window.from + window.texts.length; index < to; index++)
      window.texts.push(JSON.stringify(this.#kline(symbol, index, Number.POSITIVE_INFINITY)));
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
    return Array.from({ length: Math.max(0, to - from) }, (_, index) => this.#bar(symbol, from + index));
  }

  #bar(symbol: string, index: number): Candle {
    const candle = candleAt(this.#market.candles(symbol), index);
    return this.#changes?.scaled(symbol, candle) ?? candle;
  }

  #kline(symbol: string, index: number, nowMs: number): BinanceKline {
    const bar = this.#bar(symbol, index);
    if (isForming(bar, nowMs)) return formingKline(bar);
    return closedKline(this.#changes?.asShown(symbol, bar, nowMs) ?? bar);
  }

  /** The last price traded: the open of the bar being formed, or the last close when that bar is missing. */
  lastPrice(symbol: string): number {
    const series = this.#market.candles(symbol);
    const nowMs = this.nowMs();
    const newest = countUntil(series, nowMs) - 1;
    const bar = this.#bar(symbol, newest);
    return isForming(bar, nowMs) ? bar.open : bar.close;
  }

  daySummary(symbol: string): DaySummary {
    const series = this.#market.candles(symbol);
    const nowMs = this.nowMs();
    const last = this.lastPrice(symbol);
    const from = countUntil(series, nowMs - DAY_MS);
    const to = countUntil(series, nowMs - BAR_MS);
    let [high, low, volume, quoteVolume, trades] = [last, last, 0, 0, 0];
    for (let index = from; index < to; index++) {
      const bar = this.#bar(symbol, index);
      const flow = barFlow(bar);
      high = Math.max(high, bar.high);
      low = Math.min(low, bar.low);
      volume += bar.volume;
      quoteVolume += flow.quoteVolume;
      trades += flow.trades;
    }
    const open = from < to ? this.#bar(symbol, from).open : last;
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

const isForming = ({ openTimeMs }: Candle, nowMs: number): boolean => nowMs < openTimeMs + BAR_MS;

function formingKline({ openTimeMs, open }: Candle): BinanceKline {
  const price = plainDecimal(open);
  return [openTimeMs, price, price, price, price, '0', openTimeMs + BAR_MS - 1, '0', 0, '0', '0', '0'];
}

function closedKline(bar: Candle): BinanceKline {
  const { quoteVolume, trades, takerShare } = barFlow(bar);
  return [
    bar.openTimeMs,
    plainDecimal(bar.open),
    plainDecimal(bar.high),
    plainDecimal(bar.low),
    plainDecimal(bar.close),
    plainDecimal(bar.volume),
    bar.openTimeMs + BAR_MS - 1,
    plainDecimal(round(quoteVolume)),
    trades,
    plainDecimal(round(bar.volume * takerShare)),
    plainDecimal(round(quoteVolume * takerShare)),
    '0',
  ];
}

/** What a candle does not record, derived from it so that it is at least plausible. */
function barFlow({ high, low, close, volume }: Candle): {
  quoteVolume: number;
  trades: number;
  takerShare: number;
} {
  const quoteVolume = (volume * (high + low + close)) / 3;
  const takerShare = high > low ? 0.3 + (0.4 * (close - low)) / (high - low) : 0.5;
  return { quoteVolume, trades: Math.ceil(quoteVolume / 500), takerShare };
}

const round = (value: number): number => Math.round(value * 1e4) / 1e4;
