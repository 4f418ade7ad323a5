// Judging models and their drift over folders: recorded candles and stored models in, figures out; only a profile is written.
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { type CandleFolder, openCandleFolder } from '../adapters/files/candle-folder.ts';
import { createFolderObjectStore } from '../adapters/files/folder-object-store.ts';
import { createOnnxModelRuntime } from '../adapters/onnx/onnx-model-runtime.ts';
import { type EvaluateError, type EvaluateRequest, evaluateModels } from '../app/evaluate-models.ts';
import type { Evaluation } from '../app/evaluation.ts';
import {
  type DriftError,
  type DriftReport,
  measureDrift,
  type ProfileOutcome,
  writeFeatureProfile,
} from '../app/feature-drift.ts';
import { createEnsembleProvider } from '../app/load-ensemble.ts';
import type { DrawIndex } from '../evaluation/block-bootstrap.ts';
import type { OpenTimeRange } from '../labels/dataset-rows.ts';
import { failure, type Result, success } from '../result.ts';
import { STARTER_MODELS_FOLDER } from './starter-models.ts';

/** The same call gives the same intervals. */
const BOOTSTRAP_SEED = 20_240_801;

interface FolderQuery {
  readonly dataFolder: string;
  /** @default the starter models */
  readonly modelsFolder: string | undefined;
  /** @default all symbols of the folder */
  readonly symbols: readonly string[] | undefined;
}

/** One line of what is wrong with the folder of candles or the symbols asked for. */
interface InputUnusable {
  readonly code: 'input_unusable';
  readonly detail: string;
}

export async function evaluateFolder(
  query: FolderQuery & Omit<EvaluateRequest, 'symbols'>,
): Promise<Result<Evaluation, EvaluateError | InputUnusable>> {
  const input = await openInput(query);
  if (!input.ok) return input;
  const { folder, symbols } = input.value;
  const store = openModels(query.modelsFolder);
  const ensembles = createEnsembleProvider({ store, runtime: createOnnxModelRuntime() });
  try {
    return await evaluateModels(
      { source: folder, ensembles, store, drawIndex: seededDraws() },
      { ...query, symbols },
    );
  } finally {
    await ensembles.close();
  }
}

/** @param query.toMs the moment to look back from; the end of the candles when undefined */
export async function measureFolderDrift(
  query: FolderQuery & { readonly bars: number; readonly toMs: number | undefined },
): Promise<Result<DriftReport, DriftError | InputUnusable>> {
  const input = await openInput(query);
  if (!input.ok) return input;
  const { folder, symbols } = input.value;
  return measureDrift(
    { source: folder, store: openModels(query.modelsFolder), drawIndex: seededDraws() },
    { symbols, bars: query.bars, toMs: query.toMs },
  );
}

/** @param query.range the models' own training range where undefined */
export async function writeFolderProfile(
  query: FolderQuery & { readonly range: OpenTimeRange; readonly replace: boolean },
): Promise<Result<ProfileOutcome, DriftError | InputUnusable>> {
  const input = await openInput(query);
  if (!input.ok) return input;
  return writeFeatureProfile(
    { source: input.value.folder, store: openModels(query.modelsFolder) },
    {
      available: input.value.folder.symbols,
      symbols: query.symbols,
      range: query.range,
      replace: query.replace,
    },
  );
}

const openModels = (folder: string | undefined) => createFolderObjectStore(folder ?? STARTER_MODELS_FOLDER);

async function openInput({
  dataFolder,
  symbols,
}: FolderQuery): Promise<Result<{ folder: CandleFolder; symbols: readonly string[] }, InputUnusable>> {
  const refuse = (detail: string) => failure({ code: 'input_unusable' as const, detail });
  const folder = await openCandleFolder(dataFolder);
  if (!folder.ok) return refuse(folder.error);
  const unknown = (symbols ?? []).filter((symbol) => !folder.value.symbols.includes(symbol));
  if (unknown.length > 0) return refuse(`no candles of ${unknown.join(', ')} in ${dataFolder}`);
  return success({ folder: folder.value, symbols: symbols ?? folder.value.symbols });
}

function seededDraws(): DrawIndex {
  const generator = xoroshiro128plus(BOOTSTRAP_SEED);
  return (count) => uniformInt(generator, 0, count - 1);
}
