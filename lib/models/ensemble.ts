// Which models serve together, with which weights and threshold: `ensembles/<id>.json`, and the pointer
// `ensembles/current.json` that names the active one.
import * as z from 'zod';
import { labelSchema, modelNameSchema, modelVersionSchema, sha256Schema } from './manifest.ts';
import { profitCurveSchema } from './profit-probability.ts';
import { sizingPolicySchema } from './sizing-policy.ts';
import { STOP_TIMEFRAME_NAMES } from './stop-timeframe.ts';

export const ensembleIdSchema = z.string().regex(/^e\d{8}_\d{6}$/, 'must look like e20240728_000000');

const memberSchema = z.strictObject({
  name: modelNameSchema,
  version: modelVersionSchema,
  sha256: sha256Schema,
  manifestSha256: sha256Schema,
  /** S3 VersionId of model.onnx; null in a folder, which has no versions. */
  versionId: z.string().nullable(),
  /** Relative to the other members'; bounded so that no mean over- or underflows. */
  weight: z.number().min(1e-6).max(1e6),
});
export type EnsembleMember = z.infer<typeof memberSchema>;

export const ensembleSchema = z.strictObject({
  schemaVersion: z.literal(1),
  id: ensembleIdSchema,
  featureSetHash: sha256Schema,
  label: labelSchema,
  members: z
    .array(memberSchema)
    .min(1)
    .max(16)
    .refine((members) => new Set(members.map(({ name }) => name)).size === members.length, {
      error: 'names a model twice, which would count its vote twice',
    }),
  /** Costs of one side of a trade, basis points. */
  costs: z.strictObject({ feeBps: z.number().min(0), slippageBps: z.number().min(0) }),
  /** Expected edge net of costs above which a signal acts. */
  edgeThresholdBps: z.number(),
  /** A position is closed this many bars after the one that decided: chosen by what it earned, not the label's horizon. */
  holdBars: z.int().min(1).max(288),
  /** From the edge to the probability that a decision ends with a net profit: a signal's confidence. */
  confidence: profitCurveSchema,
  /** Distance of the protective stop: a multiple of the average true range of a timeframe. */
  stopAtrMultiple: z.number().positive(),
  stopAtrTimeframe: z.enum(STOP_TIMEFRAME_NAMES),
  /** Scales every entry; null: every entry has its full size. */
  sizingPolicy: sizingPolicySchema.nullable().default(null),
});
export type Ensemble = z.infer<typeof ensembleSchema>;

/** Ensembles that rollback can return to; older promotions stay in the audit and in the pointer's own versions. */
export const PREVIOUS_ENSEMBLES_MAX = 20;

/** The active ensemble, and where rollback leads: one object, so one atomic write. */
export const pointerSchema = z.strictObject({
  ensembleId: ensembleIdSchema,
  /** Promoted before this one, newest first. */
  previous: z.array(ensembleIdSchema).max(PREVIOUS_ENSEMBLES_MAX).default([]),
  /** The audit entry of the change that wrote this; absent where a first ensemble was laid down with the system. */
  audit: z.string().optional(),
});
export type EnsemblePointer = z.infer<typeof pointerSchema>;

/** What runs beside the active ensemble: its votes are recorded and never counted. Apart from the pointer, so that who may
 * give a candidate its trial, such as the weekly retraining, need not be able to promote anything. */
export const shadowSchema = z.strictObject({
  /** null: nothing. */
  ensembleId: ensembleIdSchema.nullable(),
  /** The audit entry of the change that wrote this. */
  audit: z.string(),
});
export type ShadowPointer = z.infer<typeof shadowSchema>;

/** Keys in the store; a folder such as models/starter is laid out the same. */
export const POINTER_KEY = 'ensembles/current.json';
export const SHADOW_KEY = 'ensembles/shadow.json';
export const ensembleKey = (id: string): string => `ensembles/${id}.json`;
export const modelKey = (model: { name: string; version: string }): string =>
  `models/${model.name}/${model.version}/model.onnx`;
export const manifestKey = (model: { name: string; version: string }): string =>
  `models/${model.name}/${model.version}/manifest.json`;
export const quarantineKey = (model: { name: string; version: string }): string =>
  `quarantine/${model.name}/${model.version}.json`;
