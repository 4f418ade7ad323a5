// Which bars nobody has decided, by whatever number of shards.
import type { InferRun } from '../infer-run.ts';
import { barsWithoutRun, isBarDecided, type MissedBar } from '../missed-bars.ts';
import type { SignalStore } from '../ports.ts';

/** Bars without a run of a shard, but for those that were decided while there was another number of shards. Throws StoreError. */
export async function missedBars(
  signals: Pick<SignalStore, 'runsOfBar'>,
  runs: readonly (readonly InferRun[])[],
  nowMs: number,
): Promise<MissedBar[]> {
  const missed = barsWithoutRun(runs, nowMs);
  const bars = [...new Set(missed.map(({ barOpenTimeMs }) => barOpenTimeMs))];
  const decided = await Promise.all(bars.map(async (bar) => isBarDecided(await signals.runsOfBar(bar))));
  const elsewhere = new Set(bars.filter((_, index) => decided[index]));
  return missed.filter(({ barOpenTimeMs }) => !elsewhere.has(barOpenTimeMs));
}
