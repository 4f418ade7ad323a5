// Every way in which a stored model can be wrong, one table for each way to get there; loading and publishing both refuse all
// of them, for the same reasons.
import { FEATURE_COUNT } from '../../../lib/features/feature-set.ts';
import { manifestKey, modelKey } from '../../../lib/models/ensemble.ts';
import type { ModelManifest } from '../../../lib/models/manifest.ts';
import type { ModelAbstentionReason } from '../../../lib/models/vote.ts';
import { answerLinear, buildEchoModel, buildLinearModel } from './build-model.ts';
import { DEFAULT_MEMBERS, type MemberPlan, rsiNet } from './build-model-folder.ts';
import type { MemoryObjectStore } from './memory-object-store.ts';

const XGBOOST = { name: 'xgboost', version: 'v20240728_000000' };

export const withXgboost = (plan: Partial<MemberPlan>): MemberPlan[] =>
  DEFAULT_MEMBERS.map((member) => (member.name === 'xgboost' ? { ...member, ...plan } : member));

/** Overwrites without a condition, as an attacker or a careless hand would. */
export const flipByte = async (store: MemoryObjectStore, key: string) => {
  const body = Uint8Array.from((await store.get(key))!.body);
  body[body.length >> 1]! ^= 1;
  await store.put(key, body);
};

const net = rsiNet('tabular', 0.1);
const flat = { ...net, weights: net.weights.map(() => [0, 0, 0]) };
const change =
  (edit: (manifest: ModelManifest) => object): NonNullable<MemberPlan['manifest']> =>
  (manifest) => ({ ...manifest, ...edit(manifest) });
const columns = (edit: (columns: string[]) => string[]) =>
  change(({ input }) => ({ input: { ...input, columns: edit([...input.columns]) } }));
const golden = (edit: (golden: ModelManifest['goldenVectors']) => object) =>
  change(({ goldenVectors }) => ({ goldenVectors: { ...goldenVectors, ...edit(goldenVectors) } }));

/** Name, change to xgboost's plan, reason, detail. */
export const DESCRIBED_FAULTS: [string, Partial<MemberPlan>, ModelAbstentionReason, RegExp][] = [
  ['HTML', { bytes: new TextEncoder().encode('<html>') }, 'session_failed', /./],
  ['a pickle', { bytes: Uint8Array.from([0x80, 4, 0x95, 0x2e]) }, 'session_failed', /./],
  [
    'a .pth',
    { bytes: new TextEncoder().encode('PK\x03\x04\x00\x00\x08\x08archive/data.pkl') },
    'session_failed',
    /./,
  ],
  ['0 bytes', { bytes: new Uint8Array(0) }, 'manifest_invalid', /bytes: .*; export the model again/],
  ['truncated', { bytes: buildLinearModel(net).subarray(0, 500) }, 'session_failed', /./],
  ['opset 999', { bytes: buildLinearModel(net, { opset: 999 }) }, 'session_failed', /Opset 999/],
  ['NaN', { bytes: buildLinearModel({ ...net, bias: [Number.NaN, 0, 0] }) }, 'golden_mismatch', /got NaN/],
  [
    'another net',
    { bytes: buildLinearModel(rsiNet('tabular', 0.1001)) },
    'golden_mismatch',
    /golden row 0, sell: got 0\.\d+, the trainer's is 0\.\d+/,
  ],
  [
    'constant',
    { bytes: buildLinearModel(flat), golden: (input, rows) => answerLinear(flat, input, rows) },
    'degenerate_output',
    /all 32 golden inputs/,
  ],
  [
    'no probabilities',
    {
      bytes: buildEchoModel(FEATURE_COUNT),
      golden: (input, rows) =>
        Array.from({ length: rows }, (_, row) => {
          return [...input.subarray(row * FEATURE_COUNT, row * FEATURE_COUNT + 5)];
        }),
    },
    'invalid_output',
    /golden row 0/,
  ],
  ['a sequence model', { bytes: buildLinearModel(rsiNet('sequence', 0.1)) }, 'session_failed', /rows,96,8/],
  [
    '48 columns',
    { manifest: columns((names) => names.slice(1)) },
    'feature_set_mismatch',
    /48 entries, must be 49/,
  ],
  [
    'column order',
    { manifest: columns(([a, b, ...rest]) => [b!, a!, ...rest]) },
    'feature_set_mismatch',
    /input\.columns\[0\] is log_return_12, must be log_return_1$/,
  ],
  [
    'another feature set',
    { manifest: change(() => ({ featureSetHash: 'f'.repeat(64) })) },
    'feature_set_mismatch',
    /featureSetHash f{64}/,
  ],
  [
    'another label',
    { manifest: change(({ label }) => ({ label: { ...label, horizonBars: 3 } })) },
    'manifest_mismatch',
    /label.horizonBars 3, the ensemble 12$/,
  ],
  ['another name', { manifest: change(() => ({ name: 'catboost' })) }, 'manifest_mismatch', /catboost/],
  [
    'unknown field',
    { manifest: change(() => ({ scaler: 'x' })) },
    'manifest_invalid',
    /unknown field scaler/,
  ],
  ['null manifest', { manifest: () => null }, 'manifest_invalid', /xgboost v20240728_000000: .*object/],
  [
    'no golden vectors',
    { manifest: change(() => ({ goldenVectors: undefined })) },
    'manifest_invalid',
    /goldenVectors is missing/,
  ],
  [
    'few golden vectors',
    { manifest: golden(({ answers }) => ({ answers: answers.slice(1) })) },
    'manifest_invalid',
    /31 rows, must be 32/,
  ],
  [
    'cut golden inputs',
    { manifest: golden(({ inputsBase64 }) => ({ inputsBase64: inputsBase64.slice(4) })) },
    'manifest_invalid',
    /6269 bytes, must be 6272/,
  ],
  [
    'NaN golden inputs',
    { manifest: golden(() => ({ inputsBase64: Buffer.alloc(6272, 0xff).toString('base64') })) },
    'manifest_invalid',
    /not finite/,
  ],
];

/** Name, kind of store, damage to xgboost, reason. */
export const STORED_FAULTS: [
  string,
  { versioned: boolean },
  (store: MemoryObjectStore) => Promise<unknown>,
  ModelAbstentionReason,
][] = [
  ['flipped byte', { versioned: false }, (store) => flipByte(store, modelKey(XGBOOST)), 'sha256_mismatch'],
  ['overwritten', { versioned: true }, (store) => flipByte(store, modelKey(XGBOOST)), 'object_changed'],
  [
    'flipped manifest',
    { versioned: true },
    (store) => flipByte(store, manifestKey(XGBOOST)),
    'sha256_mismatch',
  ],
  [
    'swapped manifests',
    { versioned: true },
    async (store) => {
      const other = await store.get(manifestKey({ ...XGBOOST, name: 'lightgbm' }));
      await store.put(manifestKey(XGBOOST), other!.body);
    },
    'sha256_mismatch',
  ],
  [
    'emptied',
    { versioned: false },
    (store) => store.put(modelKey(XGBOOST), new Uint8Array(0)),
    'sha256_mismatch',
  ],
  ['model removed', { versioned: true }, (store) => store.remove(modelKey(XGBOOST)), 'model_missing'],
  ['manifest removed', { versioned: true }, (store) => store.remove(manifestKey(XGBOOST)), 'model_missing'],
  ['unreadable', { versioned: true }, async (store) => store.failReadsOf('xgboost'), 'store_unavailable'],
];
