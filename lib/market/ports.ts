// What market data needs from outside: an exchange's public data, its archive of candle files, a file format.
import type { Result } from '../core/result.ts';
import type { CandleSeries } from './candle-series.ts';
import type { ListedPair } from './pair-exclusion.ts';
import type { SymbolFilters } from './symbol-filters.ts';

/** Closed list of exchange errors. */
export type MarketDataErrorCode =
  | 'timeout'
  | 'network'
  | 'rate_limited'
  | 'banned'
  | 'unavailable'
  | 'invalid_response'
  | 'invalid_candle'
  | 'unknown_symbol'
  | 'unauthorised'
  | 'rejected';

export interface MarketDataError {
  readonly code: MarketDataErrorCode;
  /** One line for the operator; no stack, no credentials. */
  readonly message: string;
  readonly retryable: boolean;
  readonly cause?: unknown;
}

export interface CandleRequest {
  readonly symbol: string;
  /** At most this many candles, the newest ones, 1…998. */
  readonly count: number;
  /** Open time of the newest candle wanted: the last closed bar by the exchange's clock. */
  readonly lastOpenTimeMs: number;
}

/** Public market data of one exchange. Symbols as the exchange names them, e.g. `BTCUSDT`. */
export interface MarketData {
  /** The exchange's clock, epoch ms. */
  serverTimeMs(): Promise<Result<number, MarketDataError>>;
  /** Valid candles, oldest first, none newer than asked for; empty when the exchange has none. Retries are inside. */
  closedCandles(request: CandleRequest): Promise<Result<CandleSeries, MarketDataError>>;
  /** Last prices, of these symbols or of all. A symbol without a price is left out. */
  prices(symbols?: readonly string[]): Promise<Result<ReadonlyMap<string, number>, MarketDataError>>;
  /** Of the USDT pairs that trade now; a pair whose filters cannot be read is left out. */
  filters(): Promise<Result<ReadonlyMap<string, SymbolFilters>, MarketDataError>>;
  /** All pairs against USDT, whether they trade or not, with their turnover. */
  pairs(): Promise<Result<readonly ListedPair[], MarketDataError>>;
}

/** Candles as an exchange publishes them in files: whole days and months, each with its checksum. */
export interface CandleArchive {
  /**
   * Valid candles of a UTC month (`2024-07`) or day (`2024-07-01`), oldest first; undefined when there is no such file. A file
   * that is damaged or fails its checksum is fetched again and then refused. Retries are inside.
   */
  candles(query: {
    symbol: string;
    period: string;
  }): Promise<Result<CandleSeries | undefined, MarketDataError>>;
}

/** Candles as the bytes of one file, and back. The same candles give the same bytes. */
export interface CandleCodec {
  encode(symbol: string, series: CandleSeries): Uint8Array;
  /** Fails with one line for bytes that are not valid candles. */
  decode(bytes: Uint8Array): Promise<Result<CandleSeries, string>>;
}

/** Recorded candles by symbol. */
export interface CandleSource {
  /** Fails with one line when the symbol's candles cannot be used. */
  read(symbol: string): Promise<Result<CandleSeries, string>>;
}
