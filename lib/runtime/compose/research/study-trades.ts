// A study of stops or other exits over a folder of recorded candles.
import { openPredictionFile } from '../../../adapters/files/prediction-file.ts';
import { createOnnxModelRuntime } from '../../../adapters/onnx/onnx-model-runtime.ts';
import { failure, type Result, success } from '../../../core/result.ts';
import type { OpenTimeRange } from '../../../market/bar-range.ts';
import { createEnsembleProvider } from '../../../models/use-cases/load-ensemble.ts';
import { describeNothing } from '../../../research/symbol-problem.ts';
import { predictOnce } from '../../../research/use-cases/predictions.ts';
import {
  type StudyQuestion,
  studyTrades,
  type TradeStudy,
} from '../../../research/use-cases/study-trades.ts';
import { seededDraws } from '../seeded-draws.ts';
import { type FolderQuery, type InputUnusable, openInput, openModels } from './recorded-input.ts';

/** @param query.predictionsFile kept and used again; undefined keeps none. Fails with one line. */
export async function studyFolderTrades(
  query: FolderQuery & {
    readonly question: StudyQuestion;
    readonly range: OpenTimeRange;
    readonly predictionsFile: string | undefined;
    readonly onSymbol: (progress: { done: number; of: number; symbol: string }) => void;
  },
): Promise<Result<TradeStudy, InputUnusable | { readonly code: 'no_models'; readonly message: string }>> {
  const input = await openInput(query);
  if (!input.ok) return input;
  const { folder, symbols } = input.value;
  const refuse = (message: string) => failure({ code: 'input_unusable' as const, message });
  const file =
    query.predictionsFile === undefined ? undefined : await openPredictionFile(query.predictionsFile);
  if (file?.ok === false) return refuse(file.error);
  const cache = file?.value;
  const ensembles = createEnsembleProvider({
    store: openModels(query.modelsFolder),
    runtime: createOnnxModelRuntime(),
  });
  try {
    const current = await ensembles.current();
    if (!current.ok) return failure({ code: 'no_models', message: current.error.message });
    const loaded = current.value;
    try {
      let done = 0;
      const study = await studyTrades({
        question: query.question,
        source: folder,
        ensemble: loaded.ensemble,
        symbols,
        range: query.range,
        drawIndex: seededDraws(),
        predict: async (symbol, candles) => {
          const predictions = await predictOnce(loaded, symbol, { candles, range: query.range, cache });
          query.onSymbol({ done: ++done, of: symbols.length, symbol });
          return predictions;
        },
      });
      const saved = await cache?.save();
      if (saved?.ok === false) return refuse(saved.error);
      if (study.decided === 0)
        return refuse(
          `no bar to decide (${describeNothing([], study.symbolProblems)}): check --from, --to and --symbols`,
        );
      return success(study);
    } finally {
      await loaded.release();
    }
  } finally {
    await cache?.close();
    await ensembles.close();
  }
}
