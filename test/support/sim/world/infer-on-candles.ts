// Infer as it is on AWS, over the simulated ports: the candles are the exchange's, the windows, features, checks and decisions are the
// product's own, and so is the way by which models are read and proven. Only the runtime that computes a model is another.

import type { ObjectStore } from '../../../../lib/core/ports.ts';
import type { SignalStore } from '../../../../lib/inference/ports.ts';
import { type InferOutcome, infer } from '../../../../lib/inference/use-cases/infer.ts';
import type { MarketData } from '../../../../lib/market/ports.ts';
import { symbolsOfShard } from '../../../../lib/market/universe.ts';
import { readUniverse } from '../../../../lib/market/use-cases/active-universe.ts';
import { createCandleWindows } from '../../../../lib/market/use-cases/candle-windows.ts';
import { createEnsembleProvider } from '../../../../lib/models/use-cases/load-ensemble.ts';
import type { Environment } from '../kernel/environment.ts';
import type { Stage } from './stage.ts';
import { createStubRuntime } from './stub-models.ts';

/** What a warm environment keeps: the windows, and the models that it has proven. */
export function openInferOnCandles(
  stage: Stage,
  { market, signals, objects }: { market: MarketData; signals: SignalStore; objects: ObjectStore },
  environment: Environment,
): (shard: { shard: number; shardCount: number }) => Promise<InferOutcome> {
  const runtime = createStubRuntime(() => stage.timeline.nowMs < stage.models.brokenUntilMs);
  const dependencies = {
    ...{ market, signals, windows: createCandleWindows(market) },
    ensembles: createEnsembleProvider({ store: objects, runtime }),
    clock: { nowMs: environment.nowMs },
    ...{ stopwatchMs: environment.stopwatchMs, sleep: environment.sleep },
    ...{ residentBytes: () => 0, codeVersion: environment.codeVersion, shadowRecords: objects },
  };
  return async ({ shard, shardCount }) => {
    const universe = await readUniverse(objects);
    const symbols = symbolsOfShard(universe.symbols, { shard, shardCount });
    return infer(dependencies, { symbols, shard, shardCount });
  };
}
