// Recorded candles as market data, seen at the moment that a clock shows: nothing later than that moment is ever returned.

import type { Clock } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { DAY_MS } from '../../core/units.ts';
import { lastClosedOpenTimeMs } from '../../market/candle.ts';
import { type CandleSeries, countUntil, lastPrice, sliceSeries } from '../../market/candle-series.ts';
import { deriveFilters } from '../../market/derive-filters.ts';
import type { MarketData, MarketDataError } from '../../market/ports.ts';
import type { SymbolFilters } from '../../market/symbol-filters.ts';
import type { CandleFolder } from './candle-folder.ts';

const QUOTE = 'USDT';

/** @param atMs the moment, epoch ms: the exchange's clock stands still there */
export const createFolderMarketData = (folder: CandleFolder, atMs: number): MarketData =>
  createRecordedMarket(folder, { nowMs: () => atMs });

/** @param folder read again at every call: one that keeps its candles in memory answers at once */
export function createRecordedMarket(folder: CandleFolder, clock: Clock): MarketData {
  let filters: { day: number; bySymbol: ReadonlyMap<string, SymbolFilters> } | undefined;
  const market = { folder, clock };
  return {
    serverTimeMs: async () => success(clock.nowMs()),
    closedCandles: (request) => closedCandles(market, request),
    prices: (symbols = folder.symbols) =>
      perSymbol(market, symbols, (series, closed) => lastPrice(series, closed, clock.nowMs())),
    async filters() {
      const day = Math.floor(clock.nowMs() / DAY_MS);
      if (filters?.day === day) return success(filters.bySymbol);
      const derived = await perSymbol(market, folder.symbols, (series, closed) =>
        deriveFilters(sliceSeries(series, 0, closed)),
      );
      if (derived.ok) filters = { day, bySymbol: derived.value };
      return derived;
    },
    pairs: () => pairs(market),
  };
}

interface RecordedMarket {
  readonly folder: CandleFolder;
  readonly clock: Clock;
}

async function readSeries(
  folder: CandleFolder,
  symbol: string,
): Promise<Result<CandleSeries, MarketDataError>> {
  const series = await folder.read(symbol);
  return series.ok ? series : failure({ code: 'invalid_candle', message: series.error, retryable: false });
}

async function closedCandles(
  { folder, clock }: RecordedMarket,
  { symbol, count, lastOpenTimeMs }: Parameters<MarketData['closedCandles']>[0],
): Promise<Result<CandleSeries, MarketDataError>> {
  if (!folder.symbols.includes(symbol))
    return failure({ code: 'unknown_symbol', message: `${symbol} is not in the folder`, retryable: false });
  const series = await readSeries(folder, symbol);
  if (!series.ok) return series;
  const end = countUntil(series.value, Math.min(lastOpenTimeMs, lastClosedOpenTimeMs(clock.nowMs())));
  return success(sliceSeries(series.value, Math.max(0, end - count), end));
}

async function pairs(market: RecordedMarket): ReturnType<MarketData['pairs']> {
  const symbols = market.folder.symbols.filter((symbol) => symbol.endsWith(QUOTE));
  const sinceMs = market.clock.nowMs() - DAY_MS;
  const volumes = await perSymbol(market, symbols, (series, closed) => quoteVolume(series, closed, sinceMs));
  if (!volumes.ok) return volumes;
  return success(
    [...volumes.value].map(([symbol, quoteVolumeUsdt]) => ({
      symbol,
      base: symbol.slice(0, -QUOTE.length),
      isTrading: true,
      quoteVolumeUsdt,
    })),
  );
}

/** `of` for every symbol that has closed bars by now: the whole series, and how many of its bars are closed. */
async function perSymbol<T>(
  { folder, clock }: RecordedMarket,
  symbols: readonly string[],
  of: (series: CandleSeries, closed: number) => T,
): Promise<Result<ReadonlyMap<string, T>, MarketDataError>> {
  const all = new Map<string, T>();
  const atMs = clock.nowMs();
  for (const symbol of symbols.filter((name) => folder.symbols.includes(name))) {
    const series = await readSeries(folder, symbol);
    if (!series.ok) return series;
    const closed = countUntil(series.value, lastClosedOpenTimeMs(atMs));
    if (closed > 0) all.set(symbol, of(series.value, closed));
  }
  return success(all);
}

/** Sum of close × volume over the closed bars since `sinceMs`. */
function quoteVolume(series: CandleSeries, closed: number, sinceMs: number): number {
  let sum = 0;
  for (let index = closed - 1; index >= 0 && series.openTimeMs[index]! >= sinceMs; index--) {
    sum += series.close[index]! * series.volume[index]!;
  }
  return sum;
}
