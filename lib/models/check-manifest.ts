// Does this manifest describe the model that the ensemble names, and does that model read the features that this code
// computes? Nothing runs where the answer is no.
import { FEATURE_NAMES, FEATURE_SET_HASH, SEQUENCE_COLUMNS } from '../features/feature-set.ts';
import { SEQUENCE_STEPS } from '../market/grid.ts';
import type { Ensemble, EnsembleMember } from './ensemble.ts';
import { labelSchema, type ModelInput, type ModelManifest } from './manifest.ts';
import { OUTPUT_WIDTH } from './model-output.ts';
import { SHARE_COLUMNS, type StateInput } from './sizing-policy.ts';
import type { ModelAbstentionReason } from './vote.ts';

const LABEL_FIELDS = labelSchema.keyof().options;

/** What disqualifies a model: a closed reason, and one line for the operator. */
export interface ModelProblem {
  readonly reason: ModelAbstentionReason;
  readonly message: string;
}

/** One of an ensemble's models, and the ensemble that says so. */
export interface MemberExpectation {
  readonly member: EnsembleMember;
  readonly ensemble: Ensemble;
}

/** First difference between a manifest and the ensemble that names it; undefined when they agree. */
export function findMemberMismatch(
  manifest: ModelManifest,
  { member, ensemble }: MemberExpectation,
): ModelProblem | undefined {
  const differ = (field: string, manifestSays: string, ensembleSays: string): ModelProblem => ({
    reason: 'manifest_mismatch',
    message: `manifest says ${field} ${manifestSays}, the ensemble ${ensembleSays}`,
  });
  for (const field of ['name', 'version', 'sha256'] as const) {
    if (manifest[field] !== member[field]) return differ(field, manifest[field], member[field]);
  }
  const differing = LABEL_FIELDS.find((field) => manifest.label[field] !== ensemble.label[field]);
  if (differing !== undefined) {
    return differ(`label.${differing}`, `${manifest.label[differing]}`, `${ensemble.label[differing]}`);
  }
  if (manifest.featureSetHash === ensemble.featureSetHash) return undefined;
  return {
    ...differ('featureSetHash', manifest.featureSetHash, ensemble.featureSetHash),
    reason: 'feature_set_mismatch',
  };
}

/** `feature_set_mismatch` when the model's columns, their order or its featureSetHash are not this code's. */
export function findFeatureMismatch(manifest: ModelManifest): ModelProblem | undefined {
  const mismatch = (message: string): ModelProblem => ({ reason: 'feature_set_mismatch', message });
  const { columns } = manifest.input;
  const expected = expectedColumns(manifest.input);
  if (columns.length !== expected.length) {
    return mismatch(`input.columns has ${columns.length} entries, must be ${expected.length}`);
  }
  const wrong = columns.findIndex((column, index) => column !== expected[index]);
  if (wrong >= 0) return mismatch(`input.columns[${wrong}] is ${columns[wrong]}, must be ${expected[wrong]}`);
  if (manifest.featureSetHash !== FEATURE_SET_HASH) {
    return mismatch(
      `featureSetHash is ${manifest.featureSetHash.slice(0, 12)}…, this code's is ${FEATURE_SET_HASH.slice(0, 12)}…`,
    );
  }
  return undefined;
}

function expectedColumns(input: ModelInput): readonly string[] {
  return input.kind === 'tabular' ? FEATURE_NAMES : SEQUENCE_COLUMNS;
}

/** What a session reads: a model rows of features, a sizing policy a state. */
export type SessionInput = ModelInput | StateInput;

/** float32 values of one input row: 49, or 96 × 8; of a state its columns. */
export function valuesPerRow(input: SessionInput): number {
  if (input.kind === 'state') return input.columns.length;
  return input.kind === 'tabular' ? FEATURE_NAMES.length : SEQUENCE_STEPS * SEQUENCE_COLUMNS.length;
}

/** float32 values of one output row. */
export const outputWidthOf = ({ kind }: SessionInput): number =>
  kind === 'state' ? SHARE_COLUMNS.length : OUTPUT_WIDTH;
