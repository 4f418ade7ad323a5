// Builds a complete model store (models, manifests with golden vectors, ensemble, pointer) of small nets that follow the RSI:
// they lean to BUY above 50 and to SELL below, tabular and sequence nets alike, each with its own gain.
import type { ObjectStore } from '../../../lib/core/ports.ts';
import { FEATURE_COUNT, FEATURE_NAMES, SEQUENCE_COLUMNS } from '../../../lib/features/feature-set.ts';
import { SEQUENCE_STEPS } from '../../../lib/market/grid.ts';
import {
  type Ensemble,
  ensembleKey,
  manifestKey,
  modelKey,
  POINTER_KEY,
} from '../../../lib/models/ensemble.ts';
import type { ModelManifest } from '../../../lib/models/manifest.ts';
import { answerLinear, buildLinearModel, INPUT_NAME, type LinearNet, OUTPUT_NAME } from './build-model.ts';
import { describeModel, sha256Of } from './describe-model.ts';
import { ensembleOf, MODEL_VERSION } from './sample-ensemble.ts';

export interface MemberPlan {
  readonly name: string;
  readonly kind: 'tabular' | 'sequence';
  /** @default v20240728_000000 */
  readonly version?: string;
  /** @default 1 */
  readonly weight?: number;
  /** Logit of buy (and minus that of sell) per point of RSI away from 50. @default 0.1 */
  readonly gain?: number;
  /** Replaces the net's bytes; the manifest then describes (and hashes) these. */
  readonly bytes?: Uint8Array;
  /** Golden answers of the replaced bytes, [rows][5] for the golden inputs; the net's own without it. */
  readonly golden?: (input: Float32Array, rows: number) => number[][];
  /** Last change to the manifest before it is hashed into the ensemble; whatever JSON can hold. */
  readonly manifest?: (manifest: ModelManifest) => unknown;
}

export const DEFAULT_MEMBERS: readonly MemberPlan[] = [
  { name: 'xgboost', kind: 'tabular', gain: 0.1 },
  { name: 'lightgbm', kind: 'tabular', gain: 0.12 },
  { name: 'nhits', kind: 'sequence', gain: 0.08 },
  { name: 'patchtst', kind: 'sequence', gain: 0.09 },
];

interface ModelFolderPlan {
  readonly store: ObjectStore;
  readonly members?: readonly MemberPlan[];
  readonly ensemble?: Partial<Ensemble>;
}

const LABEL: Ensemble['label'] = {
  kind: 'triple_barrier',
  horizonBars: 12,
  atrMultiple: 2,
  minBarrierBps: 30,
};

/** Writes everything, the pointer last and unconditionally; @returns the ensemble now active. */
export async function buildModelFolder(plan: ModelFolderPlan): Promise<Ensemble> {
  const label = plan.ensemble?.label ?? LABEL;
  const members: Ensemble['members'] = [];
  for (const member of plan.members ?? DEFAULT_MEMBERS)
    members.push(await writeModel(plan.store, member, label));
  const ensemble = ensembleOf(members, {
    label,
    edgeThresholdBps: 2,
    confidence: { scores: [-1, 1], probabilities: [0.2, 0.8], rows: 1000, days: 30 },
    stopAtrMultiple: 1.2,
    ...plan.ensemble,
  });
  await plan.store.put(ensembleKey(ensemble.id), toJson(ensemble));
  await plan.store.put(POINTER_KEY, toJson({ ensembleId: ensemble.id }));
  return ensemble;
}

/** Net that leans by the RSI of the (last) row. */
export function rsiNet(kind: MemberPlan['kind'], gain: number): LinearNet {
  const rowShape = kind === 'tabular' ? [FEATURE_COUNT] : [SEQUENCE_STEPS, SEQUENCE_COLUMNS.length];
  const values = rowShape.reduce((product, size) => product * size, 1);
  const columns: readonly string[] = kind === 'tabular' ? FEATURE_NAMES : SEQUENCE_COLUMNS;
  const rsi = values - columns.length + columns.indexOf('rsi_14');
  return {
    rowShape,
    weights: Array.from({ length: values }, (_, index) => (index === rsi ? [-gain, 0, gain] : [0, 0, 0])),
    bias: [50 * gain, 0, -50 * gain],
  };
}

async function writeModel(
  store: ObjectStore,
  plan: MemberPlan,
  label: Ensemble['label'],
): Promise<Ensemble['members'][number]> {
  const { name, kind, version = MODEL_VERSION, weight = 1, gain = 0.1 } = plan;
  const net = rsiNet(kind, gain);
  const bytes = plan.bytes ?? buildLinearModel(net);
  const golden = plan.golden ?? ((input, rows) => answerLinear(net, input, rows));
  const names = { input: INPUT_NAME, output: OUTPUT_NAME };
  const complete = describeModel({ name, version, kind, bytes, label, golden, names });
  const manifest = toJson(plan.manifest === undefined ? complete : plan.manifest(complete));
  await store.put(manifestKey({ name, version }), manifest);
  const put = await store.put(modelKey({ name, version }), bytes);
  const versionId = put.outcome === 'stored' ? (put.info.versionId ?? null) : null;
  return { name, version, sha256: sha256Of(bytes), manifestSha256: sha256Of(manifest), versionId, weight };
}

export const toJson = (document: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(document));

/** The usual members, their manifests saying what they were trained on. */
export const membersTrainedOn = (training: { fromMs: number; toMs: number; symbols: string[] }) =>
  DEFAULT_MEMBERS.map((member) => ({
    ...member,
    manifest: (manifest: { training: object }) => ({
      ...manifest,
      training: { ...manifest.training, ...training },
    }),
  }));
