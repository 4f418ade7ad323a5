// One infer run: for every symbol of the shard read the window of closed candles, compute the features, ask every verified model, decide
// one signal and store it once. A symbol or a model that fails is recorded with its reason and never stops the others; whatever
// is missing, stale or unreadable ends as an abstention or a HOLD, never as a guess.

import { messageOf } from '../../core/message-of.ts';
import type { Clock, ObjectStore } from '../../core/ports.ts';
import type { Result } from '../../core/result.ts';
import { FEATURE_SET_HASH } from '../../features/feature-set.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../market/candle.ts';
import type { MarketData, MarketDataError } from '../../market/ports.ts';
import type { CandleWindows } from '../../market/use-cases/candle-windows.ts';
import type { EnsembleProvider } from '../../models/use-cases/load-ensemble.ts';
import type { InferRun } from '../infer-run.ts';
import type { SignalStore } from '../ports.ts';
import type { Signal } from '../signal.ts';
import { createWatch } from '../stopwatch.ts';
import { askModels } from './ask-models.ts';
import { type RowFailure, readRows } from './read-rows.ts';
import { runShadow } from './run-shadow.ts';

export interface InferDependencies {
  readonly market: Pick<MarketData, 'serverTimeMs'>;
  /** Kept from run to run, in the memory of the process. */
  readonly windows: CandleWindows;
  readonly ensembles: EnsembleProvider;
  readonly signals: SignalStore;
  readonly clock: Clock;
  /** Monotonic, ms: for durations only. */
  readonly stopwatchMs: () => number;
  /** Memory of the process. */
  readonly residentBytes: () => number;
  /** Of this function, for its signals and its run. */
  readonly codeVersion: string;
  /** Where the shadow's decisions are kept; undefined keeps none. */
  readonly shadowRecords?: ObjectStore | undefined;
  /** @default it does not wait for the close margin: recorded candles do not change */
  readonly sleep?: ((durationMs: number) => Promise<unknown>) | undefined;
}

/** A candle can still change in the seconds after its close, while late trades are counted. */
export const CLOSE_MARGIN_MS = 2_000;

export interface InferRequest {
  /** Awaited while the models load. */
  readonly symbols: readonly string[] | Promise<readonly string[]>;
  readonly shard: number;
  readonly shardCount: number;
}

export interface InferOutcome {
  readonly run: InferRun;
  /** Every signal decided in this run, in the order of the symbols, whether it is new or was stored before. */
  readonly signals: readonly Signal[];
}

/**
 * Errors of the exchange, a model or the signal table are in the run; throws StoreError when the run itself cannot be stored, and whatever
 * the symbols reject with.
 */
export async function infer(
  dependencies: InferDependencies,
  { symbols: known, shard, shardCount }: InferRequest,
): Promise<InferOutcome> {
  const { market, ensembles, signals: store, clock, stopwatchMs, codeVersion, windows } = dependencies;
  const startedAtMs = clock.nowMs();
  const watch = createWatch(stopwatchMs);
  const reading = Promise.resolve(known);
  // Its rejection is thrown below, where the ensemble is released.
  reading.catch(() => undefined);
  const [serverTime, current] = await Promise.all([
    market.serverTimeMs(),
    watch.time('models', () => ensembles.current()),
  ]);
  const ensemble = current.ok ? current.value : undefined;
  try {
    const symbols = await reading;
    const nowMs = serverTime.ok ? serverTime.value : startedAtMs;
    const barOpenTimeMs = lastClosedOpenTimeMs(nowMs);
    const sinceCloseMs = nowMs - (barOpenTimeMs + BAR_MS);
    if (sinceCloseMs < CLOSE_MARGIN_MS) await dependencies.sleep?.(CLOSE_MARGIN_MS - sinceCloseMs);
    const obstacle = findObstacle(serverTime, current);
    const { rows, abstentions, candleWindows } = await watch.time('fetch', () =>
      readRows(symbols, { windows, watch, barOpenTimeMs, obstacle }),
    );
    const asked = ensemble
      ? await watch.time('inference', () => askModels(ensemble, rows))
      : { signals: [], quarantined: [] };
    const signals = asked.signals.map((signal) => ({ ...signal, codeVersion }));
    const stored = await watch.time('store', () => storeAll(store, signals));
    // Only now: what is decided is stored, whatever the shadow does.
    const shadow =
      ensemble?.shadow &&
      (await runShadow(
        ensemble.shadow,
        { barOpenTimeMs, shard, shardCount, rows, championSignals: signals },
        dependencies.shadowRecords,
      ));
    const run: InferRun = {
      barOpenTimeMs,
      shard,
      shardCount,
      startedAtMs,
      ensembleId: ensemble?.ensemble.id ?? null,
      featureSetHash: FEATURE_SET_HASH,
      codeVersion,
      symbols: symbols.length,
      ...stored,
      actions: countActions(signals),
      abstentions,
      candleWindows,
      quarantined: asked.quarantined,
      servedModels: (ensemble?.ensemble.members.length ?? 0) - asked.quarantined.length,
      meanConsensus: mean(signals.map((signal) => signal.consensusFraction)),
      meanConfidence: mean(
        signals.filter(({ action }) => action !== 'HOLD').map(({ confidence }) => confidence),
      ),
      residentBytes: dependencies.residentBytes(),
      ...(shadow && { shadow }),
      timingsMs: watch.readings(),
    };
    await store.putRun(run);
    return { run, signals };
  } finally {
    await ensemble?.release();
  }
}

/** What keeps every symbol of the run from having a row; undefined when nothing does. */
function findObstacle(
  serverTime: Result<number, MarketDataError>,
  current: Awaited<ReturnType<EnsembleProvider['current']>>,
): RowFailure | undefined {
  if (!serverTime.ok) return { reason: 'exchange_unavailable', message: serverTime.error.message };
  return current.ok ? undefined : { reason: 'no_ensemble', message: current.error.message };
}

async function storeAll(
  store: SignalStore,
  signals: readonly Signal[],
): Promise<Pick<InferRun, 'written' | 'alreadyDecided' | 'unwritten'>> {
  const outcomes = await Promise.allSettled(signals.map((signal) => store.put(signal)));
  const unwritten = outcomes.flatMap((outcome, index) =>
    outcome.status === 'rejected'
      ? [{ symbol: signals[index]!.symbol, message: messageOf(outcome.reason) }]
      : [],
  );
  const count = (wanted: string) =>
    outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value === wanted).length;
  return { written: count('written'), alreadyDecided: count('already_decided'), unwritten };
}

function countActions(signals: readonly Signal[]): InferRun['actions'] {
  const actions = { SELL: 0, HOLD: 0, BUY: 0 };
  for (const signal of signals) actions[signal.action]++;
  return actions;
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
