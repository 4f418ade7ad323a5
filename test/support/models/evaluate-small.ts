// The evaluation of an ensemble of small nets on random walks: real ONNX Runtime, in a second.
import { createOnnxModelRuntime } from '../../../lib/adapters/onnx/onnx-model-runtime.ts';
import { success } from '../../../lib/core/result.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { createEnsembleProvider } from '../../../lib/models/use-cases/load-ensemble.ts';
import type { Evaluation } from '../../../lib/research/evaluation.ts';
import { evaluateModels } from '../../../lib/research/use-cases/evaluate-models.ts';
import { randomWalk, WALK_START_MS } from '../market/random-walk.ts';
import { buildModelFolder } from './build-model-folder.ts';
import { createMemoryObjectStore } from './memory-object-store.ts';

export async function evaluateSmall(edgeThresholdBps: number): Promise<Evaluation> {
  const store = createMemoryObjectStore({ versioned: false });
  await buildModelFolder({ store, ensemble: { edgeThresholdBps } });
  const ensembles = createEnsembleProvider({ store, runtime: createOnnxModelRuntime() });
  const result = await evaluateModels(
    {
      source: { read: async (symbol) => success(randomWalk({ seed: symbol.length, bars: 1_300 })) },
      ensembles,
      store,
      drawIndex: () => 0,
    },
    {
      symbols: ['AUSDT', 'BBUSDT'],
      range: { fromMs: WALK_START_MS + 1_000 * BAR_MS, toMs: undefined },
      everyBars: 1,
      onProgress: () => {},
    },
  );
  await ensembles.close();
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}
