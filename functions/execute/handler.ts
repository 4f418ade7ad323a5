// The execute function: turns the signals of one bar and shard into orders. Lambda starts it when `infer` has succeeded, with
// infer's result (infra/catalog/functions.ts, onSuccess); nothing else does. Lambda retries a run that fails, which is harmless:
// the gate lets every decision through once.
import type { ExecuteReport } from '../../lib/execution/execute-report.ts';
import { type ExecuteEvent, executeEventSchema } from '../../lib/inference/infer-events.ts';
import { composeExecute, type ExecuteComposition } from '../../lib/runtime/compose/execute.ts';
import { executeSettings } from '../../lib/runtime/config/function-settings.ts';
import { onLambda } from '../../lib/runtime/lambda.ts';

export type ExecuteResult = Pick<
  ExecuteReport,
  'barOpenTimeMs' | 'shard' | 'shardCount' | 'scope' | 'mode' | 'held'
> & {
  readonly decisions: number;
  readonly entered: number;
};

/** The handler over a composition; `handler` below is the one that Lambda calls. */
export function createExecuteHandler({ executeBar, record }: ExecuteComposition) {
  return async (event: ExecuteEvent): Promise<ExecuteResult> => {
    const report = await executeBar(executeEventSchema.parse(event));
    record(report);
    const { barOpenTimeMs, shard, shardCount, scope, mode, held, decisions } = report;
    const entered = decisions.filter(({ outcomes }) => outcomes.includes('entered')).length;
    return { barOpenTimeMs, shard, shardCount, scope, mode, held, decisions: decisions.length, entered };
  };
}

export const handler = onLambda(() => createExecuteHandler(composeExecute(executeSettings.read())));
