// The guard function: one run per minute. What it could not do fails the invocation, so that the alarm on its errors sounds; the
// next minute tries again.

import {
  composeGuard,
  type GuardComposition,
  type GuardOutcome,
} from '../../lib/runtime/compose/manage-positions.ts';
import { readGuardConfiguration } from '../../lib/runtime/config/configuration.ts';
import { onLambda } from '../../lib/runtime/lambda.ts';

export interface GuardResult {
  readonly scopes: readonly { readonly scope: GuardOutcome['scope']; readonly outcome: string }[];
}

/** Why a run does not count; undefined for one that was completed, or left to another one at the same time. */
function failureOf(outcome: GuardOutcome): string | undefined {
  if ('failed' in outcome) return `${outcome.scope}: ${outcome.failed}`;
  if (outcome.outcome === 'completed' || outcome.outcome === 'overtaken') return undefined;
  return `${outcome.scope}: ${outcome.outcome}: ${outcome.faults.join('; ')}`;
}

/** The handler over a composition; `handler` below is the one that Lambda calls. Rejects after every scope had its run. */
export function createGuardHandler({ guardScopes, record }: GuardComposition) {
  return async (): Promise<GuardResult> => {
    const outcomes = await guardScopes();
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

export const handler = onLambda(() => createGuardHandler(composeGuard(readGuardConfiguration())));
