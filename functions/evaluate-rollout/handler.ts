// The evaluate function: once an hour GO or NO_GO, the evidence for it, the parity proof, and drift. A broken bound steps the
// rollout down in the same run; what could not be stored fails the invocation, so that its retry and its alarm take over.

import type { DriftRecord } from '../../lib/risk/records.ts';
import type { RolloutJudgement } from '../../lib/rollout/use-cases/assess-rollout.ts';
import { composeEvaluate, type EvaluateComposition } from '../../lib/runtime/compose/evaluate-rollout.ts';
import { readEvaluateConfiguration } from '../../lib/runtime/config/configuration.ts';
import { onLambda } from '../../lib/runtime/lambda.ts';

export interface EvaluateResult {
  readonly verdict: 'GO' | 'NO_GO';
  /** Criteria that are not met. */
  readonly criteria: readonly string[];
  readonly breaches: readonly string[];
  readonly evidenceKey: string;
  readonly evidenceSha256: string;
  /** After this evaluation; null when it could not be read. */
  readonly stage: string | null;
  /** null when drift could not be measured; the log says why. */
  readonly driftedFeatures: number | null;
}

/** The handler over a composition; `handler` below is the one that Lambda calls. */
export function createEvaluateHandler({
  judge,
  record,
  watchDrift,
}: Pick<EvaluateComposition, 'judge' | 'record' | 'watchDrift'>) {
  return async (): Promise<EvaluateResult> => {
    const judgement = await judge();
    record(judgement);
    // Last: neither a decision nor its alarms wait for what decides nothing.
    return describe(judgement, await watchDrift());
  };
}

function describe(
  { decision, stored, stage, steppedDown }: RolloutJudgement,
  drift: DriftRecord,
): EvaluateResult {
  const { criteria, breaches } = decision.verdict === 'GO' ? { criteria: [], breaches: [] } : decision;
  return {
    verdict: decision.verdict,
    criteria,
    breaches,
    evidenceKey: stored.key,
    evidenceSha256: stored.sha256,
    stage: steppedDown?.current.stage ?? stage ?? null,
    driftedFeatures: drift.outcome === 'measured' ? drift.drifted : null,
  };
}

export const handler = onLambda(() => createEvaluateHandler(composeEvaluate(readEvaluateConfiguration())));
