// Stores a sizing policy whose shares are known by hand: a sigmoid (or what a test asks for) of a weighted state.
import { createHash } from 'node:crypto';
import {
  type NamedPolicy,
  type PolicyManifest,
  policyKey,
  policyManifestKey,
  SIZING_COLUMNS,
  type SizingColumn,
} from '../../../lib/models/sizing-policy.ts';
import { buildPolicyModel, INPUT_NAME, OUTPUT_NAME, type PolicyShape } from './build-model.ts';
import { toJson } from './build-model-folder.ts';
import type { MemoryObjectStore } from './memory-object-store.ts';

export interface PolicyPlan {
  readonly weights?: Partial<Record<SizingColumn, number>>;
  /** @default 0: a share of a half */
  readonly bias?: number;
  readonly shape?: PolicyShape;
  readonly version?: string;
  /** Last change to the manifest before it is hashed. */
  readonly manifest?: (manifest: PolicyManifest) => unknown;
}

const GOLDEN_ROWS = 32;
const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** 0.01 to 0.32 in every column, each row another. */
const goldenState = (row: number): number[] => SIZING_COLUMNS.map(() => Math.fround((row + 1) / 100));

/** @returns how an ensemble names it */
export async function writePolicy(
  store: Pick<MemoryObjectStore, 'put'>,
  plan: PolicyPlan = {},
): Promise<NamedPolicy> {
  const { weights = { spread_bps: -0.1 }, bias = 0, shape = 'sigmoid', version = 'v20240805_000000' } = plan;
  const policy = { name: 'sizing', version };
  const row = SIZING_COLUMNS.map((column) => weights[column] ?? 0);
  const divisor = SIZING_COLUMNS.map((column) => (column === 'drawdown' ? 1 : 0));
  const bytes = buildPolicyModel({ weights: row, bias, shape, divisor });
  const shareOf = (state: readonly number[]) => {
    const sum = state.reduce((total, value, index) => total + value * row[index]!, bias);
    return shape === 'relu' ? Math.max(0, sum) : 1 / (1 + Math.exp(-sum));
  };
  const states = Array.from({ length: GOLDEN_ROWS }, (_, index) => goldenState(index));
  const inputs = Buffer.alloc(GOLDEN_ROWS * SIZING_COLUMNS.length * 4);
  for (const [index, value] of states.flat().entries()) inputs.writeFloatLE(value, index * 4);
  const complete: PolicyManifest = {
    schemaVersion: 1,
    kind: 'sizing_policy',
    ...policy,
    file: 'model.onnx',
    sha256: sha256Of(bytes),
    bytes: bytes.length,
    opset: { 'ai.onnx': 17 },
    input: { kind: 'state', name: INPUT_NAME, columns: [...SIZING_COLUMNS] },
    bounds: SIZING_COLUMNS.map(() => ({ min: -100, max: 100 })),
    output: { name: OUTPUT_NAME, columns: ['share'] },
    training: { fromMs: 0, toMs: 1, candidates: 100, seed: 7, episodesSha256: ['0'.repeat(64)] },
    evidence: { trials: 3 },
    libraries: { test: '1' },
    goldenVectors: {
      rows: GOLDEN_ROWS,
      inputsBase64: inputs.toString('base64'),
      answers: states.map((state) => [shareOf(state)]),
    },
  };
  const manifest = toJson(plan.manifest === undefined ? complete : plan.manifest(complete));
  await store.put(policyManifestKey(policy), manifest);
  const put = await store.put(policyKey(policy), bytes);
  const versionId = put.outcome === 'stored' ? (put.info.versionId ?? null) : null;
  return { ...policy, sha256: sha256Of(bytes), manifestSha256: sha256Of(manifest), versionId };
}

/** Every way in which a stored policy can be wrong, and the reason that loading gives. */
export const POLICY_FAULTS: readonly {
  readonly fault: string;
  readonly reason: string;
  readonly plan?: PolicyPlan;
  /** After it is stored and named. */
  readonly spoil?: (store: MemoryObjectStore, named: NamedPolicy) => Promise<unknown>;
}[] = [
  {
    fault: 'one byte of the model is another',
    reason: 'sha256_mismatch',
    spoil: async (store, named) => {
      const body = Uint8Array.from((await store.get(policyKey(named)))!.body);
      body[body.length >> 1]! ^= 1;
      await store.put(policyKey(named), body);
    },
  },
  {
    fault: 'the manifest is another than the ensemble names',
    reason: 'sha256_mismatch',
    spoil: async (store, named) => {
      const { body } = (await store.get(policyManifestKey(named)))!;
      await store.put(policyManifestKey(named), Buffer.concat([body, Buffer.from(' ')]));
    },
  },
  {
    fault: 'it reads the columns in another order',
    reason: 'feature_set_mismatch',
    plan: {
      manifest: (manifest) => ({
        ...manifest,
        input: { ...manifest.input, columns: manifest.input.columns.toReversed() },
      }),
    },
  },
  {
    fault: 'its bounds are too few',
    reason: 'manifest_invalid',
    plan: { manifest: (manifest) => ({ ...manifest, bounds: manifest.bounds.slice(1) }) },
  },
  {
    fault: 'it does not reproduce its golden vectors',
    reason: 'golden_mismatch',
    plan: {
      manifest: ({ goldenVectors, ...manifest }) => ({
        ...manifest,
        goldenVectors: { ...goldenVectors, answers: goldenVectors.answers.map(([share]) => [share! + 1e-4]) },
      }),
    },
  },
  {
    fault: 'a golden share is above 1',
    reason: 'invalid_output',
    plan: { shape: 'relu', weights: { spread_bps: 10 } },
  },
  {
    fault: 'it says the same of every state',
    reason: 'degenerate_output',
    plan: { weights: {} },
  },
  {
    fault: 'the model is missing',
    reason: 'model_missing',
    spoil: (store, named) => store.remove(policyKey(named)),
  },
  {
    fault: 'the manifest is missing',
    reason: 'model_missing',
    spoil: (store, named) => store.remove(policyManifestKey(named)),
  },
  {
    fault: 'an operator has quarantined it',
    reason: 'quarantined_by_operator',
    spoil: (store, { name, version }) =>
      store.put(
        `quarantine/${name}/${version}.json`,
        toJson({
          ...{ schemaVersion: 1, name, version, state: 'quarantined', reason: 'sizes too large' },
          ...{ by: 'olga', atMs: 1, audit: 'audit/models/1' },
        }),
      ),
  },
];
