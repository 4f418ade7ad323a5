// One infer run: for every symbol of the shard fetch the closed candles, compute the features, ask every verified model, decide
// one signal and store it once. A symbol or a model that fails is recorded with its reason and never stops the others; whatever
// is missing, stale or unreadable ends as an abstention or a HOLD, never as a guess.

import type { Clock, ObjectStore } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { computeFeatures } from '../../features/compute-features.ts';
import { FEATURE_SET_HASH } from '../../features/feature-set.ts';
import type { Abstention, AbstentionReason } from '../../market/abstention.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../market/candle.ts';
import type { CandleRevisions } from '../../market/candle-revisions.ts';
import type { CandleSeries } from '../../market/candle-series.ts';
import { checkWindow, REQUEST_BARS, SEQUENCE_STEPS } from '../../market/grid.ts';
import type { MarketData, MarketDataErrorCode } from '../../market/ports.ts';
import type { EnsembleProvider } from '../../models/use-cases/load-ensemble.ts';
import type { InferRun } from '../infer-run.ts';
import type { SignalStore } from '../ports.ts';
import type { Signal } from '../signal.ts';
import { createWatch, type Watch } from '../stopwatch.ts';
import { askModels, type SymbolRow, toSymbolRow } from './ask-models.ts';
import { runShadow } from './run-shadow.ts';

export interface InferDependencies {
  readonly market: MarketData;
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
  /** Kept from run to run, in the memory of the process. @default candles that changed after their close are not counted */
  readonly revisions?: CandleRevisions | undefined;
  /** @default it does not wait for the close margin: recorded candles do not change */
  readonly sleep?: ((durationMs: number) => Promise<unknown>) | undefined;
}

/** A candle can still change in the seconds after its close, while late trades are counted. */
export const CLOSE_MARGIN_MS = 2_000;

export interface InferRequest {
  readonly symbols: readonly string[];
  readonly shard: number;
  readonly shardCount: number;
}

export interface InferOutcome {
  readonly run: InferRun;
  /** Every signal decided in this run, in the order of the symbols, whether it is new or was stored before. */
  readonly signals: readonly Signal[];
}

/** What the exchange, a model or the signal table does wrong stands in the run; throws StoreError when the run itself cannot be stored. */
export async function infer(
  dependencies: InferDependencies,
  { symbols, shard, shardCount }: InferRequest,
): Promise<InferOutcome> {
  const { market, ensembles, signals: store, clock, stopwatchMs, residentBytes } = dependencies;
  const { codeVersion, shadowRecords, revisions, sleep } = dependencies;
  const startedAtMs = clock.nowMs();
  const watch = createWatch(stopwatchMs);
  const [serverTime, current] = await Promise.all([
    market.serverTimeMs(),
    watch.time('models', () => ensembles.current()),
  ]);
  const ensemble = current.ok ? current.value : undefined;
  try {
    const nowMs = serverTime.ok ? serverTime.value : startedAtMs;
    const barOpenTimeMs = lastClosedOpenTimeMs(nowMs);
    const sinceCloseMs = nowMs - (barOpenTimeMs + BAR_MS);
    if (sinceCloseMs < CLOSE_MARGIN_MS) await sleep?.(CLOSE_MARGIN_MS - sinceCloseMs);
    let revisedCandles = 0;
    const abstentions: Abstention[] = [];
    const rows: SymbolRow[] = [];
    const onCandles = (symbol: string, candles: CandleSeries) => {
      if (revisions?.isRevised(symbol, candles) === true) revisedCandles++;
    };
    const readOne = async (symbol: string) => {
      const row = !serverTime.ok
        ? failure({ reason: 'exchange_unavailable' as const, message: serverTime.error.message })
        : !current.ok
          ? failure({ reason: 'no_ensemble' as const, message: current.error.message })
          : await readRow({ market, watch, symbol, barOpenTimeMs, onCandles });
      if (row.ok) rows.push(row.value);
      else
        abstentions.push({ symbol, barOpenTimeMs, abstained: row.error.reason, message: row.error.message });
    };
    await watch.time('fetch', () => Promise.all(symbols.map(readOne)));

    const order = new Map(symbols.map((symbol, index) => [symbol, index]));
    const inOrder = (a: { symbol: string }, b: { symbol: string }) =>
      order.get(a.symbol)! - order.get(b.symbol)!;
    rows.sort(inOrder);
    const { signals: decided, quarantined } = ensemble
      ? await watch.time('inference', () => askModels(ensemble, rows))
      : { signals: [], quarantined: [] };
    const signals = decided.map((signal) => ({ ...signal, codeVersion }));
    const stored = await watch.time('store', () => storeAll(store, signals));
    // Only now: what is decided is stored, whatever the shadow does.
    const shadow =
      ensemble?.shadow &&
      (await runShadow(
        ensemble.shadow,
        { barOpenTimeMs, shard, shardCount, rows, championSignals: signals },
        shadowRecords,
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
      abstentions: abstentions.sort(inOrder),
      revisedCandles,
      quarantined,
      servedModels: (ensemble?.ensemble.members.length ?? 0) - quarantined.length,
      meanConsensus: mean(signals.map((signal) => signal.consensusFraction)),
      meanConfidence: mean(signals.map((signal) => signal.confidence)),
      residentBytes: residentBytes(),
      ...(shadow && { shadow }),
      timingsMs: watch.readings(),
    };
    await store.putRun(run);
    return { run, signals };
  } finally {
    await ensemble?.release();
  }
}

type RowFailure = { readonly reason: AbstentionReason; readonly message: string };

/** Tells apart an exchange that does not answer, one whose answer is malformed, and one that does not know the symbol. */
function reasonOf(code: MarketDataErrorCode): AbstentionReason {
  if (code === 'unknown_symbol') return 'not_listed';
  return code === 'invalid_candle' || code === 'invalid_response' ? 'invalid_candle' : 'exchange_unavailable';
}

async function readRow(context: {
  market: MarketData;
  watch: Watch;
  symbol: string;
  barOpenTimeMs: number;
  onCandles: (symbol: string, candles: CandleSeries) => void;
}): Promise<Result<SymbolRow, RowFailure>> {
  const { market, watch, symbol, barOpenTimeMs, onCandles } = context;
  try {
    const candles = await market.closedCandles({
      symbol,
      count: REQUEST_BARS,
      lastOpenTimeMs: barOpenTimeMs,
    });
    if (!candles.ok) return failure({ reason: reasonOf(candles.error.code), message: candles.error.message });
    onCandles(symbol, candles.value);
    return watch.timeSync('features', () => {
      const window = checkWindow(candles.value, barOpenTimeMs);
      if (!window.ok) return window;
      const { grid, hasSequence } = window.value;
      const features = computeFeatures(grid, {
        from: grid.length - (hasSequence ? SEQUENCE_STEPS : 1),
        to: grid.length,
      });
      const close = grid.close[grid.length - 1]!;
      return success(toSymbolRow(symbol, features, { barOpenTimeMs, close }));
    });
  } catch (error) {
    return failure({
      reason: 'internal_error',
      message: error instanceof Error ? error.message : String(error),
    });
  }
}

async function storeAll(
  store: SignalStore,
  signals: readonly Signal[],
): Promise<Pick<InferRun, 'written' | 'alreadyDecided' | 'unwritten'>> {
  const outcomes = await Promise.allSettled(signals.map((signal) => store.put(signal)));
  const unwritten = outcomes.flatMap((outcome, index) =>
    outcome.status === 'rejected'
      ? [{ symbol: signals[index]!.symbol, message: String(outcome.reason?.message ?? outcome.reason) }]
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
