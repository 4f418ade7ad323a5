// Documents of models at the bounds of each of their fields: the last value that is taken, and the first that is not.
import { describe, expect, test } from 'vitest';
import type { ZodType } from 'zod';
import { FEATURE_SET_HASH } from '../../lib/features/feature-set.ts';
import {
  ensembleKey,
  ensembleSchema,
  manifestKey,
  modelKey,
  pointerSchema,
  quarantineKey,
  shadowSchema,
} from '../../lib/models/ensemble.ts';
import { manifestSchema } from '../../lib/models/manifest.ts';
import { quarantineSchema } from '../../lib/models/quarantine.ts';
import { describeModel } from '../support/models/describe-model.ts';

const NAME = { name: 'xgboost', version: 'v20240728_000000' };
const ID = 'e20240728_000000';
const HASH = 'a'.repeat(64);
const label = { kind: 'triple_barrier', horizonBars: 12, atrMultiple: 2, minBarrierBps: 30 } as const;
const metrics = { rows: 1, logLoss: 0.9, priorLogLoss: 1, brier: null, ece: 0.1, rankIc: null };

const manifestOf = (kind: 'tabular' | 'sequence') => ({
  ...describeModel({
    ...{ ...NAME, kind, bytes: new Uint8Array(1), label, names: { input: 'x', output: 'y' } },
    golden: (_, rows) => Array.from({ length: rows }, () => [0, 1, 2, 3, 4]),
  }),
  metrics: { folds: [{ ...metrics, fromMs: 1, toMs: 2 }], outOfFold: metrics },
});
const member = { ...NAME, sha256: HASH, manifestSha256: HASH, versionId: null, weight: 1 };
const ensemble = {
  ...{ schemaVersion: 1, id: ID, featureSetHash: FEATURE_SET_HASH, label, members: [member] },
  ...{ costs: { feeBps: 5, slippageBps: 2 }, edgeThresholdBps: 2, holdBars: 12 },
  confidence: { scores: [-1, 1], probabilities: [0.2, 0.8], rows: 1000, days: 30 },
  ...{ stopAtrMultiple: 1.2, stopAtrTimeframe: '5m', sizingPolicy: null },
};
const order = { schemaVersion: 1, ...NAME, state: 'lifted', reason: 'r', by: 'b', atMs: 1, audit: 'a' };

/** The document with one value, at a path such as members.0.name, replaced; undefined takes it away. */
function replaced(document: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const copy = structuredClone(document) as Record<string, unknown>;
  const next = replaced(copy[key], rest, value);
  if (next === undefined) delete copy[key];
  else copy[key] = next;
  return copy;
}

/** Every path to a value of a document, lists by their first entry. */
function pathsOf(document: unknown, path: readonly string[] = []): string[][] {
  if (typeof document !== 'object' || document === null) return [[...path]];
  const entries = Array.isArray(document) ? Object.entries(document).slice(0, 1) : Object.entries(document);
  return [
    ...(path.length > 0 ? [[...path]] : []),
    ...entries.flatMap(([key, value]) => pathsOf(value, [...path, key])),
  ];
}

interface Sample {
  readonly schema: ZodType;
  readonly document: object;
  /** Paths that may be absent. */
  readonly optional?: readonly string[];
}
const DOCUMENTS: Record<string, Sample> = {
  'a tabular manifest': { schema: manifestSchema, document: manifestOf('tabular') },
  'a sequence manifest': { schema: manifestSchema, document: manifestOf('sequence') },
  'an ensemble': { schema: ensembleSchema, document: ensemble, optional: ['sizingPolicy'] },
  'a pointer': {
    schema: pointerSchema,
    document: { ensembleId: ID, previous: [ID], audit: 'a' },
    optional: ['previous', 'audit'],
  },
  'a shadow': { schema: shadowSchema, document: { ensembleId: ID, audit: 'a' } },
  'an order of quarantine': { schema: quarantineSchema, document: order },
};
/** Their names are open, so that none of them has to be there. */
const OPEN = /^(opset|libraries)\./;

describe.each(Object.entries(DOCUMENTS))('%s', (_, { schema, document, optional = [] }) => {
  test('is taken as it is', () => {
    expect(schema.parse(document)).toEqual(document);
  });

  test('lacks nothing, and holds nothing of another kind', () => {
    for (const path of pathsOf(document)) {
      const name = path.join('.');
      const isEntry = /^\d+$/.test(path.at(-1)!);
      if (!isEntry && !OPEN.test(name) && !optional.includes(name))
        expect(schema.safeParse(replaced(document, path, undefined)).success, `without ${name}`).toBe(false);
      expect(schema.safeParse(replaced(document, path, true)).success, `true as ${name}`).toBe(false);
    }
  });

  test('has no field that is not known', () => {
    expect(schema.safeParse({ ...document, strange: 1 }).success).toBe(false);
  });
});

const many = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);
const golden = manifestOf('tabular').goldenVectors;

test.each<[keyof typeof DOCUMENTS, string, readonly unknown[], readonly unknown[]]>([
  ['a tabular manifest', 'schemaVersion', [1], [0, 2]],
  [
    'a tabular manifest',
    'name',
    ['a', 'a_9', `a${'b'.repeat(31)}`],
    ['', 'A', '9a', '_a', 'a-b', 'a b', ' a', 'a ', `a${'b'.repeat(32)}`],
  ],
  [
    'a tabular manifest',
    'version',
    ['v20240728_235959'],
    [
      '20240728_000000',
      'v2024072_000000',
      'v20240728_00000',
      'v20240728-000000',
      'v20240728_0000000',
      'xv20240728_000000',
      'vabcdefgh_000000',
      'v20240728_abcdef',
    ],
  ],
  [
    'a tabular manifest',
    'sha256',
    ['0'.repeat(64)],
    ['a'.repeat(63), 'a'.repeat(65), 'A'.repeat(64), `g${'a'.repeat(63)}`],
  ],
  ['a tabular manifest', 'file', ['model.onnx'], ['../model.onnx', 'other.onnx']],
  ['a tabular manifest', 'bytes', [1], [0, -1, 1.5]],
  ['a tabular manifest', 'opset', [{}, { 'ai.onnx': 1 }], [{ 'ai.onnx': 0 }, { 'ai.onnx': 1.5 }]],
  ['a tabular manifest', 'input.kind', ['tabular'], ['state', 'other', 'sequence']],
  ['a tabular manifest', 'input.columns', [['x'], many(1000, 'x')], [[], many(1001, 'x'), [1]]],
  ['a sequence manifest', 'input.columns', [['x'], many(1000, 'x')], [[], many(1001, 'x')]],
  ['a sequence manifest', 'input.steps', [96], [95, 97]],
  [
    'a tabular manifest',
    'output.columns',
    [['sell', 'hold', 'buy', 'expected_move', 'move_deviation']],
    [[], ['buy', 'hold', 'sell', 'expected_move', 'move_deviation'], ['sell', 'hold', 'buy']],
  ],
  ['a tabular manifest', 'label.kind', ['triple_barrier'], ['other']],
  ['a tabular manifest', 'label.horizonBars', [1, 288], [0, 289, 1.5]],
  ['a tabular manifest', 'label.atrMultiple', [1e-9], [0, -1]],
  ['a tabular manifest', 'label.minBarrierBps', [0], [-1e-9]],
  ['a tabular manifest', 'training.symbols', [['A']], [[]]],
  ['a tabular manifest', 'training.rows', [1], [0, 1.5]],
  ['a tabular manifest', 'training.embargoBars', [0], [-1, 0.5]],
  ['a tabular manifest', 'metrics.outOfFold', [null], [{}]],
  ['a tabular manifest', 'metrics.outOfFold.rows', [0], [-1, 0.5]],
  ['a tabular manifest', 'metrics.outOfFold.more', [1], []],
  ['a tabular manifest', 'metrics.folds', [[]], [[metrics]]],
  ['a tabular manifest', 'calibration.kind', ['none', 'temperature', 'vector_scaling'], ['other']],
  ['a tabular manifest', 'goldenVectors.rows', [32], [31, 32.5]],
  ['a tabular manifest', 'goldenVectors.answers', [golden.answers], [[[0, 1, 2, 3]], [[0, 1, 2, 3, 4, 5]]]],
  [
    'an ensemble',
    'id',
    [ID],
    [
      '20240728_000000',
      'e2024072_000000',
      'e20240728_00000',
      `x${ID}`,
      `${ID}0`,
      'eabcdefgh_000000',
      'e20240728_abcdef',
    ],
  ],
  [
    'an ensemble',
    'members',
    [[member], Array.from({ length: 16 }, (_, index) => ({ ...member, name: `m${index}` }))],
    [[], Array.from({ length: 17 }, (_, index) => ({ ...member, name: `m${index}` })), [member, member]],
  ],
  ['an ensemble', 'members.0.weight', [1e-6, 1e6], [9e-7, 1e6 + 1, 0]],
  ['an ensemble', 'members.0.versionId', [null, 'v'], [1]],
  ['an ensemble', 'costs.feeBps', [0], [-1]],
  ['an ensemble', 'costs.slippageBps', [0], [-1]],
  ['an ensemble', 'holdBars', [1, 288], [0, 289, 1.5]],
  ['an ensemble', 'stopAtrMultiple', [1e-9], [0, -1]],
  ['an ensemble', 'stopAtrTimeframe', ['5m'], ['7m']],
  ['a pointer', 'previous', [[], many(20, ID)], [many(21, ID), ['x']]],
  ['a shadow', 'ensembleId', [null, ID], ['x']],
  ['an order of quarantine', 'state', ['quarantined', 'lifted'], ['other']],
])('%s may have as its %s only what it can be', (kind, path, taken, refused) => {
  const { schema, document } = DOCUMENTS[kind]!;
  const isTaken = (value: unknown) => schema.safeParse(replaced(document, path.split('.'), value)).success;
  for (const value of taken) expect(isTaken(value), JSON.stringify(value)).toBe(true);
  for (const value of refused) expect(isTaken(value), JSON.stringify(value)).toBe(false);
});

test('says what a name, a version, a hash or an id looks like, and what members and columns must be', () => {
  const message = (kind: keyof typeof DOCUMENTS, path: string, value: unknown = '!') => {
    const { schema, document } = DOCUMENTS[kind]!;
    return schema.safeParse(replaced(document, path.split('.'), value)).error?.issues[0]?.message;
  };
  expect(message('an ensemble', 'members', [member, member])).toMatch(/^names a model twice/);
  expect(message('a tabular manifest', 'output.columns', [])).toBe(
    'must be sell, hold, buy, expected_move, move_deviation',
  );
  expect(message('a tabular manifest', 'name')).toBe('must be lower case, e.g. xgboost');
  expect(message('a tabular manifest', 'version')).toBe('must look like v20240728_000000');
  expect(message('a tabular manifest', 'sha256')).toBe('must be 64 lower-case hex digits');
  expect(message('an ensemble', 'id')).toBe('must look like e20240728_000000');
});

test('a pointer that names none before it has none', () => {
  expect(pointerSchema.parse({ ensembleId: ID })).toEqual({ ensembleId: ID, previous: [] });
});

test('each has its own place in the store', () => {
  expect(ensembleKey(ID)).toBe('ensembles/e20240728_000000.json');
  expect(modelKey(NAME)).toBe('models/xgboost/v20240728_000000/model.onnx');
  expect(manifestKey(NAME)).toBe('models/xgboost/v20240728_000000/manifest.json');
  expect(quarantineKey(NAME)).toBe('quarantine/xgboost/v20240728_000000.json');
});
