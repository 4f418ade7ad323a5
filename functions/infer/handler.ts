// The infer function: one run per 5-minute event. Its result names the bar and shard that were decided, for the executor that
// starts on its success. Signals that could not be stored fail the invocation, so that its retry completes them.
import { z } from 'zod';
import type { InferRun } from '../../lib/inference/infer-run.ts';
import { composeInfer, type InferComposition } from '../../lib/runtime/compose/infer.ts';
import { inferSettings } from '../../lib/runtime/config/function-settings.ts';
import { onLambda } from '../../lib/runtime/lambda.ts';

/** EventBridge Scheduler sends what the stack configured; anything else in the event is ignored. */
const eventSchema = z
  .object({ shard: z.int().min(0).default(0), shardCount: z.int().min(1).max(100).default(1) })
  .refine(({ shard, shardCount }) => shard < shardCount, 'shard must be less than shardCount');

export type InferResult = Pick<
  InferRun,
  'barOpenTimeMs' | 'shard' | 'shardCount' | 'ensembleId' | 'featureSetHash' | 'written' | 'alreadyDecided'
>;

/** The handler over a composition; `handler` below is the one that Lambda calls. */
export function createInferHandler({ inferShard, record }: InferComposition) {
  return async (event: unknown): Promise<InferResult> => {
    const { shard, shardCount } = eventSchema.parse(event ?? {});
    const run = await inferShard({ shard, shardCount });
    record(run);
    if (run.unwritten.length > 0)
      throw new Error(`${run.unwritten.length} signals could not be stored: ${run.unwritten[0]!.message}`);
    const { barOpenTimeMs, ensembleId, featureSetHash, written, alreadyDecided } = run;
    return { barOpenTimeMs, shard, shardCount, ensembleId, featureSetHash, written, alreadyDecided };
  };
}

export const handler = onLambda(() => createInferHandler(composeInfer(inferSettings.read())));
