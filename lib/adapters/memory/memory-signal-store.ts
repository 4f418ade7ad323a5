// Signals in memory: for commands and backtests that need no server. Same contract as the table on DynamoDB.
import type { InferRun } from '../../inference/infer-run.ts';
import { signalsOf } from '../../inference/missed-bars.ts';
import type { SignalStore } from '../../inference/ports.ts';
import type { Signal } from '../../inference/signal.ts';

export function createMemorySignalStore(): SignalStore {
  const signals = new Map<string, Signal>();
  const signalsOfBar = new Map<number, Signal[]>();
  const runs = new Map<string, InferRun>();
  return {
    async put(signal) {
      const key = `${signal.symbol}@${signal.barOpenTimeMs}`;
      if (signals.has(key)) return 'already_decided';
      signals.set(key, signal);
      const ofBar = signalsOfBar.get(signal.barOpenTimeMs);
      if (ofBar === undefined) signalsOfBar.set(signal.barOpenTimeMs, [signal]);
      else ofBar.push(signal);
      return 'written';
    },
    async lastOfSymbol(symbol, count) {
      return allThat(signals, (signal) => signal.symbol === symbol)
        .sort((a, b) => b.barOpenTimeMs - a.barOpenTimeMs)
        .slice(0, count);
    },
    async ofBar(barOpenTimeMs) {
      const ofBar = signalsOfBar.get(barOpenTimeMs) ?? [];
      return ofBar.toSorted((a, b) => (a.symbol < b.symbol ? -1 : 1));
    },
    async putRun(run) {
      const key = `${run.shard}/${run.shardCount}@${run.barOpenTimeMs}`;
      const before = runs.get(key);
      if (before === undefined || signalsOf(before) <= signalsOf(run)) runs.set(key, run);
    },
    async runsOfBar(barOpenTimeMs) {
      return allThat(runs, (run) => run.barOpenTimeMs === barOpenTimeMs);
    },
    async lastRuns({ shard, shardCount, count }) {
      return allThat(runs, (run) => run.shard === shard && run.shardCount === shardCount)
        .sort((a, b) => b.barOpenTimeMs - a.barOpenTimeMs)
        .slice(0, count);
    },
  };
}

function allThat<T>(rows: ReadonlyMap<string, T>, holds: (row: T) => boolean): T[] {
  const found: T[] = [];
  for (const row of rows.values()) if (holds(row)) found.push(row);
  return found;
}
