// What the use cases need from outside. Adapters implement these; one contract suite per port runs on every implementation.
import type { CandleSeries } from '../market/candle-series.ts';
import type { ListedPair } from '../market/pair-exclusion.ts';
import type { ModelInput } from '../models/manifest.ts';
import type { Result } from '../result.ts';
import type { FlagReading } from '../risk/flags.ts';
import type { Signal } from '../signals/signal.ts';
import type { SymbolFilters } from '../trading/plan-entry.ts';
import type { InferRun } from './infer-run.ts';

/** Closed list of what goes wrong with an exchange. */
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

/** What coins are worth in all, by someone who is not the exchange. */
export interface MarketCapRanking {
  /** Rank by the coin's own name in upper case, e.g. `PEPE`; 1 is the largest. Fails with one line. */
  ranks(): Promise<Result<ReadonlyMap<string, number>, string>>;
}

/** Candles as an exchange publishes them in files: whole days and months, each with its checksum. */
export interface CandleArchive {
  /**
   * Valid candles of a UTC month (`2024-07`) or day (`2024-07-01`), oldest first; undefined when there is no such file. A file
   * that is damaged, or not what its checksum says, is asked for again and then refused. Retries are inside.
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

/** A store or service could not be used. Thrown by adapters, with the vendor's error as `cause`. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly retryable: boolean;
  constructor(message: string, options: { cause?: unknown; retryable: boolean }) {
    super(message, { cause: options.cause });
    this.retryable = options.retryable;
  }
}

export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
  readonly etag: string;
  /** undefined in stores without versions. */
  readonly versionId: string | undefined;
}
export interface StoredObject extends ObjectInfo {
  readonly body: Uint8Array;
}
export type WriteCondition = { readonly ifAbsent: true } | { readonly ifMatch: string };
export type WriteOutcome =
  | { readonly outcome: 'stored'; readonly info: ObjectInfo }
  | { readonly outcome: 'conflict' };

/** Versioned objects by key: S3, or a folder. Throws StoreError; a missing key is undefined, never an error. */
export interface ObjectStore {
  head(key: string): Promise<ObjectInfo | undefined>;
  get(key: string, versionId?: string): Promise<StoredObject | undefined>;
  put(key: string, body: Uint8Array, condition?: WriteCondition): Promise<WriteOutcome>;
  /** All keys that start with `prefix`, in key order. */
  list(prefix: string): Promise<readonly ObjectInfo[]>;
}

/** One loaded model. Not to be used after `release`. */
export interface ModelSession {
  /** @param input float32, row-major [rows, …]; @returns float32 [rows, 3]: sell, hold, buy. Throws when the runtime fails. */
  probabilities(input: Float32Array, rows: number): Promise<Float32Array>;
  release(): Promise<void>;
}

export interface ModelRuntime {
  /** Fails (with one line of why) for bytes that are not a model, or a model whose input or output is not as declared. */
  createSession(model: {
    bytes: Uint8Array;
    input: ModelInput;
    outputName: string;
  }): Promise<Result<ModelSession, string>>;
}

/** Decided signals. A bar is decided once: a second write changes nothing. */
export interface SignalStore {
  put(signal: Signal): Promise<'written' | 'already_decided'>;
  /** Newest first. */
  lastOfSymbol(symbol: string, count: number): Promise<readonly Signal[]>;
  /** By symbol. */
  ofBar(barOpenTimeMs: number): Promise<readonly Signal[]>;
  /** What happened in each infer run; a repeated run of the same bar and shard replaces its record. */
  putRun(run: InferRun): Promise<void>;
  /** Newest first. */
  lastRuns(query: { shard: number; of: number; count: number }): Promise<readonly InferRun[]>;
}

/** Operator flags. Reading never throws: what cannot be read says so per flag, and so closes the gate. */
export interface FlagStore {
  read(names: readonly string[]): Promise<ReadonlyMap<string, FlagReading>>;
  write(name: string, text: string): Promise<void>;
}

export interface Clock {
  nowMs(): number;
}
