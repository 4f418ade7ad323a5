// The records that the hourly assessment of the rollout keeps: its newest decision, its parity proofs and its measurements of drift.
import * as z from 'zod';
import { type ParityProof, parityProofSchema } from '../features/parity-proof.ts';
import { type DriftRecord, driftRecordSchema } from '../models/drift-record.ts';
import { PASSING_KEPT_MS, type RecordKind, type SeriesKind } from '../risk/record-kind.ts';

/** The newest decision of the hourly evaluation, and the evidence it stands on. */
export const goNoGoRecordSchema = z.strictObject({
  verdict: z.enum(['GO', 'NO_GO']),
  decidedAtMs: z.int(),
  /** Criteria that are not met. */
  criteria: z.array(z.string()),
  /** Key of the evidence in the object store, and the SHA-256 (hex) of its bytes. */
  evidenceKey: z.string(),
  evidenceSha256: z.string().regex(/^[0-9a-f]{64}$/),
});

export type GoNoGoRecord = z.infer<typeof goNoGoRecordSchema>;

/** Of the scope `live`. */
export const GO_NO_GO: RecordKind<GoNoGoRecord> = { name: 'go-no-go', schema: goNoGoRecordSchema };

export const PARITY: SeriesKind<ParityProof> = {
  name: 'parity',
  schema: parityProofSchema,
  timeOf: ({ atMs }) => atMs,
  keptMs: PASSING_KEPT_MS,
};

export const DRIFT: SeriesKind<DriftRecord> = {
  name: 'drift',
  schema: driftRecordSchema,
  timeOf: ({ atMs }) => atMs,
  keptMs: PASSING_KEPT_MS,
};
