// What every implementation of the SignalStore port keeps.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SignalStore } from '../../lib/inference/ports.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { FIRST_BAR_MS, runOf, signalOf } from '../support/inference/sample-signals.ts';

export function describeSignalStoreContract(
  name: string,
  open: () => Promise<{ store: SignalStore; close(): Promise<void> }>,
): void {
  describe(`signal store contract: ${name}`, () => {
    let store: SignalStore;
    let close: () => Promise<void>;
    beforeEach(async () => {
      ({ store, close } = await open());
    });
    afterEach(() => close());

    it('returns signals to the last bit', async () => {
      const hold = signalOf('BUSDT', FIRST_BAR_MS, {
        action: 'HOLD',
        confidence: 0,
        probabilities: null,
        expectedEdgeBps: null,
        stopPrice: null,
        reasons: ['insufficient_models'],
      });
      for (const signal of [hold, signalOf('AUSDT', FIRST_BAR_MS)]) await store.put(signal);
      expect(await store.ofBar(FIRST_BAR_MS)).toEqual([signalOf('AUSDT', FIRST_BAR_MS), hold]);
      expect(await store.lastOfSymbol('BUSDT', 1)).toEqual([hold]);
    });

    it('decides a bar once, whoever comes first', async () => {
      expect(await store.put(signalOf('AUSDT', FIRST_BAR_MS))).toBe('written');
      expect(await store.put(signalOf('AUSDT', FIRST_BAR_MS, { action: 'SELL' }))).toBe('already_decided');
      expect((await store.lastOfSymbol('AUSDT', 1))[0]?.action).toBe('BUY');
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          store.put(signalOf('BUSDT', FIRST_BAR_MS, { activeModels: index })),
        ),
      );
      expect(outcomes.filter((outcome) => outcome === 'written')).toHaveLength(1);
      expect((await store.lastOfSymbol('BUSDT', 5)).map((signal) => signal.activeModels)).toEqual([
        outcomes.indexOf('written'),
      ]);
    });

    it('takes the signals of a whole universe at once', async () => {
      const symbols = Array.from({ length: 100 }, (_, index) => `S${String(index).padStart(3, '0')}USDT`);
      const outcomes = await Promise.all(symbols.map((symbol) => store.put(signalOf(symbol, FIRST_BAR_MS))));
      expect(new Set(outcomes)).toEqual(new Set(['written']));
      expect((await store.ofBar(FIRST_BAR_MS)).map((signal) => signal.symbol)).toEqual(symbols);
    });

    it('gives the newest of a symbol first, and no more than asked for', async () => {
      for (const bar of [2, 0, 3, 1]) await store.put(signalOf('AUSDT', FIRST_BAR_MS + bar * BAR_MS));
      await store.put(signalOf('AUSDT2', FIRST_BAR_MS + 9 * BAR_MS));
      const barsOf = async (count: number) =>
        (await store.lastOfSymbol('AUSDT', count)).map(
          (signal) => (signal.barOpenTimeMs - FIRST_BAR_MS) / BAR_MS,
        );
      expect(await barsOf(2)).toEqual([3, 2]);
      expect(await barsOf(9)).toEqual([3, 2, 1, 0]);
      expect(await barsOf(0)).toEqual([]);
      expect(await store.lastOfSymbol('NONEUSDT', 3)).toEqual([]);
      expect(await store.ofBar(FIRST_BAR_MS - BAR_MS)).toEqual([]);
    });

    it('keeps runs apart from signals and by shard, the newest first, a repeated one replaced', async () => {
      await store.put(signalOf('AUSDT', FIRST_BAR_MS));
      await store.putRun(runOf(FIRST_BAR_MS));
      await store.putRun(runOf(FIRST_BAR_MS + BAR_MS));
      await store.putRun(runOf(FIRST_BAR_MS, { shard: 1, shardCount: 2 }));
      await store.putRun(runOf(FIRST_BAR_MS, { written: 0, alreadyDecided: 1 }));
      expect(await store.lastRuns({ shard: 0, shardCount: 1, count: 5 })).toEqual([
        runOf(FIRST_BAR_MS + BAR_MS),
        runOf(FIRST_BAR_MS, { written: 0, alreadyDecided: 1 }),
      ]);
      expect(await store.lastRuns({ shard: 1, shardCount: 2, count: 5 })).toHaveLength(1);
      expect(await store.lastRuns({ shard: 0, shardCount: 2, count: 5 })).toEqual([]);
      expect((await store.ofBar(FIRST_BAR_MS)).map((signal) => signal.symbol)).toEqual(['AUSDT']);
    });

    it('keeps the record of a run that decided more than one that was made again', async () => {
      const most = runOf(FIRST_BAR_MS, { symbols: 3, written: 2 });
      await store.putRun(runOf(FIRST_BAR_MS, { symbols: 3, written: 1 }));
      await store.putRun(most);
      for (const [written, alreadyDecided] of [
        [0, 0],
        [0, 1],
        [1, 0],
      ] as const)
        await store.putRun(runOf(FIRST_BAR_MS, { symbols: 3, written, alreadyDecided }));
      expect(await store.lastRuns({ shard: 0, shardCount: 1, count: 5 })).toEqual([most]);
      expect(await store.runsOfBar(FIRST_BAR_MS)).toEqual([most]);
      const again = runOf(FIRST_BAR_MS, { symbols: 3, written: 1, alreadyDecided: 1 });
      await store.putRun(again);
      expect(await store.runsOfBar(FIRST_BAR_MS)).toEqual([again]);
    });

    it('gives the runs of a bar, by whatever number of shards they were made', async () => {
      const runs = [
        runOf(FIRST_BAR_MS),
        runOf(FIRST_BAR_MS, { shard: 0, shardCount: 2 }),
        runOf(FIRST_BAR_MS, { shard: 1, shardCount: 2 }),
      ];
      for (const run of runs) await store.putRun(run);
      await store.putRun(runOf(FIRST_BAR_MS + BAR_MS));
      await store.put(signalOf('AUSDT', FIRST_BAR_MS));
      expect(await store.runsOfBar(FIRST_BAR_MS)).toEqual(runs);
      expect(await store.runsOfBar(FIRST_BAR_MS - BAR_MS)).toEqual([]);
    });
  });
}
