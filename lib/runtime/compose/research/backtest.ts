// A backtest over folders of recorded candles and stored models. All stores are in memory; only a file of predictions is written, if
// requested.
import { createRecordedMarket } from '../../../adapters/files/folder-market-data.ts';
import { openPredictionFile } from '../../../adapters/files/prediction-file.ts';
import { createMemoryFlagStore } from '../../../adapters/memory/memory-flag-store.ts';
import { createMemoryRiskStore } from '../../../adapters/memory/memory-risk-store.ts';
import { createOnnxModelRuntime } from '../../../adapters/onnx/onnx-model-runtime.ts';
import { createPaperBroker } from '../../../adapters/paper/paper-broker.ts';
import { microUsdt } from '../../../core/money.ts';
import type { ObjectStore, StoredObject } from '../../../core/ports.ts';
import { failure, type Result, success } from '../../../core/result.ts';
import { type CandleSeries, countUntil, sliceSeries } from '../../../market/candle-series.ts';
import { ROW_WINDOW_BARS } from '../../../market/grid.ts';
import { type Ensemble, ensembleKey } from '../../../models/ensemble.ts';
import { createEnsembleProvider } from '../../../models/use-cases/load-ensemble.ts';
import type { LoadedEnsemble } from '../../../models/use-cases/loaded-ensemble.ts';
import type { QuarantinedModel } from '../../../models/use-cases/loaded-member.ts';
import {
  applySettings,
  type BacktestSettings,
  releasedSettings,
} from '../../../research/backtest-settings.ts';
import { type AbstentionCounts, countAbstentions } from '../../../research/count-abstentions.ts';
import { gridBefore } from '../../../research/grid-before.ts';
import type { SymbolProblem } from '../../../research/symbol-problem.ts';
import type { BacktestReport } from '../../../research/use-cases/backtest-report.ts';
import { createPredictedSignals } from '../../../research/use-cases/predicted-signals.ts';
import {
  type PredictionCache,
  type Predictions,
  predictOnce,
} from '../../../research/use-cases/predictions.ts';
import { reportBacktest } from '../../../research/use-cases/report-backtest.ts';
import { runBacktest, type SimulatedClock } from '../../../research/use-cases/run-backtest.ts';
import { seededDraws } from '../seeded-draws.ts';
import { type FolderQuery, type InputUnusable, openInput, openModels } from './recorded-input.ts';

export interface BacktestQuery extends FolderQuery {
  readonly fromMs: number;
  readonly toMs: number;
  readonly depositUsdt: number;
  readonly withBreaker: boolean;
  /** As released where not given. */
  readonly settings?: Partial<BacktestSettings>;
  readonly predictionsFile: string | undefined;
  readonly onSymbol: (progress: { done: number; of: number; symbol: string }) => void;
}

/** `no_decisions`: serving would abstain at every bar. */
export type BacktestError =
  | InputUnusable
  | { readonly code: 'no_models' | 'no_decisions'; readonly message: string };

/** `replayMs` is the duration of the trading, without reading candles and running models. */
export const backtestFolder = (
  query: BacktestQuery,
): Promise<
  Result<{ readonly report: BacktestReport; readonly past: Past; readonly replayMs: number }, BacktestError>
> =>
  withPast(query, async (input) => {
    const startedMs = performance.now();
    const report = await replayPast(query, input);
    return { report, past: input.past, replayMs: performance.now() - startedMs };
  });

/** Reads candles and models, asks the models once, and hands over all that a replay needs. */
export async function withPast<T>(
  query: Omit<BacktestQuery, 'depositUsdt' | 'withBreaker' | 'settings'>,
  use: (input: ReplayInput) => Promise<T>,
): Promise<Result<T, BacktestError>> {
  const input = await openInput(query);
  if (!input.ok) return input;
  const refuse = (message: string) => failure({ code: 'input_unusable' as const, message });
  const file =
    query.predictionsFile === undefined ? undefined : await openPredictionFile(query.predictionsFile);
  if (file?.ok === false) return refuse(file.error);
  const store = openModels(query.modelsFolder);
  const ensembles = createEnsembleProvider({ store, runtime: createOnnxModelRuntime() });
  try {
    const current = await ensembles.current();
    if (!current.ok) return failure({ code: 'no_models', message: current.error.message });
    const loaded = current.value;
    try {
      const past = await predictAll(query, { ...input.value, loaded, cache: file?.value });
      const saved = await file?.value.save();
      if (saved?.ok === false) return refuse(saved.error);
      if (past.series.size === 0) return refuse(`no candles of the range: check --from, --to and --symbols`);
      if (past.predictions.every(({ openTimeMs }) => openTimeMs.length === 0))
        return failure({ code: 'no_decisions', message: describeNoDecision(past.abstentions) });
      const { ensemble, serving, quarantined } = loaded;
      return success(
        await use({
          past,
          ensemble,
          servedModels: serving.length,
          quarantined,
          trainedToMs: serving.reduce((newest, { trainedToMs }) => Math.max(newest, trainedToMs), 0),
          objects: remember(store),
        }),
      );
    } finally {
      await loaded.release();
    }
  } finally {
    await ensembles.close();
  }
}

export interface Past {
  /** Up to the end of the range, by symbol in alphabetical order; only symbols that trade within it. */
  readonly series: ReadonlyMap<string, CandleSeries>;
  readonly predictions: readonly Predictions[];
  /** Bars of the range without a prediction, by reason. */
  readonly abstentions: AbstentionCounts;
  readonly symbolProblems: readonly SymbolProblem[];
}

function describeNoDecision(abstentions: AbstentionCounts): string {
  const counts = Object.entries(abstentions).map(([reason, bars]) => `${reason} ${bars}`);
  return `no bar of the range can be decided (${counts.join(', ')}): a decision needs ${ROW_WINDOW_BARS} bars before it, so add earlier candles or choose a later --from`;
}

async function predictAll(
  { fromMs, toMs, onSymbol }: Pick<BacktestQuery, 'fromMs' | 'toMs' | 'onSymbol'>,
  input: {
    readonly folder: { read(symbol: string): Promise<Result<CandleSeries, string>> };
    readonly symbols: readonly string[];
    readonly loaded: LoadedEnsemble;
    readonly cache: PredictionCache | undefined;
  },
): Promise<Past> {
  const { folder, loaded, cache } = input;
  const past = { series: new Map<string, CandleSeries>(), predictions: [] as Predictions[] };
  const symbolProblems: SymbolProblem[] = [];
  const abstentions: Record<string, number> = {};
  for (const [index, symbol] of [...input.symbols].sort().entries()) {
    const candles = await folder.read(symbol);
    const predicted = candles.ok
      ? await predictOnce(loaded, symbol, { candles: candles.value, range: { fromMs, toMs }, cache })
      : candles;
    onSymbol({ done: index + 1, of: input.symbols.length, symbol });
    const grid = candles.ok ? gridBefore(candles.value, toMs) : candles;
    if (!candles.ok || !predicted.ok || !grid.ok) {
      const problem = [candles, predicted, grid].flatMap((part) => (part.ok ? [] : [part.error]))[0]!;
      symbolProblems.push({ symbol, message: problem });
      continue;
    }
    for (const [reason, bars] of Object.entries(countAbstentions(grid.value, fromMs)))
      abstentions[reason] = (abstentions[reason] ?? 0) + bars;
    const end = countUntil(candles.value, toMs - 1);
    if (end <= countUntil(candles.value, fromMs - 1)) continue;
    past.series.set(symbol, sliceSeries(candles.value, 0, end));
    past.predictions.push(predicted.value);
  }
  return { ...past, abstentions, symbolProblems };
}

export interface ReplayInput {
  readonly past: Past;
  readonly ensemble: Ensemble;
  /** Of the ensemble's models; the others are quarantined. */
  readonly servedModels: number;
  readonly quarantined: readonly QuarantinedModel[];
  /** Newest bar that any serving model was trained on. */
  readonly trainedToMs: number;
  /** Holds the ensemble, and the pointer that names it. */
  readonly objects: ObjectStore;
}

/** Replays trading on the past. Everything but the input is created here, so that the same input gives the same report. */
export async function replayPast(
  query: Pick<BacktestQuery, 'fromMs' | 'toMs' | 'depositUsdt' | 'withBreaker' | 'settings'>,
  { past, ensemble: released, objects, ...input }: ReplayInput,
): Promise<BacktestReport> {
  const { fromMs, toMs, withBreaker } = query;
  const { series, predictions, abstentions, symbolProblems } = past;
  const settings = { ...releasedSettings(released), ...query.settings };
  const { ensemble, costs, flags, limits, policy } = applySettings(settings, released);
  const clock = createSimulatedClock(fromMs);
  const risk = createMemoryRiskStore();
  const symbols = [...series.keys()];
  const candles = { symbols, read: async (symbol: string) => success(series.get(symbol)!) };
  const broker = createPaperBroker({
    records: risk,
    market: createRecordedMarket(candles, clock),
    clock,
    costs,
    depositMicroUsdt: microUsdt(query.depositUsdt),
  });
  const { servedModels, quarantined, trainedToMs } = input;
  const signals = createPredictedSignals(predictions, {
    ensemble,
    servedModels,
    quarantined: [...quarantined],
  });
  const run = await runBacktest(
    {
      ...{ signals, risk, broker, clock },
      objects: servingEnsemble(objects, ensemble),
      flags: createMemoryFlagStore(flags),
    },
    {
      ...{ ensembleId: ensemble.id, horizonBars: ensemble.label.horizonBars },
      ...{ fromMs, toMs, withBreaker, limits, policy },
    },
  );
  return reportBacktest(run, {
    ensembleId: ensemble.id,
    range: { fromMs, toMs },
    settings,
    releasedSettings: releasedSettings(released),
    decisions: predictions.reduce((sum, { openTimeMs }) => sum + openTimeMs.length, 0),
    costs,
    withBreaker,
    abstentions,
    symbolProblems,
    trainedToMs,
    series,
    drawIndex: seededDraws(),
  });
}

/** The store with the ensemble as the settings change it: decisions and orders then follow the same one. */
function servingEnsemble(objects: ObjectStore, ensemble: Ensemble): ObjectStore {
  const body = new TextEncoder().encode(JSON.stringify(ensemble));
  return {
    ...objects,
    async get(key, versionId) {
      const stored = await objects.get(key, versionId);
      return stored === undefined || key !== ensembleKey(ensemble.id) ? stored : { ...stored, body };
    },
  };
}

function createSimulatedClock(startMs: number): SimulatedClock {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    set: (to) => {
      nowMs = to;
    },
  };
}

/** Objects as first read: a release during a backtest is not part of the past. */
function remember(store: ObjectStore): ObjectStore {
  const known = new Map<string, Promise<StoredObject | undefined>>();
  return {
    ...store,
    get(key, versionId) {
      const name = `${key}@${versionId ?? ''}`;
      const reading = known.get(name) ?? store.get(key, versionId);
      known.set(name, reading);
      return reading;
    },
  };
}
