// The rollout at work: reads its state, decides by `transitionRollout`, and writes under the condition that nobody moved it
// meanwhile. The audit entry comes first: no change is without one, and one that the state does not bear out did not come about.

import type { Actor } from '../../core/actor.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { StoreError } from '../../core/store-error.ts';
import { MINUTE_MS } from '../../core/units.ts';
import { initialRollout, type RolloutState, type SignOffRole } from '../../risk/level.ts';
import type { RecordCondition, RiskStore } from '../../risk/ports.ts';
import { sortable } from '../../risk/record-kind.ts';
import { ROLLOUT_SCOPE, readRecord } from '../../risk/use-cases/read-level.ts';
import type { GoNoGoRecord } from '../records.ts';
import {
  ROLLOUT_DENIALS,
  type RolloutDenial,
  type RolloutEvent,
  type RolloutTransition,
  transitionRollout,
} from '../transition-rollout.ts';
import { verifyEvidence } from './evidence-bundle.ts';
import { rolloutRecords } from './rollout-records.ts';

/** How often less risk is tried again because someone else moved the rollout. */
const ATTEMPTS_MAX = 5;

/** The operator's clock may be behind that of the functions by so much; a replay's is read by the minute. */
const CLOCK_SKEW_MS_MAX = 2 * MINUTE_MS;

/** Why a change was refused. Closed. */
const REFUSALS = {
  ...ROLLOUT_DENIALS,
  state_unreadable: 'the rollout record is malformed: step down to begin on paper again',
  evidence_invalid: 'the evidence of the decision cannot be proven',
  conflict: 'someone else moved the rollout meanwhile: look at it and try again',
} as const;
export interface RolloutRefusal {
  readonly code: keyof typeof REFUSALS;
  /** One line for the operator. */
  readonly message: string;
}

/** The state, begun on paper now when there is none. A malformed record is a refusal. Throws StoreError. */
export async function readRollout(
  risk: RiskStore,
  nowMs: number,
): Promise<Result<RolloutState, RolloutRefusal>> {
  let record = await readRecord(risk);
  if (record.kind === 'missing') {
    await rolloutRecords(risk).rollout.put(ROLLOUT_SCOPE, initialRollout(nowMs), { ifAbsent: true });
    record = await readRecord(risk);
  }
  if (record.kind === 'value') return success(record.state);
  return failure({ code: 'state_unreadable', message: REFUSALS.state_unreadable });
}

/** The newest decision of the hourly evaluation. Throws StoreError. */
export async function readDecision(risk: RiskStore): Promise<GoNoGoRecord | undefined> {
  return (await rolloutRecords(risk).goNoGo.get(ROLLOUT_SCOPE))?.value;
}

/** Keeps the decision, unless there is a newer one. Throws StoreError. */
export async function keepDecision(risk: RiskStore, decision: GoNoGoRecord): Promise<void> {
  const { goNoGo } = rolloutRecords(risk);
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const before = await goNoGo.find(ROLLOUT_SCOPE);
    if (before?.value !== undefined && before.value.decidedAtMs > decision.decidedAtMs) return;
    const condition: RecordCondition = before ? { ifRevision: before.revision } : { ifAbsent: true };
    if ((await goNoGo.put(ROLLOUT_SCOPE, decision, condition)) === 'written') return;
  }
  throw new StoreError('the newest GO/NO-GO decision is written too often', { retryable: true });
}

/** Now, but not before what has just happened by a clock that is a little ahead. */
const notBefore = (nowMs: number, happenedAtMs: number): number =>
  happenedAtMs - nowMs <= CLOCK_SKEW_MS_MAX ? Math.max(nowMs, happenedAtMs) : nowMs;

interface Signature {
  readonly role: SignOffRole;
  readonly by: Actor;
  readonly nowMs: number;
}

/** A sign-off for the step from this level to the next. Throws StoreError. */
export async function signOffRollout(
  risk: RiskStore,
  { role, by, nowMs }: Signature,
): Promise<Result<RolloutTransition, readonly RolloutRefusal[]>> {
  const event: RolloutEvent = { kind: 'sign_off', role, operator: by, atMs: nowMs };
  return moveRollout(risk, event, { by, message: `signs off as ${role}` });
}

/** What an advance would need now; the evidence of a GO is proven first. Throws StoreError. */
async function advanceEvent(
  { risk, objects }: { risk: RiskStore; objects: ObjectStore },
  nowMs: number,
): Promise<Result<{ event: RolloutEvent; decision: GoNoGoRecord | undefined }, RolloutRefusal>> {
  const decision = await readDecision(risk);
  if (decision?.verdict === 'GO') {
    const { evidenceKey: key, evidenceSha256: sha256 } = decision;
    const proven = await verifyEvidence(objects, { key, sha256 });
    if (!proven.ok) return failure({ code: 'evidence_invalid', message: proven.error });
    const { verdict, decidedAtMs } = proven.value;
    if (verdict !== 'GO' || decidedAtMs !== decision.decidedAtMs)
      return failure({ code: 'evidence_invalid', message: `${key} is the evidence of another decision` });
  }
  const atMs = decision === undefined ? nowMs : notBefore(nowMs, decision.decidedAtMs);
  return success({ event: { kind: 'advance', atMs, decision }, decision });
}

interface RolloutStores {
  readonly risk: RiskStore;
  readonly objects: ObjectStore;
}

/** Everything that stands between this level and the next; empty when nothing does. Throws StoreError. */
export async function findAdvanceDenials(
  stores: RolloutStores,
  state: RolloutState,
  nowMs: number,
): Promise<readonly RolloutRefusal[]> {
  const asked = await advanceEvent(stores, nowMs);
  if (!asked.ok) return [asked.error];
  const { event } = asked.value;
  return transitionRollout(state, { ...event, atMs: notBefore(event.atMs, state.enteredAtMs) }).denials.map(
    refusal,
  );
}

/** One level up. Of two at once one is refused. Throws StoreError. */
export async function advanceRollout(
  stores: RolloutStores,
  { by, nowMs }: { readonly by: Actor; readonly nowMs: number },
): Promise<Result<RolloutTransition, readonly RolloutRefusal[]>> {
  const asked = await advanceEvent(stores, nowMs);
  if (!asked.ok) return failure([asked.error]);
  const { event, decision } = asked.value;
  const message = `on ${decision?.evidenceKey} sha256 ${decision?.evidenceSha256}`;
  return moveRollout(stores.risk, event, { by, message });
}

/** One level down, tried until it holds; on paper the day begins again. Also mends a malformed record. Throws StoreError. */
export async function stepDownRollout(
  risk: RiskStore,
  asked: {
    readonly kind: 'breach' | 'step_down';
    readonly by: Actor;
    readonly reason: string;
    readonly nowMs: number;
  },
): Promise<RolloutTransition> {
  const event: RolloutEvent = { kind: asked.kind, atMs: asked.nowMs };
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const moved = await moveRollout(risk, event, { by: asked.by, message: asked.reason });
    if (moved.ok) return moved.value;
  }
  throw new StoreError('the rollout is moved too often: it could not be stepped down', { retryable: true });
}

async function moveRollout(
  risk: RiskStore,
  event: RolloutEvent,
  { by, message }: { by: Actor; message: string },
): Promise<Result<RolloutTransition, readonly RolloutRefusal[]>> {
  const record = await readRecord(risk);
  const isDown = event.kind === 'breach' || event.kind === 'step_down';
  if (record.kind === 'malformed' && !isDown) return failure([refusal('state_unreadable')]);
  const state = record.kind === 'value' ? record.state : initialRollout(event.atMs);
  const atMs = notBefore(event.atMs, state.enteredAtMs);
  const moved = transitionRollout(state, { ...event, atMs });
  if (moved.outcome === 'denied') return failure(moved.denials.map(refusal));

  const revision = record.kind === 'missing' ? 0 : record.revision;
  const { audit, rollout } = rolloutRecords(risk);
  const what = `rollout ${moved.outcome}: ${moved.previous.level} -> ${moved.current.level}`;
  const auditId = `rollout#${sortable(atMs)}#${revision}#${moved.outcome}`;
  const audited = await audit.add(ROLLOUT_SCOPE, auditId, { atMs, what, by, message });
  // An entry left by an attempt that was cut off says the same of a step down, and does not hold it up.
  if (audited === 'conflict' && !isDown) return failure([refusal('conflict')]);
  const condition: RecordCondition =
    record.kind === 'missing' ? { ifAbsent: true } : { ifRevision: record.revision };
  const written = await rollout.put(ROLLOUT_SCOPE, moved.current, condition);
  return written === 'written' ? success(moved) : failure([refusal('conflict')]);
}

const refusal = (code: RolloutDenial | keyof typeof REFUSALS): RolloutRefusal => ({
  code,
  message: REFUSALS[code],
});
