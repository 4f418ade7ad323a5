// The infer function: decides one bar of one shard. EventBridge Scheduler starts it every 5 minutes, once a shard, just after the
// bar has closed; on success Lambda starts `execute` with its result (infra/catalog/functions.ts). Signals that could not be
// stored fail the invocation, so that its retry completes them.
import { type BarDecided, inferEventSchema } from '../../lib/inference/infer-events.ts';
import { composeInfer, type InferComposition } from '../../lib/runtime/compose/infer.ts';
import { inferSettings } from '../../lib/runtime/config/function-settings.ts';
import { onLambda } from '../../lib/runtime/lambda.ts';

/** The handler over a composition; `handler` below is the one that Lambda calls. */
export function createInferHandler({ inferShard, record }: InferComposition) {
  return async (event: unknown): Promise<BarDecided> => {
    const { shard, shardCount } = inferEventSchema.parse(event ?? {});
    const { run, signals } = await inferShard({ shard, shardCount });
    record(run);
    if (run.unwritten.length > 0)
      throw new Error(`${run.unwritten.length} signals could not be stored: ${run.unwritten[0]!.message}`);
    const { barOpenTimeMs, ensembleId, featureSetHash, written, alreadyDecided } = run;
    const symbols = signals.map(({ symbol }) => symbol);
    return { barOpenTimeMs, shard, shardCount, ensembleId, featureSetHash, written, alreadyDecided, symbols };
  };
}

export const handler = onLambda(() => createInferHandler(composeInfer(inferSettings.read())));
