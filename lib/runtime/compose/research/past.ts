// Candles and models of folders made ready for a replay: the models are asked once, and of their answers only what is decided by them is
// kept, so that a year of a hundred symbols fits into memory.
import { openPredictionFile } from '../../../adapters/files/prediction-file.ts';
import { createOnnxModelRuntime } from '../../../adapters/onnx/onnx-model-runtime.ts';
import { invariant } from '../../../core/invariant.ts';
import type { ObjectStore, StoredObject } from '../../../core/ports.ts';
import { failure, type Result, success } from '../../../core/result.ts';
import { BETA_SYMBOL } from '../../../market/beta.ts';
import { type CandleSeries, countUntil, shareSeries, sliceSeries } from '../../../market/candle-series.ts';
import { ROW_WINDOW_BARS } from '../../../market/grid.ts';
import type { CandleSource } from '../../../market/ports.ts';
import type { Ensemble } from '../../../models/ensemble.ts';
import { createEnsembleProvider } from '../../../models/use-cases/load-ensemble.ts';
import type { LoadedEnsemble } from '../../../models/use-cases/loaded-ensemble.ts';
import type { QuarantinedModel } from '../../../models/use-cases/loaded-member.ts';
import { type AbstentionCounts, countAbstentions } from '../../../research/count-abstentions.ts';
import { gridBefore } from '../../../research/grid-before.ts';
import { type DecidedBars, decideBars } from '../../../research/replay/decided-bars.ts';
import { describeNothing, type SymbolProblem } from '../../../research/symbol-problem.ts';
import {
  type PredictionCache,
  type Predictions,
  predictOnce,
} from '../../../research/use-cases/predictions.ts';
import { type FolderQuery, type InputUnusable, openInput, openModels } from './recorded-input.ts';

export interface PastQuery extends FolderQuery {
  readonly fromMs: number;
  readonly toMs: number;
  readonly predictionsFile: string | undefined;
  readonly onSymbol: (progress: { done: number; of: number; symbol: string }) => void;
}

/** `no_decisions`: serving would abstain at every bar. */
export type BacktestError =
  | InputUnusable
  | { readonly code: 'no_models' | 'no_decisions'; readonly message: string };

/** Reads candles and models, asks the models once, and hands over all that a replay needs. */
export async function withPast<T>(
  query: PastQuery,
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
      if (past.series.size === 0)
        return refuse(
          `no candles of the range (${describeNothing([], past.symbolProblems)}): check --from, --to and --symbols`,
        );
      if (past.decided.every(({ candle }) => candle.length === 0))
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
    await file?.value.close();
    await ensembles.close();
  }
}

export interface Past {
  /** Up to the end of the range, by symbol in alphabetical order; only symbols that trade within it. */
  readonly series: ReadonlyMap<string, CandleSeries>;
  /** What betas are measured against, also where it is not traded; undefined where the folder has none. */
  readonly bitcoin: CandleSeries | undefined;
  /** Of the same symbols. */
  readonly decided: readonly DecidedBars[];
  /** What the models answered, of the same symbols: read or asked again, for the few replays that need it. */
  readonly predictions: () => Promise<readonly Predictions[]>;
  /** Bars of the range without a prediction, by reason. */
  readonly abstentions: AbstentionCounts;
  readonly symbolProblems: readonly SymbolProblem[];
}

function describeNoDecision(abstentions: AbstentionCounts): string {
  const counts = Object.entries(abstentions).map(([reason, bars]) => `${reason} ${bars}`);
  return `no bar of the range can be decided (${counts.join(', ')}): a decision needs ${ROW_WINDOW_BARS} bars before it, so add earlier candles or choose a later --from`;
}

async function predictAll(
  { fromMs, toMs, onSymbol }: Pick<PastQuery, 'fromMs' | 'toMs' | 'onSymbol'>,
  input: {
    readonly folder: CandleSource & { readonly symbols: readonly string[] };
    readonly symbols: readonly string[];
    readonly loaded: LoadedEnsemble;
    readonly cache: PredictionCache | undefined;
  },
): Promise<Past> {
  const { folder, loaded, cache } = input;
  const past = { series: new Map<string, CandleSeries>(), decided: [] as DecidedBars[] };
  const range = { fromMs, toMs };
  const symbolProblems: SymbolProblem[] = [];
  const abstentions: Record<string, number> = {};
  for (const [index, symbol] of [...input.symbols].sort().entries()) {
    const candles = await folder.read(symbol);
    const predicted = candles.ok
      ? await predictOnce(loaded, symbol, { candles: candles.value, range, cache })
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
    const series = shareSeries(sliceSeries(candles.value, 0, end));
    past.series.set(symbol, series);
    past.decided.push(decideBars(predicted.value, series, loaded.ensemble));
  }
  const predictions = async () => {
    const all: Predictions[] = [];
    for (const [symbol, candles] of past.series) {
      const predicted = await predictOnce(loaded, symbol, { candles, range, cache });
      invariant(predicted.ok, `${symbol} could be answered before`);
      all.push(predicted.value);
    }
    return all;
  };
  const bitcoin = past.series.get(BETA_SYMBOL) ?? (await readBitcoin(folder, toMs));
  return { ...past, bitcoin, predictions, abstentions, symbolProblems };
}

async function readBitcoin(
  folder: CandleSource & { readonly symbols: readonly string[] },
  toMs: number,
): Promise<CandleSeries | undefined> {
  if (!folder.symbols.includes(BETA_SYMBOL)) return undefined;
  const candles = await folder.read(BETA_SYMBOL);
  return candles.ok
    ? shareSeries(sliceSeries(candles.value, 0, countUntil(candles.value, toMs - 1)))
    : undefined;
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
