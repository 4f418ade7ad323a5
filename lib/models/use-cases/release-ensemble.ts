// Use cases that change what serves: promote a verified, better candidate, roll back to the ensemble before, and name the shadow (a
// candidate that runs without being counted). Each is one conditional write: of two at the same moment one wins.

import { type Result, success } from '../../core/result.ts';
import {
  type Ensemble,
  type EnsemblePointer,
  POINTER_KEY,
  PREVIOUS_ENSEMBLES_MAX,
  SHADOW_KEY,
  type ShadowPointer,
} from '../ensemble.ts';
import type { EnsembleComparison } from '../ensemble-comparison.ts';
import { parseShadow } from '../parse-document.ts';
import type { CompareEnsembles } from '../ports.ts';
import { openEnsemble } from './load-ensemble.ts';
import type { ModelSource } from './load-model.ts';
import {
  catchStoreError,
  type ReleaseActor,
  type ReleaseFailure,
  readPointer,
  refuse,
  writeAudited,
} from './release-pointer.ts';
import { describePolicyProblem, provePolicy } from './sizing-policies.ts';

/** A signal needs two models that answer; an ensemble with fewer would answer HOLD for ever. */
const SERVING_MODELS_MIN = 2;

interface MovedPointer {
  readonly ensembleId: string;
  /** Active until now; null when none was. */
  readonly replaced: string | null;
  readonly auditKey: string;
}

interface Promotion extends MovedPointer {
  /** null when the promotion was forced. */
  readonly comparison: EnsembleComparison | null;
}

export interface PromotionRequest {
  readonly ensembleId: string;
  readonly actor: ReleaseActor;
  /** How the candidate must prove to be better; `forced` waives this demand, and no other. */
  readonly evidence: CompareEnsembles | 'forced';
}

/**
 * Activates a candidate: every member passes every check of loading, and its log-loss on the same rows, after what either
 * ensemble was trained on, is better than that of the active ensemble (95 % interval by day below 0).
 */
export function promoteEnsemble(
  source: ModelSource,
  { ensembleId, actor, evidence }: PromotionRequest,
): Promise<Result<Promotion, ReleaseFailure>> {
  return catchStoreError(async () => {
    // Read before the comparison: a pointer that moves while it runs refuses the write.
    const { pointer, condition } = await readPointer(source.store);
    const champion = pointer.ok ? pointer.value : undefined;
    if (champion?.ensembleId === ensembleId) return refuse('already_so', `${ensembleId} is active already`);
    const problem = await findEnsembleProblem(source, ensembleId);
    if (problem !== undefined) return problem;

    let comparison: EnsembleComparison | null = null;
    if (evidence !== 'forced') {
      if (!pointer.ok) return pointer;
      const compared = await provenBetter(evidence, pointer.value.ensembleId, ensembleId);
      if (!compared.ok) return compared;
      comparison = compared.value;
    }
    const replaced = champion?.ensembleId ?? null;
    const previous = champion === undefined ? [] : [champion.ensembleId, ...champion.previous];
    const written = await writeAudited(
      source.store,
      {
        action: 'promote',
        subject: ensembleId,
        actor,
        evidence: { replaced, forced: evidence === 'forced', comparison },
      },
      {
        key: POINTER_KEY,
        condition,
        document: (audit): EnsemblePointer => ({
          ensembleId,
          previous: previous.slice(0, PREVIOUS_ENSEMBLES_MAX),
          audit,
        }),
      },
    );
    return written.ok ? success({ ensembleId, replaced, auditKey: written.value, comparison }) : written;
  });
}

/**
 * Activates the ensemble before; called again, the one before that. A member that fails its checks abstains, but with fewer than
 * 2 left nothing changes.
 */
export function rollbackEnsemble(
  source: ModelSource,
  actor: ReleaseActor,
): Promise<Result<MovedPointer, ReleaseFailure>> {
  return catchStoreError(async () => {
    const { pointer, condition } = await readPointer(source.store);
    if (!pointer.ok) return pointer;
    const replaced = pointer.value.ensembleId;
    const [ensembleId, ...previous] = pointer.value.previous;
    if (ensembleId === undefined)
      return refuse('no_predecessor', `no earlier ensemble than ${replaced} is known`);
    const opened = await openEnsemble(source, ensembleId);
    if (!opened.ok) return refuse('ensemble_unusable', opened.error.message);
    await opened.value.release();
    const abstaining = opened.value.quarantined.map(describeProblem);
    // Without its policy an ensemble enters nothing, which is no reason to stay with a worse one.
    const policyProblem = await findPolicyProblem(source, opened.value.ensemble);
    if (policyProblem !== undefined) abstaining.push(policyProblem);
    if (opened.value.serving.length < SERVING_MODELS_MIN)
      return refuse('verification_failed', `${ensembleId} could not decide: ${abstaining.join('; ')}`);
    const written = await writeAudited(
      source.store,
      { action: 'rollback', subject: ensembleId, actor, evidence: { replaced, abstaining } },
      {
        key: POINTER_KEY,
        condition,
        document: (audit): EnsemblePointer => ({
          ensembleId,
          previous,
          audit,
        }),
      },
    );
    return written.ok ? success({ ensembleId, replaced, auditKey: written.value }) : written;
  });
}

/** @param ensembleId undefined ends the shadow @returns the key of the audit entry */
export function setShadow(
  source: ModelSource,
  ensembleId: string | undefined,
  actor: ReleaseActor,
): Promise<Result<string, ReleaseFailure>> {
  return catchStoreError(async () => {
    const { pointer } = await readPointer(source.store);
    if (!pointer.ok) return pointer;
    // Read before the checks: a shadow that someone names meanwhile refuses the write.
    const stored = await source.store.get(SHADOW_KEY);
    const shadow = stored && parseShadow(stored.body, SHADOW_KEY);
    const replaced = shadow?.ok ? shadow.value.ensembleId : null;
    if (replaced === (ensembleId ?? null) && shadow?.ok !== false)
      return refuse('already_so', `the shadow is ${ensembleId ?? 'none'} already`);
    if (ensembleId === pointer.value.ensembleId)
      return refuse('already_so', `${ensembleId} is active: it would be its own shadow`);
    const problem = ensembleId === undefined ? undefined : await findEnsembleProblem(source, ensembleId);
    if (problem !== undefined) return problem;
    return writeAudited(
      source.store,
      {
        action: 'shadow',
        subject: ensembleId ?? 'none',
        actor,
        evidence: { replaced, beside: pointer.value.ensembleId },
      },
      {
        key: SHADOW_KEY,
        condition: stored === undefined ? { ifAbsent: true } : { ifMatch: stored.etag },
        document: (audit): ShadowPointer => ({ ensembleId: ensembleId ?? null, audit }),
      },
    );
  });
}

/** undefined: every member and the policy pass every check that loading makes, and there are enough of them to decide. */
async function findEnsembleProblem(source: ModelSource, ensembleId: string) {
  const opened = await openEnsemble(source, ensembleId);
  if (!opened.ok) return refuse('ensemble_unusable', opened.error.message);
  await opened.value.release();
  const { serving, quarantined } = opened.value;
  if (quarantined.length > 0)
    return refuse('verification_failed', quarantined.map(describeProblem).join('; '));
  const policyProblem = await findPolicyProblem(source, opened.value.ensemble);
  if (policyProblem !== undefined) return refuse('verification_failed', policyProblem);
  if (serving.length >= SERVING_MODELS_MIN) return undefined;
  return refuse('ensemble_unusable', `${ensembleId} has one model, a signal needs ${SERVING_MODELS_MIN}`);
}

/** One line; undefined where the ensemble names no policy, or its policy passes every check. */
async function findPolicyProblem(
  source: ModelSource,
  { sizingPolicy }: Pick<Ensemble, 'sizingPolicy'>,
): Promise<string | undefined> {
  if (sizingPolicy === null) return undefined;
  const problem = await provePolicy(source, sizingPolicy, sizingPolicy);
  return problem && describePolicyProblem(sizingPolicy, problem);
}

async function provenBetter(
  compare: CompareEnsembles,
  championId: string,
  challengerId: string,
): Promise<Result<EnsembleComparison, ReleaseFailure>> {
  const compared = await compare({ championId, challengerId });
  if (!compared.ok) return refuse('comparison_impossible', compared.error);
  const { challengerIsBetter, meanDifference, interval, rows, days } = compared.value;
  if (challengerIsBetter) return compared;
  const bounds =
    interval === undefined
      ? 'too few days for an interval'
      : `95 % interval ${interval.low.toFixed(5)}…${interval.high.toFixed(5)}`;
  return refuse(
    'not_better',
    `${challengerId} is not shown to be better than ${championId}: log-loss difference ${meanDifference.toFixed(5)} nats, ` +
      `${bounds}, ${rows} rows of ${days} days; promote it only with --force and a reason`,
  );
}

const describeProblem = (problem: { model: string; version: string; reason: string; message: string }) =>
  `${problem.model} ${problem.version}: ${problem.reason}: ${problem.message}`;
