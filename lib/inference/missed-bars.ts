// Bars that were not decided: a schedule that did not fire, a function that never finished. A missed bar is not backfilled, since
// signals of an old bar are of no use; but it is reported.
import { BAR_MS, lastClosedOpenTimeMs } from '../market/candle.ts';
import type { InferRun } from './infer-run.ts';

export interface MissedBar {
  readonly barOpenTimeMs: number;
  readonly shard: number;
}

/** How far back is looked: an hour. */
const WINDOW_BARS = 12;
/** Runs of each shard that cover it: besides, the bar that closed last and one that has closed since the clock was read. */
export const MISSED_BARS_RUNS = WINDOW_BARS + 2;

export const signalsOf = ({ written, alreadyDecided }: InferRun): number => written + alreadyDecided;

/** A shard to which no symbol of a small universe belongs has nothing to decide. */
export const isShardDecided = (run: InferRun): boolean => signalsOf(run) > 0 || run.symbols === 0;

/** Whether all shards of any number of them have decided. */
export function isBarDecided(runsOfBar: readonly InferRun[]): boolean {
  const decided = runsOfBar.filter(isShardDecided);
  return decided.some(
    ({ shardCount }) => decided.filter((run) => run.shardCount === shardCount).length === shardCount,
  );
}

/**
 * Bars of the last hour without a run on record, by shard, oldest first. A bar is due when the next one has closed: until then infer
 * may be trying again. Before the first run of any shard nothing was due.
 * @param runs by shard, at least the MISSED_BARS_RUNS newest of each
 */
export function barsWithoutRun(runs: readonly (readonly InferRun[])[], nowMs: number): MissedBar[] {
  const firstMs = Math.min(...runs.flat().map(({ barOpenTimeMs }) => barOpenTimeMs));
  const lastDueMs = lastClosedOpenTimeMs(nowMs) - BAR_MS;
  const fromMs = Math.max(firstMs, lastDueMs - (WINDOW_BARS - 1) * BAR_MS);
  const missed: MissedBar[] = [];
  for (const [shard, ofShard] of runs.entries()) {
    const ran = new Set(ofShard.map(({ barOpenTimeMs }) => barOpenTimeMs));
    for (let barOpenTimeMs = fromMs; barOpenTimeMs <= lastDueMs; barOpenTimeMs += BAR_MS)
      if (!ran.has(barOpenTimeMs)) missed.push({ barOpenTimeMs, shard });
  }
  return missed;
}
