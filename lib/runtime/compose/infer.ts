// Composes the infer function.
import { createDataClients } from '../../adapters/aws/create-data-clients.ts';
import { createS3ObjectStore } from '../../adapters/aws/s3/s3-object-store.ts';
import { createOnnxModelRuntime } from '../../adapters/onnx/onnx-model-runtime.ts';
import { recordInferRun } from '../../adapters/telemetry/record-infer-run.ts';
import type { InferRun } from '../../inference/infer-run.ts';
import { type InferOutcome, infer } from '../../inference/use-cases/infer.ts';
import { symbolsOfShard } from '../../market/universe.ts';
import { readUniverse } from '../../market/use-cases/active-universe.ts';
import { createCandleWindows } from '../../market/use-cases/candle-windows.ts';
import { createEnsembleProvider } from '../../models/use-cases/load-ensemble.ts';
import type { InferSettings } from '../config/function-settings.ts';
import { PROCESS_TIMERS } from '../timers.ts';
import { openMarketData } from './exchange/market-data.ts';
import { openFunctionRuntime, type RuntimeOverrides } from './function-runtime.ts';
import { openSignalStore } from './stores.ts';

export interface InferComposition {
  inferShard(shard: { shard: number; shardCount: number }): Promise<InferOutcome>;
  /** Writes the run to logs and metrics. */
  record(run: InferRun): void;
  close(): Promise<void>;
}

export function composeInfer(settings: InferSettings, overrides?: RuntimeOverrides): InferComposition {
  const runtime = openFunctionRuntime(createDataClients, 'infer', settings.stage, overrides);
  const objects = createS3ObjectStore({ client: runtime.clients.s3, bucket: settings.bucket });
  const ensembles = createEnsembleProvider({ store: objects, runtime: createOnnxModelRuntime() });
  const market = openMarketData(settings, runtime);
  const dependencies = {
    market,
    windows: createCandleWindows(market),
    ensembles,
    signals: openSignalStore(runtime, settings),
    clock: runtime.clock,
    stopwatchMs: PROCESS_TIMERS.stopwatchMs,
    sleep: PROCESS_TIMERS.pause,
    residentBytes: process.memoryUsage.rss,
    codeVersion: runtime.codeVersion,
    shadowRecords: objects,
  };
  return {
    async inferShard({ shard, shardCount }) {
      const symbols = readUniverse(objects).then((universe) =>
        symbolsOfShard(universe.symbols, { shard, shardCount }),
      );
      return infer(dependencies, { symbols, shard, shardCount });
    },
    record: (run) => recordInferRun(runtime.telemetry, run),
    async close() {
      await ensembles.close();
      await runtime.close();
    },
  };
}
