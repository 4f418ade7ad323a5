// What every implementation of the SignalStore port keeps.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InferRun } from '../../lib/inference/infer-run.ts';
import type { SignalStore } from '../../lib/inference/ports.ts';
import type { Signal } from '../../lib/inference/signal.ts';
import { BAR_MS } from '../../lib/market/candle.ts';

export const FIRST_BAR_MS = 1_720_000_200_000;

export function signalOf(symbol: string, barOpenTimeMs: number, more: Partial<Signal> = {}): Signal {
  return {
    symbol,
    barOpenTimeMs,
    action: 'BUY',
    confidence: 0.1 + 0.2,
    probabilities: { sell: 0.2, hold: 1.401298464324817e-45, buy: 0.8 },
    expectedEdgeBps: -12.345678901234567,
    votes: [
      {
        model: 'xgboost',
        version: 'v20240728_000000',
        action: 'BUY',
        probabilities: { sell: 0, hold: 0, buy: 1 },
      },
      { model: 'lightgbm', version: 'v20240728_000000', abstained: 'sha256_mismatch' },
    ],
    consensusFraction: 2 / 3,
    activeModels: 2,
    close: 0.00001234,
    atr: 0,
    stopPrice: 0.00001,
    ensembleId: 'e20240728_000000',
    featureSetHash: 'ab'.repeat(32),
    codeVersion: 'local',
    reasons: [],
    ...more,
  };
}

export function runOf(barOpenTimeMs: number, more: Partial<InferRun> = {}): InferRun {
  return {
    barOpenTimeMs,
    shard: 0,
    shardCount: 1,
    startedAtMs: barOpenTimeMs + BAR_MS + 1500,
    ensembleId: 'e20240728_000000',
    featureSetHash: 'ab'.repeat(32),
    codeVersion: 'local',
    symbols: 2,
    written: 1,
    alreadyDecided: 0,
    actions: { SELL: 0, HOLD: 1, BUY: 0 },
    abstentions: [{ symbol: 'XUSDT', barOpenTimeMs, abstained: 'stale', message: 'late' }],
    quarantined: [],
    servedModels: 4,
    unwritten: [],
    meanConsensus: 0.75,
    meanConfidence: null,
    residentBytes: 300_000_000,
    timingsMs: { models: 0, fetch: 1.5, features: 2, inference: 3, store: 4, total: 10.5 },
    ...more,
  };
}

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
  });
}
