// A signal and an infer run as they are stored, for tests that need one and do not care what it says.
import type { InferRun } from '../../../lib/inference/infer-run.ts';
import type { Signal } from '../../../lib/inference/signal.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';

export const FIRST_BAR_MS = 1_720_000_200_000;

export function signalOf(symbol: string, barOpenTimeMs: number, more: Partial<Signal> = {}): Signal {
  return {
    symbol,
    barOpenTimeMs,
    action: 'BUY',
    confidence: 0.1 + 0.2,
    probabilities: { sell: 0.2, hold: 1.401298464324817e-45, buy: 0.8 },
    expectedMoveBps: 1.65432109876,
    moveDeviationBps: 20.123456789,
    expectedEdgeBps: -12.345678901234567,
    votes: [
      {
        model: 'xgboost',
        version: 'v20240728_000000',
        action: 'BUY',
        probabilities: { sell: 0, hold: 0, buy: 1 },
        move: { expected: 0.1 + 0.2, deviation: 1.401298464324817e-45 },
      },
      { model: 'lightgbm', version: 'v20240728_000000', abstained: 'sha256_mismatch' },
    ],
    consensusFraction: 2 / 3,
    activeModels: 2,
    close: 0.00001234,
    atr: 0,
    stopAtr: 0,
    atrRatio: 1,
    spreadBps: 2,
    betaToBitcoin: -0.1234,
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
    candleWindows: { newest: 0, whole: 2, proven: 0, differing: [], revised: [] },
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
