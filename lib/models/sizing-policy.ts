// The sizing policy: a small net that says how much of the full size an entry gets, 0…1, from what is known when it is sized. An
// ensemble names one, or none. It stands in the store as `policies/<name>/<version>/`, model and manifest like any model; what it reads
// is no feature row, so that it neither votes nor can be taken for a model that does.
import * as z from 'zod';
import { goldenVectorsSchema, modelNameSchema, modelVersionSchema, sha256Schema } from './manifest.ts';

/** Columns of the state, in order: all that a policy may know. */
export const SIZING_COLUMNS = [
  /** Of the signal: net of costs, and the deviation of the move, basis points. */
  'expected_edge_bps',
  'move_deviation_bps',
  'confidence',
  'consensus',
  /** ATR of 5 minutes, basis points of the close, and how it stands to its own mean (feature `atr_ratio`). */
  'atr_bps',
  'atr_ratio',
  /** Estimated from highs and lows (feature `corwin_schultz_20`), basis points. */
  'spread_bps',
  /** Of the account: shares of the exposure and of the positions that are allowed. */
  'exposure_used',
  'positions_used',
  /** From the circuit breaker's high-water mark, 0…1. */
  'drawdown',
  /** Stops hit within the last six hours. */
  'stop_hits',
  /** Of the bar's open, UTC. */
  'hour_sin',
  'hour_cos',
] as const;
export type SizingColumn = (typeof SIZING_COLUMNS)[number];
export type SizingState = Readonly<Record<SizingColumn, number>>;

export const SHARE_COLUMNS = ['share'] as const;

/** How an ensemble names its policy. */
export const sizingPolicySchema = z.strictObject({
  name: modelNameSchema,
  version: modelVersionSchema,
  sha256: sha256Schema,
  manifestSha256: sha256Schema,
  /** S3 VersionId of model.onnx; null in a folder, which has no versions. */
  versionId: z.string().nullable(),
});
export type NamedPolicy = z.infer<typeof sizingPolicySchema>;

const inputSchema = z.strictObject({
  /** float32 [rows, columns] */
  kind: z.literal('state'),
  name: z.string(),
  columns: z.array(z.string()).min(1).max(1000),
});
export type StateInput = z.infer<typeof inputSchema>;

const boundSchema = z
  .strictObject({ min: z.number(), max: z.number() })
  .refine(({ min, max }) => min <= max, { error: 'min is above max' });

export const policyManifestSchema = z.strictObject({
  schemaVersion: z.literal(1),
  kind: z.literal('sizing_policy'),
  name: modelNameSchema,
  version: modelVersionSchema,
  file: z.literal('model.onnx'),
  sha256: sha256Schema,
  bytes: z.int().positive(),
  opset: z.record(z.string(), z.int().positive()),
  input: inputSchema,
  /** By column: what training has seen. A state beyond is cut to it before the policy is asked. */
  bounds: z.array(boundSchema),
  /** float32 [rows, 1], each 0…1 */
  output: z.strictObject({ name: z.string(), columns: z.tuple([z.literal(SHARE_COLUMNS[0])]) }),
  training: z
    .object({
      fromMs: z.int(),
      toMs: z.int(),
      candidates: z.int().positive(),
      seed: z.int(),
      episodesSha256: z.array(sha256Schema).min(1),
    })
    .catchall(z.json()),
  /** What the walk-forward comparison gave. */
  evidence: z.object({ trials: z.int().positive() }).catchall(z.json()),
  libraries: z.record(z.string(), z.string()),
  goldenVectors: goldenVectorsSchema(SHARE_COLUMNS.length),
});
export type PolicyManifest = z.infer<typeof policyManifestSchema>;

export const POLICIES_PREFIX = 'policies/';
export const policyKey = (policy: { name: string; version: string }): string =>
  `${POLICIES_PREFIX}${policy.name}/${policy.version}/model.onnx`;
export const policyManifestKey = (policy: { name: string; version: string }): string =>
  `${POLICIES_PREFIX}${policy.name}/${policy.version}/manifest.json`;

/** The state as the policy reads it: in order, cut to its bounds. What is no number stays none. */
export const policyInput = (state: SizingState, bounds: PolicyManifest['bounds']): Float32Array =>
  Float32Array.from(SIZING_COLUMNS, (column, index) => {
    const { min, max } = bounds[index]!;
    return Math.min(Math.max(state[column], min), max);
  });

/** undefined for what is no share. */
export const readShare = (output: number | undefined): number | undefined =>
  output !== undefined && output >= 0 && output <= 1 ? output : undefined;
