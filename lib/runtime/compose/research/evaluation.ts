// Evaluates models and measures their drift over folders of recorded candles and stored models. Only a profile is written.
import { createOnnxModelRuntime } from '../../../adapters/onnx/onnx-model-runtime.ts';
import type { ObjectStore } from '../../../core/ports.ts';
import type { Result } from '../../../core/result.ts';
import type { OpenTimeRange } from '../../../market/bar-range.ts';
import { createEnsembleProvider } from '../../../models/use-cases/load-ensemble.ts';
import { type DriftError, type DriftReport, measureDrift } from '../../../models/use-cases/measure-drift.ts';
import {
  type ProfileError,
  type ProfileOutcome,
  writeFeatureProfile,
} from '../../../models/use-cases/write-profile.ts';
import type { Evaluation } from '../../../research/evaluation.ts';
import {
  type EvaluateError,
  type EvaluateRequest,
  evaluateModels,
} from '../../../research/use-cases/evaluate-models.ts';
import { seededDraws } from '../seeded-draws.ts';
import { type FolderQuery, type InputUnusable, openInput, openModels } from './recorded-input.ts';

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

/**
 * @param query.toMs the end of the measured bars; the end of the candles when undefined
 * @param query.store where ensemble and profile are; `modelsFolder` when undefined
 */
export async function measureFolderDrift(
  query: FolderQuery & {
    readonly bars: number;
    readonly toMs: number | undefined;
    readonly store: ObjectStore | undefined;
  },
): Promise<Result<DriftReport, DriftError | InputUnusable>> {
  const input = await openInput(query);
  if (!input.ok) return input;
  const { folder, symbols } = input.value;
  return measureDrift(
    { source: folder, store: query.store ?? openModels(query.modelsFolder), drawIndex: seededDraws() },
    { symbols, bars: query.bars, toMs: query.toMs },
  );
}

/** @param query.range the models' own training range where undefined */
export async function writeFolderProfile(
  query: FolderQuery & { readonly range: OpenTimeRange; readonly replace: boolean },
): Promise<Result<ProfileOutcome, ProfileError | InputUnusable>> {
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
