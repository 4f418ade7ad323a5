// The execute function: started by infer's success with the bar and shard that were decided. A run that fails is repeated by
// Lambda, which is harmless: the gate lets every decision through once.
import { z } from 'zod';
import type { ExecuteReport } from '../../lib/execution/execute-report.ts';
import { type ExecuteRequest, executeRequestSchema } from '../../lib/execution/use-cases/execute.ts';
import { composeExecute, type ExecuteComposition } from '../../lib/runtime/compose/execute.ts';
import { executeSettings } from '../../lib/runtime/config/function-settings.ts';
import { onLambda } from '../../lib/runtime/lambda.ts';

/** Infer's result as Lambda's on-success destination wraps it, or bare. */
const eventSchema = z.union([
  z.object({ responsePayload: executeRequestSchema }).transform(({ responsePayload }) => responsePayload),
  executeRequestSchema,
]);

export type ExecuteResult = Pick<
  ExecuteReport,
  'barOpenTimeMs' | 'shard' | 'shardCount' | 'scope' | 'mode' | 'held'
> & {
  readonly decisions: number;
  readonly entered: number;
};

/** The handler over a composition; `handler` below is the one that Lambda calls. */
export function createExecuteHandler({ executeBar, record }: ExecuteComposition) {
  return async (event: unknown): Promise<ExecuteResult> => {
    const request: ExecuteRequest = eventSchema.parse(event);
    const report = await executeBar(request);
    record(report);
    const { barOpenTimeMs, shard, shardCount, scope, mode, held, decisions } = report;
    const entered = decisions.filter(({ outcomes }) => outcomes.includes('entered')).length;
    return { barOpenTimeMs, shard, shardCount, scope, mode, held, decisions: decisions.length, entered };
  };
}

export const handler = onLambda(() => createExecuteHandler(composeExecute(executeSettings.read())));
