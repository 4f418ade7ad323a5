// What a simulated exchange trades: candles by symbol, recorded or generated. Its past and its future are all here; what may be
// seen of them is decided by the exchange's clock.
import pLimit from 'p-limit';
import { type CandleFolder, openCandleFolder } from '../../lib/adapters/files/candle-folder.ts';
import { failure, type Result, success } from '../../lib/core/result.ts';
import { type CandleSeries, countUntil, sliceSeries } from '../../lib/market/candle-series.ts';

export interface MarketSource {
  readonly symbols: readonly string[];
  /** Over all symbols; a symbol may start later or end earlier. */
  readonly firstOpenTimeMs: number;
  readonly lastOpenTimeMs: number;
  /** The same series each time; throws for a symbol that is not in `symbols`. */
  candles(symbol: string): CandleSeries;
}

interface RecordedMarketQuery {
  readonly folder: string;
  /** @default every symbol of the folder */
  readonly symbols?: readonly string[] | undefined;
  /** Bars outside are not kept in memory: open times, both inclusive. @default everything */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

/** Loads recorded candles. Fails with one line when the folder or a file cannot be used, or holds no bar of that time. */
export async function loadRecordedMarket(query: RecordedMarketQuery): Promise<Result<MarketSource, string>> {
  const opened = await openCandleFolder(query.folder);
  if (!opened.ok) return opened;
  const folder = opened.value;
  const symbols = query.symbols ?? folder.symbols;
  const missing = symbols.filter((symbol) => !folder.symbols.includes(symbol));
  if (missing.length > 0)
    return failure(`no candles of ${missing.slice(0, 5).join(', ')} in ${query.folder}`);

  const oneAtATime = pLimit(2);
  const read = await Promise.all(
    symbols.map((symbol) => oneAtATime(() => readWindow(folder, symbol, query))),
  );
  const bySymbol = new Map<string, CandleSeries>();
  for (const [index, symbol] of symbols.entries()) {
    const series = read[index]!;
    if (!series.ok) return series;
    if (series.value.length > 0) bySymbol.set(symbol, series.value);
  }
  if (bySymbol.size === 0) return failure(`no candle of the asked time in ${query.folder}`);
  return success(marketOf(bySymbol));
}

/** A market from series that hold at least one candle each. */
export function marketOf(bySymbol: ReadonlyMap<string, CandleSeries>): MarketSource {
  const all = [...bySymbol.values()];
  return {
    symbols: [...bySymbol.keys()],
    firstOpenTimeMs: Math.min(...all.map((series) => series.openTimeMs[0]!)),
    lastOpenTimeMs: Math.max(...all.map((series) => series.openTimeMs[series.length - 1]!)),
    candles: (symbol) => {
      const series = bySymbol.get(symbol);
      if (series === undefined) throw new RangeError(`the market has no ${symbol}`);
      return series;
    },
  };
}

async function readWindow(
  folder: CandleFolder,
  symbol: string,
  { fromMs, toMs }: RecordedMarketQuery,
): Promise<Result<CandleSeries, string>> {
  const whole = await folder.read(symbol);
  if (!whole.ok || (fromMs === undefined && toMs === undefined)) return whole;
  const from = fromMs === undefined ? 0 : countUntil(whole.value, fromMs - 1);
  const to = toMs === undefined ? whole.value.length : countUntil(whole.value, toMs);
  return success(copySeries(sliceSeries(whole.value, from, Math.max(from, to))));
}

/** A view would keep the whole history in memory. */
function copySeries(view: CandleSeries): CandleSeries {
  return {
    length: view.length,
    openTimeMs: view.openTimeMs.slice(),
    open: view.open.slice(),
    high: view.high.slice(),
    low: view.low.slice(),
    close: view.close.slice(),
    volume: view.volume.slice(),
  };
}
