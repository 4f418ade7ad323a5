// A manifest describes the model that the ensemble names, and reads what this code computes; each way of not doing so is told.
import { expect, test } from 'vitest';
import { FEATURE_NAMES, FEATURE_SET_HASH, SEQUENCE_COLUMNS } from '../../lib/features/feature-set.ts';
import {
  findFeatureMismatch,
  findMemberMismatch,
  outputWidthOf,
  type SessionInput,
  valuesPerRow,
} from '../../lib/models/check-manifest.ts';
import type { Ensemble } from '../../lib/models/ensemble.ts';
import { SIZING_COLUMNS } from '../../lib/models/sizing-policy.ts';
import { describeModel } from '../support/models/describe-model.ts';

const label = { kind: 'triple_barrier', horizonBars: 12, atrMultiple: 2, minBarrierBps: 30 } as const;
const describeKind = (kind: 'tabular' | 'sequence') =>
  describeModel({
    ...{ name: 'xgboost', version: 'v20240728_000000', kind, bytes: new Uint8Array(1), label },
    golden: () => [],
    names: { input: 'x', output: 'y' },
  });
const manifest = describeKind('tabular');
const { name, version, sha256 } = manifest;
const member = { name, version, sha256, manifestSha256: 'b'.repeat(64), versionId: null, weight: 1 };
const ensemble: Ensemble = {
  ...{ schemaVersion: 1, id: 'e20240728_000000', featureSetHash: FEATURE_SET_HASH, label, members: [member] },
  ...{ costs: { feeBps: 5, slippageBps: 2 }, edgeThresholdBps: 2, holdBars: 12 },
  confidence: { scores: [-1, 1], probabilities: [0.2, 0.8], rows: 1000, days: 30 },
  ...{ stopAtrMultiple: 1.2, stopAtrTimeframe: '5m', sizingPolicy: null },
};

test('a manifest that says what the ensemble says is its own', () => {
  expect(findMemberMismatch(manifest, { member, ensemble })).toBeUndefined();
});

test.each([
  [{ name: 'nhits' }, 'name nhits, the ensemble xgboost'],
  [{ version: 'v1' }, 'version v1, the ensemble v20240728_000000'],
  [{ sha256: 'f' }, `sha256 f, the ensemble ${sha256}`],
  [{ label: { ...label, horizonBars: 3 } }, 'label.horizonBars 3, the ensemble 12'],
  [{ label: { ...label, atrMultiple: 1 } }, 'label.atrMultiple 1, the ensemble 2'],
  [{ label: { ...label, minBarrierBps: 0 } }, 'label.minBarrierBps 0, the ensemble 30'],
])('a manifest with %j is of another model', (change, what) => {
  expect(findMemberMismatch({ ...manifest, ...change }, { member, ensemble })).toEqual({
    reason: 'manifest_mismatch',
    message: `manifest says ${what}`,
  });
});

test('a manifest of another feature set than the ensemble’s is told as such', () => {
  expect(findMemberMismatch({ ...manifest, featureSetHash: 'f' }, { member, ensemble })).toEqual({
    reason: 'feature_set_mismatch',
    message: `manifest says featureSetHash f, the ensemble ${FEATURE_SET_HASH}`,
  });
});

test.each(['tabular', 'sequence'] as const)('a %s model reads the columns of this code, in order', (kind) => {
  const described = describeKind(kind);
  const withColumns = (columns: string[]) =>
    findFeatureMismatch({ ...described, input: { ...described.input, columns } });
  const mismatch = (message: string) => ({ reason: 'feature_set_mismatch', message });
  const { columns } = described.input;
  expect(findFeatureMismatch(described)).toBeUndefined();
  const count = columns.length;
  expect(withColumns(columns.slice(1))).toEqual(
    mismatch(`input.columns has ${count - 1} entries, must be ${count}`),
  );
  for (const index of [0, count - 1])
    expect(withColumns(columns.with(index, 'x'))).toEqual(
      mismatch(`input.columns[${index}] is x, must be ${columns[index]}`),
    );
  expect(findFeatureMismatch({ ...described, featureSetHash: 'f'.repeat(64) })).toEqual(
    mismatch(`featureSetHash is ffffffffffff…, this code's is ${FEATURE_SET_HASH.slice(0, 12)}…`),
  );
});

test.each<[SessionInput, number, number]>([
  [{ kind: 'tabular', name: 'x', columns: [...FEATURE_NAMES] }, 49, 5],
  [{ kind: 'sequence', name: 'x', columns: [...SEQUENCE_COLUMNS], steps: 96 }, 96 * 8, 5],
  [{ kind: 'state', name: 'x', columns: [...SIZING_COLUMNS] }, 13, 1],
])('a row of %j has its values', (input, values, answers) => {
  expect(valuesPerRow(input)).toBe(values);
  expect(outputWidthOf(input)).toBe(answers);
});
