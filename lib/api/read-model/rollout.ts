// How far live trading may go: the level, its sign-offs, the newest GO/NO-GO criterion by criterion, and what the next level lacks.
import * as z from 'zod';
import type { Clock, ObjectStore } from '../../core/ports.ts';
import { initialRollout, LEVEL_LIMITS, rolloutStateSchema } from '../../risk/level.ts';
import type { RiskStore } from '../../risk/ports.ts';
import { readRecord } from '../../risk/use-cases/read-level.ts';
import { GO_CRITERIA, type GoCriterion } from '../../rollout/go-no-go.ts';
import { type GoNoGoRecord, goNoGoRecordSchema } from '../../rollout/records.ts';
import { verifyEvidence } from '../../rollout/use-cases/evidence-bundle.ts';
import { findAdvanceDenials, readDecision } from '../../rollout/use-cases/move-rollout.ts';

const criterionSchema = z.strictObject({
  criterion: z.enum(Object.keys(GO_CRITERIA) as [GoCriterion]),
  meaning: z.string(),
  status: z.enum(['met', 'not_met', 'breach', 'unknown']),
  value: z.number().nullable(),
});

export const rolloutAnswerSchema = z.strictObject({
  state: rolloutStateSchema
    .nullable()
    .describe('null: the record is malformed; step down to begin on paper.'),
  limits: z.strictObject({ capitalFraction: z.number(), positions: z.int() }).nullable(),
  decision: goNoGoRecordSchema.nullable().describe('null: nothing was assessed yet.'),
  criteria: z.array(criterionSchema).describe('Of the decision, from its proven evidence.'),
  denials: z
    .array(z.strictObject({ code: z.string(), message: z.string() }))
    .describe('What the next level lacks; empty when nothing does.'),
  problems: z.array(z.string()).describe('Why criteria are missing.'),
});
type RolloutAnswer = z.infer<typeof rolloutAnswerSchema>;

interface Sources {
  readonly risk: RiskStore;
  readonly objects: ObjectStore;
  readonly clock: Clock;
}

/** Changes nothing. Throws StoreError. */
export async function readRolloutState({ risk, objects, clock }: Sources): Promise<RolloutAnswer> {
  const nowMs = clock.nowMs();
  const [record, decision] = await Promise.all([readRecord(risk), readDecision(risk)]);
  const state =
    record.kind === 'value' ? record.state : record.kind === 'missing' ? initialRollout(nowMs) : null;
  const [denials, checklist] = await Promise.all([
    state === null ? [] : findAdvanceDenials({ risk, objects }, state, nowMs),
    decision === undefined ? { criteria: [], problems: [] } : readCriteria(objects, decision),
  ]);
  return {
    state,
    limits: state === null ? null : LEVEL_LIMITS[state.level],
    decision: decision ?? null,
    denials: denials.map(({ code, message }) => ({ code, message })),
    ...checklist,
  };
}

async function readCriteria(
  objects: ObjectStore,
  { evidenceKey: key, evidenceSha256: sha256 }: GoNoGoRecord,
): Promise<Pick<RolloutAnswer, 'criteria' | 'problems'>> {
  const proven = await verifyEvidence(objects, { key, sha256 });
  if (!proven.ok) return { criteria: [], problems: [proven.error] };
  const criteria = proven.value.results.map((result) => ({
    ...result,
    meaning: GO_CRITERIA[result.criterion],
  }));
  return { criteria, problems: [] };
}
