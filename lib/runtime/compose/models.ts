// Composes models and their release: a store, the ONNX runtime that verifies models, and candles of a folder to compare them on.
import { openCandleFolder } from '../../adapters/files/candle-folder.ts';
import { createFolderObjectStore } from '../../adapters/files/folder-object-store.ts';
import { createIsolatedModelRuntime } from '../../adapters/onnx/isolated-model-runtime.ts';
import { createOnnxModelRuntime } from '../../adapters/onnx/onnx-model-runtime.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { type Result, success } from '../../core/result.ts';
import type { OpenTimeRange } from '../../market/bar-range.ts';
import { copyEnsemble } from '../../models/use-cases/copy-ensemble.ts';
import { verifyModels } from '../../models/use-cases/model-registry.ts';
import {
  type PromotionRequest,
  promoteEnsemble,
  rollbackEnsemble,
  setShadow,
} from '../../models/use-cases/release-ensemble.ts';
import type { ReleaseActor } from '../../models/use-cases/release-pointer.ts';
import { compareEnsembles, type TestCandles } from '../../research/use-cases/compare-ensembles.ts';
import { seededDraws } from './seeded-draws.ts';

export const openModelsFolder = createFolderObjectStore;

/** Loads and verifies every model in the store, each in a process of its own. Throws StoreError when the store cannot be read. */
export const verifyStoredModels = (store: ObjectStore): ReturnType<typeof verifyModels> =>
  verifyModels(store, createIsolatedModelRuntime());

/** Verifies the ensemble that the folder's pointer names and copies it into the store, without activating it. */
export const publishFolder = (folder: string, store: ObjectStore): ReturnType<typeof copyEnsemble> =>
  copyEnsemble({
    from: createFolderObjectStore(folder),
    to: store,
    runtime: createIsolatedModelRuntime(),
    pointer: 'untouched',
  });

/** Fails with one line when the folder of candles cannot be used. */
export async function openTestCandles(query: {
  readonly dataFolder: string;
  readonly range: OpenTimeRange;
  readonly onProgress: TestCandles['onProgress'];
}): Promise<Result<TestCandles, string>> {
  const folder = await openCandleFolder(query.dataFolder);
  if (!folder.ok) return folder;
  const { range, onProgress } = query;
  return success({
    source: folder.value,
    symbols: folder.value.symbols,
    range,
    drawIndex: seededDraws(),
    onProgress,
  });
}

/** Promotion, rollback and shadow in one store. */
export function composeRelease(store: ObjectStore) {
  const source = { store, runtime: createOnnxModelRuntime() };
  return {
    promote: ({
      candles,
      ...request
    }: Omit<PromotionRequest, 'evidence'> & { candles: TestCandles | 'forced' }) =>
      promoteEnsemble(source, {
        ...request,
        evidence:
          candles === 'forced' ? candles : (compared) => compareEnsembles(source, { ...compared, candles }),
      }),
    rollback: (actor: ReleaseActor) => rollbackEnsemble(source, actor),
    shadow: (ensembleId: string | undefined, actor: ReleaseActor) => setShadow(source, ensembleId, actor),
  };
}
