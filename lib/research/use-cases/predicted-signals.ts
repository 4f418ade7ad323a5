// Past signals as a store: decided on demand from the models' answers, by the function that decides in serving. Execute and breaker
// read it like the table that infer writes.

import { InvariantError } from '../../core/invariant.ts';
import { FEATURE_SET_HASH } from '../../features/feature-set.ts';
import type { InferRun } from '../../inference/infer-run.ts';
import type { SignalStore } from '../../inference/ports.ts';
import type { Signal } from '../../inference/signal.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { Ensemble } from '../../models/ensemble.ts';
import { REPLAY_VERSION } from '../backtest-run.ts';
import { type BetaSource, type Predictions, signalOfRow } from './predictions.ts';

/** What the infer runs of all bars have in common. */
interface PredictedRelease {
  readonly ensemble: Ensemble;
  readonly servedModels: number;
  readonly quarantined: InferRun['quarantined'];
  readonly betas: BetaSource;
}

/** When infer runs after a bar's close, in a replay. */
const INFER_MS = 2_000;

/** @param predictions in order of symbols */
export function createPredictedSignals(
  predictions: readonly Predictions[],
  release: PredictedRelease,
): SignalStore {
  const runs: InferRun[] = [];
  const next = predictions.map(() => 0);
  let decided: { barOpenTimeMs: number; signals: readonly Signal[] } | undefined;
  const ofBar = (barOpenTimeMs: number): readonly Signal[] => {
    if (decided?.barOpenTimeMs === barOpenTimeMs) return decided.signals;
    const signals = predictions.flatMap((of, index) => {
      const row = findRow(of.openTimeMs, barOpenTimeMs, next[index]!);
      next[index] = row;
      return of.openTimeMs[row] === barOpenTimeMs
        ? [{ ...signalOfRow(of, row, release.ensemble, release.betas), codeVersion: REPLAY_VERSION }]
        : [];
    });
    decided = { barOpenTimeMs, signals };
    return signals;
  };
  const runOf = (barOpenTimeMs: number): InferRun =>
    runs.find((run) => run.barOpenTimeMs === barOpenTimeMs) ??
    describeRun(ofBar(barOpenTimeMs), { barOpenTimeMs, symbols: predictions.length, release });
  return {
    put: refuse,
    putRun: refuse,
    lastOfSymbol: async (symbol, count) =>
      (decided?.signals ?? []).filter((signal) => signal.symbol === symbol).slice(0, count),
    ofBar: async (barOpenTimeMs) => ofBar(barOpenTimeMs),
    runsOfBar: async (barOpenTimeMs) => runs.filter((run) => run.barOpenTimeMs === barOpenTimeMs),
    async lastRuns({ count }) {
      if (decided !== undefined && runs[0]?.barOpenTimeMs !== decided.barOpenTimeMs)
        runs.unshift(runOf(decided.barOpenTimeMs));
      runs.length = Math.min(runs.length, count);
      return runs;
    },
  };
}

async function refuse(): Promise<never> {
  throw new InvariantError('a replay writes no signals');
}

/** First row at or after the bar; bars are mostly read in order, so the search starts at the last one. */
function findRow(openTimeMs: Float64Array, barOpenTimeMs: number, from: number): number {
  let row = openTimeMs[from]! > barOpenTimeMs ? 0 : from;
  while (row < openTimeMs.length && openTimeMs[row]! < barOpenTimeMs) row++;
  return row;
}

function describeRun(
  signals: readonly Signal[],
  about: { barOpenTimeMs: number; symbols: number; release: PredictedRelease },
): InferRun {
  const { barOpenTimeMs, symbols, release } = about;
  const count = (action: Signal['action']) => signals.filter((signal) => signal.action === action).length;
  const mean = (among: readonly Signal[], of: (signal: Signal) => number) =>
    among.length === 0 ? null : among.reduce((sum, signal) => sum + of(signal), 0) / among.length;
  const acting = signals.filter(({ action }) => action !== 'HOLD');
  return {
    barOpenTimeMs,
    shard: 0,
    shardCount: 1,
    startedAtMs: barOpenTimeMs + BAR_MS + INFER_MS,
    ensembleId: release.ensemble.id,
    featureSetHash: FEATURE_SET_HASH,
    codeVersion: REPLAY_VERSION,
    symbols,
    written: signals.length,
    alreadyDecided: 0,
    actions: { SELL: count('SELL'), HOLD: count('HOLD'), BUY: count('BUY') },
    abstentions: [],
    candleWindows: { newest: 0, whole: symbols, proven: 0, differing: [], revised: [] },
    quarantined: release.quarantined,
    servedModels: release.servedModels,
    unwritten: [],
    // The schema requires a positive number; a replay measures nothing.
    residentBytes: 1,
    meanConsensus: mean(signals, ({ consensusFraction }) => consensusFraction),
    meanConfidence: mean(acting, ({ confidence }) => confidence),
    timingsMs: { models: 0, fetch: 0, features: 0, inference: 0, store: 0, total: 0 },
  };
}
