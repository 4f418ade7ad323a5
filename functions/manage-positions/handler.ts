// The manage-positions function: started every minute by EventBridge Scheduler. An incomplete run fails the invocation, which raises
// the alarm on its errors; the next minute retries.

import {
  composeManagePositions,
  type ManagePositionsComposition,
  type ManagePositionsOutcome,
} from '../../lib/runtime/compose/manage-positions.ts';
import { managePositionsSettings } from '../../lib/runtime/config/function-settings.ts';
import { onLambda } from '../../lib/runtime/lambda.ts';

export interface ManagePositionsResult {
  readonly scopes: readonly { readonly scope: ManagePositionsOutcome['scope']; readonly outcome: string }[];
}

/** Why a run is incomplete; undefined for one that was completed, or left to a concurrent one. */
function failureOf(outcome: ManagePositionsOutcome): string | undefined {
  if ('failed' in outcome) return `${outcome.scope}: ${outcome.failed}`;
  if (outcome.outcome === 'completed' || outcome.outcome === 'overtaken') return undefined;
  return `${outcome.scope}: ${outcome.outcome}: ${outcome.faults.join('; ')}`;
}

/** The handler over a composition; `handler` below is the one that Lambda calls. Rejects after every scope had its run. */
export function createManagePositionsHandler({ manageScopes, record }: ManagePositionsComposition) {
  return async (): Promise<ManagePositionsResult> => {
    const outcomes = await manageScopes();
    for (const outcome of outcomes) record(outcome);
    const failures = outcomes.flatMap((outcome) => failureOf(outcome) ?? []);
    if (failures.length > 0) throw new Error(`the run is not complete: ${failures.join('; ')}`);
    return {
      scopes: outcomes.map((outcome) => ({
        scope: outcome.scope,
        outcome: 'outcome' in outcome ? outcome.outcome : outcome.failed,
      })),
    };
  };
}

export const handler = onLambda(() =>
  createManagePositionsHandler(composeManagePositions(managePositionsSettings.read())),
);
