// The candles as the exchange hands them out: those of the market, but for the ones that it lacks, has counted wrongly or corrects, and
// for answers that are wrong by themselves. It remembers what it has said, so that an invariant can tell what was known when.
import { BAR_MS } from '../../../../lib/market/candle.ts';
import { type CandleSeries, countUntil, sliceSeries } from '../../../../lib/market/candle-series.ts';
import { plainDecimal } from '../../../../lib/market/plain-decimal.ts';
import type { MarketSource } from '../../../../local/market/market-source.ts';
import { between, type Draw, oneOf } from '../kernel/draws.ts';
import type { FaultKind } from '../kernel/fault-plan.ts';

export const KLINES_PATH = '/fapi/v1/klines';

/** As Binance sends it: open time, open, high, low, close, volume, and what nobody reads. */
type Row = readonly [number, string, string, string, string, string, ...unknown[]];

/** What stands in the place of one candle of the exchange for a while; undefined: nothing does. */
export interface CandleChange {
  readonly openTimeMs: number;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly to: ((candle: Values) => Values) | undefined;
}
/** high, low, close, volume */
export type Values = readonly [number, number, number, number];

/** How one answer is wrong. */
export type CandleLie = Extract<
  FaultKind,
  | 'candle_left_out'
  | 'candle_late'
  | 'candle_duplicated'
  | 'candle_zeroed'
  | 'candle_rescaled'
  | 'candle_open'
>;
const LIES = [
  ...(['candle_left_out', 'candle_late', 'candle_duplicated', 'candle_zeroed'] as const),
  ...(['candle_rescaled', 'candle_open'] as const),
];
export const drawLie = (draw: Draw): CandleLie => oneOf(draw, LIES);

/** Of what an answer leaves out: older holes are filled, by the policy of gaps. */
const RECENT_ROWS = 12;
/** Of candles, as the windows of the product have them. */
const WINDOW_BARS = 998;

export class CandleBook {
  readonly #market: MarketSource;
  readonly #changes = new Map<string, CandleChange[]>();
  /** By symbol, the newest candle of each of its last answers, as the exchange itself gave it. */
  readonly #shown = new Map<string, string[]>();

  constructor(market: MarketSource) {
    this.#market = market;
  }

  change(symbol: string, change: CandleChange): void {
    this.#changes.set(symbol, [...(this.#changes.get(symbol) ?? []), change]);
  }

  /** How many more rows have to be asked for, so that as many are left. */
  absentOf(symbol: string, nowMs: number): number {
    return this.#inForce(symbol, nowMs).filter(({ to }) => to === undefined).length;
  }

  /** @param text the rows of the market, and of these the newest `limit` that there are */
  answer(
    text: string,
    { symbol, limit, nowMs }: { symbol: string; limit: number; nowMs: number },
    lie: { readonly kind: CandleLie; readonly draw: Draw } | undefined,
  ): string {
    const changes = this.#inForce(symbol, nowMs);
    this.#remember(symbol, text);
    if (text === '[]' || (changes.length === 0 && lie === undefined)) return text;
    // A window has a thousand rows, of which hardly any is changed: no more are read.
    let rows = text.slice(2, -2).split('],[');
    for (const change of changes) {
      const start = `${change.openTimeMs},`;
      rows = rows.flatMap((row) => (row.startsWith(start) ? changed(row, change) : [row]));
    }
    const shown = `[[${rows.slice(-limit).join('],[')}]]`;
    return lie === undefined
      ? shown
      : JSON.stringify(spoiled(JSON.parse(shown) as Row[], lie.kind, lie.draw));
  }

  #inForce(symbol: string, atMs: number): CandleChange[] {
    const changes = this.#changes.get(symbol) ?? [];
    return changes.filter(({ fromMs, untilMs }) => atMs >= fromMs && atMs < untilMs);
  }

  #remember(symbol: string, text: string): void {
    const start = text.lastIndexOf('[');
    if (start <= 0) return;
    const row = text.slice(start, -1);
    const shown = this.#shown.get(symbol) ?? [];
    if (!shown.includes(row)) this.#shown.set(symbol, [...shown.slice(-7), row]);
  }

  /** Every window up to this bar that an honest exchange could have handed out at some time from the one to the other. */
  windowsOf(
    symbol: string,
    barOpenTimeMs: number,
    times: { fromMs: number; untilMs: number },
  ): CandleSeries[] {
    const series = this.#market.candles(symbol);
    const end = countUntil(series, barOpenTimeMs);
    const newest = (this.#shown.get(symbol) ?? []).filter((row) => row.startsWith(`[${barOpenTimeMs},`));
    const moments = [times.fromMs, ...this.#momentsOf(symbol, times)];
    return moments.flatMap((atMs) => {
      const changes = this.#inForce(symbol, atMs).filter(({ openTimeMs }) => openTimeMs <= barOpenTimeMs);
      const holes = changes.filter(({ to }) => to === undefined).length;
      const window = sliceSeries(series, Math.max(0, end - WINDOW_BARS - holes), end);
      const versions =
        newest.length === 0 ? [window] : newest.map((row) => withNewest(window, JSON.parse(row) as Row));
      return versions.map((version) => changes.reduce(withChange, version));
    });
  }

  #momentsOf(symbol: string, { fromMs, untilMs }: { fromMs: number; untilMs: number }): number[] {
    const moves = (this.#changes.get(symbol) ?? []).flatMap((change) => [change.fromMs, change.untilMs]);
    return moves.filter((atMs) => atMs > fromMs && atMs <= untilMs);
  }
}

/** @param row without its brackets */
function changed(row: string, { to }: CandleChange): string[] {
  if (to === undefined) return [];
  const [opened, open, high, low, close, volume, ...rest] = JSON.parse(`[${row}]`) as Row;
  const values = to([Number(high), Number(low), Number(close), Number(volume)]);
  const [h, l, c, v] = values.map(plainDecimal) as [string, string, string, string];
  return [JSON.stringify([opened, open, h, l, c, v, ...rest]).slice(1, -1)];
}

function withNewest(window: CandleSeries, [, open, high, low, close, volume]: Row): CandleSeries {
  const last = window.length - 1;
  const isSame =
    window.open[last] === Number(open) &&
    window.high[last] === Number(high) &&
    window.low[last] === Number(low) &&
    window.close[last] === Number(close) &&
    window.volume[last] === Number(volume);
  if (isSame) return window;
  const copy = copyOf(window);
  copy.open[last] = Number(open);
  [copy.high[last], copy.low[last], copy.close[last], copy.volume[last]] = [high, low, close, volume].map(
    Number,
  ) as [number, number, number, number];
  return copy;
}

function withChange(window: CandleSeries, { openTimeMs, to }: CandleChange): CandleSeries {
  const index = window.openTimeMs.indexOf(openTimeMs);
  if (index < 0) return window;
  if (to === undefined) return without(window, index);
  const copy = copyOf(window);
  const { high, low, close, volume } = window;
  [copy.high[index], copy.low[index], copy.close[index], copy.volume[index]] = to([
    ...([high[index]!, low[index]!, close[index]!, volume[index]!] as const),
  ]) as [number, number, number, number];
  return copy;
}

const COLUMNS = ['openTimeMs', 'open', 'high', 'low', 'close', 'volume'] as const;

function eachColumn(
  window: CandleSeries,
  length: number,
  of: (column: Float64Array) => Float64Array,
): CandleSeries {
  const columns = COLUMNS.map((name) => [name, of(window[name])]);
  return { length, ...Object.fromEntries(columns) } as CandleSeries;
}
const copyOf = (window: CandleSeries) => eachColumn(window, window.length, (column) => column.slice());
const without = (window: CandleSeries, index: number) =>
  eachColumn(window, window.length - 1, (column) => column.filter((_value, at) => at !== index));

function spoiled(rows: Row[], kind: CandleLie, draw: Draw): Row[] {
  const last = rows.length - 1;
  if (last < RECENT_ROWS) return rows;
  const recent = last - between(draw, 1, RECENT_ROWS - 2);
  switch (kind) {
    case 'candle_left_out':
      return rows.toSpliced(recent, between(draw, 1, 3));
    case 'candle_late':
      return rows.slice(0, -1);
    case 'candle_duplicated':
      return rows.toSpliced(recent, 0, rows[recent]!);
    case 'candle_zeroed': {
      const [openTimeMs, , , , , , ...rest] = rows[recent]!;
      return rows.with(recent, [openTimeMs, '0', '0', '0', '0', '0', ...rest]);
    }
    case 'candle_rescaled': {
      const cut = between(draw, 1, last);
      const factor = oneOf(draw, [1_000, 0.001]);
      return rows.map((row, index) => (index < cut ? scaled(row, factor) : row));
    }
    case 'candle_open': {
      // As if nobody had said where to end: its values are those of the first seconds.
      const [openTimeMs, , , , close, , ...rest] = rows[last]!;
      return [...rows.slice(1), [openTimeMs + BAR_MS, close, close, close, close, '0', ...rest]];
    }
  }
}

function scaled([openTimeMs, open, high, low, close, volume, ...rest]: Row, factor: number): Row {
  const price = (text: string) => plainDecimal(Number(text) * factor);
  const quantity = plainDecimal(Number((Number(volume) / factor).toFixed(8)));
  return [openTimeMs, price(open), price(high), price(low), price(close), quantity, ...rest];
}
