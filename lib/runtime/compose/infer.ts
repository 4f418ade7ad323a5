// The infer function, composed: adapters from settings, one use case, and its logs and metrics.
import { createClients } from '../../adapters/aws/create-clients.ts';
import { createDynamoSignalStore } from '../../adapters/aws/dynamodb/dynamo-signal-store.ts';
import { createS3ObjectStore } from '../../adapters/aws/s3/s3-object-store.ts';
import { createCcxtMarketData } from '../../adapters/binance/ccxt-market-data.ts';
import { createOnnxModelRuntime } from '../../adapters/onnx/onnx-model-runtime.ts';
import { createTelemetry } from '../../adapters/telemetry/powertools-telemetry.ts';
import { recordInferRun } from '../../adapters/telemetry/record-infer-run.ts';
import type { InferRun } from '../../inference/infer-run.ts';
import { infer } from '../../inference/use-cases/infer.ts';
import { CandleRevisions } from '../../market/candle-revisions.ts';
import { symbolsOfShard } from '../../market/universe.ts';
import { readUniverse } from '../../market/use-cases/active-universe.ts';
import { createEnsembleProvider } from '../../models/use-cases/load-ensemble.ts';
import { CODE_VERSION } from '../config/code-version.ts';
import type { InferConfiguration } from '../config/configuration.ts';
import type { RuntimeOverrides } from '../config/runtime-overrides.ts';

export interface InferComposition {
  inferShard(shard: { shard: number; shardCount: number }): Promise<InferRun>;
  /** Writes the run to logs and metrics. */
  record(run: InferRun): void;
  close(): Promise<void>;
}

export function composeInfer(
  configuration: InferConfiguration,
  {
    endpoints,
    clock = { nowMs: Date.now },
    codeVersion = CODE_VERSION,
    logOutput,
    unlimitedRequests = false,
  }: RuntimeOverrides = {},
): InferComposition {
  const clients = createClients(endpoints);
  const objects = createS3ObjectStore({ client: clients.s3, bucket: configuration.bucket });
  const ensembles = createEnsembleProvider({ store: objects, runtime: createOnnxModelRuntime() });
  const telemetry = createTelemetry({
    service: 'infer',
    stage: configuration.stage,
    ...(logOutput && { output: logOutput }),
  });
  const dependencies = {
    market: createCcxtMarketData({
      exchange: configuration.exchange,
      baseUrl: configuration.exchangeUrl,
      ...(unlimitedRequests && { weightPerMinute: Number.MAX_SAFE_INTEGER }),
    }),
    ensembles,
    signals: createDynamoSignalStore({
      client: clients.dynamodb,
      table: configuration.signalsTable,
      retentionDays: configuration.signalRetentionDays,
      clock,
    }),
    clock,
    stopwatchMs: () => performance.now(),
    residentBytes: process.memoryUsage.rss,
    codeVersion,
    shadowRecords: objects,
    revisions: new CandleRevisions(),
  };
  return {
    async inferShard({ shard, shardCount }) {
      const universe = await readUniverse(objects);
      const { run } = await infer(dependencies, {
        symbols: symbolsOfShard(universe.symbols, { shard, shardCount }),
        shard,
        shardCount,
      });
      return run;
    },
    record: (run) => recordInferRun(telemetry, run),
    async close() {
      await ensembles.close();
      clients.close();
    },
  };
}
