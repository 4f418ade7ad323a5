// What inference needs from outside: the store of decided signals.
import type { InferRun } from './infer-run.ts';
import type { Signal } from './signal.ts';

/** Decided signals. A bar is decided once: a second write changes nothing. */
export interface SignalStore {
  put(signal: Signal): Promise<'written' | 'already_decided'>;
  /** Newest first. */
  lastOfSymbol(symbol: string, count: number): Promise<readonly Signal[]>;
  /** By symbol. */
  ofBar(barOpenTimeMs: number): Promise<readonly Signal[]>;
  /**
   * What happened in each infer run; a repeated run of the same bar and shard replaces its record, unless it decided fewer symbols:
   * what was decided stays decided, whatever the exchange answers when it is asked again.
   */
  putRun(run: InferRun): Promise<void>;
  /** Of every shard that decided the bar, by whatever number of shards. What was written in the last seconds may lack. */
  runsOfBar(barOpenTimeMs: number): Promise<readonly InferRun[]>;
  /** Newest first. */
  lastRuns(query: { shard: number; shardCount: number; count: number }): Promise<readonly InferRun[]>;
}
