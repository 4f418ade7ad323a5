// The evaluate-rollout function: started every hour by EventBridge Scheduler. Stores GO or NO_GO with its evidence, the parity proof
// and drift. A breach steps the rollout down in the same run; a failed write fails the invocation, for its retry and its alarm.

import type { DriftRecord } from '../../lib/models/drift-record.ts';
import type { RolloutAssessment } from '../../lib/rollout/use-cases/assess-rollout.ts';
import {
  composeEvaluateRollout,
  type EvaluateRolloutComposition,
} from '../../lib/runtime/compose/evaluate-rollout.ts';
import { evaluateRolloutSettings } from '../../lib/runtime/config/function-settings.ts';
import { onLambda } from '../../lib/runtime/lambda.ts';

export interface EvaluateRolloutResult {
  readonly verdict: 'GO' | 'NO_GO';
  /** Unmet criteria. */
  readonly criteria: readonly string[];
  readonly breaches: readonly string[];
  readonly evidenceKey: string;
  readonly evidenceSha256: string;
  /** After this assessment; null when it could not be read. */
  readonly level: string | null;
  /** null when drift could not be measured; the log says why. */
  readonly driftedFeatures: number | null;
}

/** The handler over a composition; `handler` below is the one that Lambda calls. */
export function createEvaluateRolloutHandler({
  assess,
  record,
  watchDrift,
}: Pick<EvaluateRolloutComposition, 'assess' | 'record' | 'watchDrift'>) {
  return async (): Promise<EvaluateRolloutResult> => {
    const assessment = await assess();
    record(assessment);
    // Last: drift decides nothing, and neither the decision nor its alarms wait for it.
    return describe(assessment, await watchDrift());
  };
}

function describe(
  { decision, stored, level, steppedDown }: RolloutAssessment,
  drift: DriftRecord,
): EvaluateRolloutResult {
  const { criteria, breaches } = decision.verdict === 'GO' ? { criteria: [], breaches: [] } : decision;
  return {
    verdict: decision.verdict,
    criteria,
    breaches,
    evidenceKey: stored.key,
    evidenceSha256: stored.sha256,
    level: steppedDown?.current.level ?? level ?? null,
    driftedFeatures: drift.outcome === 'measured' ? drift.drifted : null,
  };
}

export const handler = onLambda(() =>
  createEvaluateRolloutHandler(composeEvaluateRollout(evaluateRolloutSettings.read())),
);
