// Composes the infer use case over folders: recorded candles and models in, signals out. Nothing is written.
import { openCandleFolder } from '../../../adapters/files/candle-folder.ts';
import { createFolderMarketData } from '../../../adapters/files/folder-market-data.ts';
import { createFolderObjectStore } from '../../../adapters/files/folder-object-store.ts';
import { createMemorySignalStore } from '../../../adapters/memory/memory-signal-store.ts';
import { createOnnxModelRuntime } from '../../../adapters/onnx/onnx-model-runtime.ts';
import { failure, type Result, success } from '../../../core/result.ts';
import { type InferOutcome, infer } from '../../../inference/use-cases/infer.ts';
import { createCandleWindows } from '../../../market/use-cases/candle-windows.ts';
import { createEnsembleProvider } from '../../../models/use-cases/load-ensemble.ts';
import { CODE_VERSION } from '../../config/code-version.ts';
import { STARTER_MODELS_FOLDER } from '../../config/starter-models.ts';

/** Fails with one line when the folder of candles is unusable or lacks a requested symbol. */
export async function inferFromFolder(query: {
  readonly dataFolder: string;
  /** @default the starter models */
  readonly modelsFolder: string | undefined;
  readonly atMs: number;
  /** @default all symbols of the folder */
  readonly symbols: readonly string[] | undefined;
}): Promise<Result<InferOutcome, string>> {
  const folder = await openCandleFolder(query.dataFolder);
  if (!folder.ok) return folder;
  const symbols = query.symbols ?? folder.value.symbols;
  const unknown = symbols.filter((symbol) => !folder.value.symbols.includes(symbol));
  if (unknown.length > 0) return failure(`no candles of ${unknown.join(', ')} in ${query.dataFolder}`);

  const ensembles = createEnsembleProvider({
    store: createFolderObjectStore(query.modelsFolder ?? STARTER_MODELS_FOLDER),
    runtime: createOnnxModelRuntime(),
  });
  const market = createFolderMarketData(folder.value, query.atMs);
  try {
    const outcome = await infer(
      {
        market,
        windows: createCandleWindows(market),
        ensembles,
        signals: createMemorySignalStore(),
        clock: { nowMs: () => query.atMs },
        stopwatchMs: () => performance.now(),
        residentBytes: process.memoryUsage.rss,
        codeVersion: CODE_VERSION,
      },
      { symbols, shard: 0, shardCount: 1 },
    );
    return success(outcome);
  } finally {
    await ensembles.close();
  }
}
