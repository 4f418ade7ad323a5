import { describe, expect, it } from 'vitest';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { MINUTE_MS } from '../../lib/core/units.ts';
import { MISSED_BARS_RUNS } from '../../lib/inference/missed-bars.ts';
import { missedBars } from '../../lib/inference/use-cases/find-missed-bars.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { runOf } from '../support/inference/sample-signals.ts';

/** Close of a bar, and a minute more. */
const NOW_MS = Date.UTC(2024, 7, 5, 12, 1);
/** Open time of the bar that closed this many bars before the newest closed one. */
const bar = (before: number) => NOW_MS - MINUTE_MS - (before + 1) * BAR_MS;
const all = Array.from({ length: MISSED_BARS_RUNS }, (_, before) => before);
/** Newest first, as the store gives them. */
const runsWithout = (...missing: number[]) =>
  all.filter((before) => !missing.includes(before)).map((before) => runOf(bar(before)));

const signals = createMemorySignalStore();
const missed = (runs: Parameters<typeof missedBars>[1], nowMs: number) => missedBars(signals, runs, nowMs);

describe('missedBars', () => {
  it('finds none in an unbroken hour, whether the newest bar is decided already or not', async () => {
    expect(await missed([runsWithout()], NOW_MS)).toEqual([]);
    expect(await missed([runsWithout(0)], NOW_MS)).toEqual([]);
    expect(await missed([[runOf(NOW_MS - MINUTE_MS), ...runsWithout()]], NOW_MS)).toEqual([]);
  });

  it('tells the bar before the newest, and one an hour ago, and no older one', async () => {
    expect(await missed([runsWithout(1, 12)], NOW_MS)).toEqual([
      { barOpenTimeMs: bar(12), shard: 0 },
      { barOpenTimeMs: bar(1), shard: 0 },
    ]);
    expect(await missed([runsWithout(13)], NOW_MS)).toEqual([]);
  });

  it('tells the shard, also of one that has never run while another has', async () => {
    expect(await missed([runsWithout(), runsWithout(2)], NOW_MS)).toEqual([
      { barOpenTimeMs: bar(2), shard: 1 },
    ]);
    expect(await missed([[runOf(bar(2)), runOf(bar(3))], []], NOW_MS)).toEqual([
      { barOpenTimeMs: bar(1), shard: 0 },
      { barOpenTimeMs: bar(3), shard: 1 },
      { barOpenTimeMs: bar(2), shard: 1 },
      { barOpenTimeMs: bar(1), shard: 1 },
    ]);
  });

  it('tells the whole hour after a longer silence, and nothing before the first run of all', async () => {
    expect(await missed([[runOf(bar(500))]], NOW_MS)).toHaveLength(12);
    expect(await missed([[runOf(bar(0))]], NOW_MS)).toEqual([]);
    expect(await missed([[], []], NOW_MS)).toEqual([]);
  });

  it('leaves out what all shards of another number decided, and no bar that one of these missed', async () => {
    const store = createMemorySignalStore();
    for (const [before, shards] of [
      [2, [0, 1, 2]],
      [1, [0, 2]],
    ] as const)
      for (const shard of shards) await store.putRun({ ...runOf(bar(before)), shard, shardCount: 3 });
    const bars = await missedBars(store, [[runOf(bar(500))]], NOW_MS);
    expect(bars).toHaveLength(11);
    expect(bars).toContainEqual({ barOpenTimeMs: bar(1), shard: 0 });
    expect(bars).not.toContainEqual({ barOpenTimeMs: bar(2), shard: 0 });
  });
});
