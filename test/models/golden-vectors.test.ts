// What a session has to answer before it serves: the trainer's own answers, each within the tolerance, and not always the same.
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeGoldenVectors, findGoldenProblem } from '../../lib/models/golden-vectors.ts';
import type { ModelManifest } from '../../lib/models/manifest.ts';
import { OUTPUT_COLUMNS } from '../../lib/models/model-output.ts';
import { parseManifest } from '../../lib/models/parse-document.ts';
import { SHARE_COLUMNS } from '../../lib/models/sizing-policy.ts';
import { describeModel } from '../support/models/describe-model.ts';

const ROWS = [
  [0.25, 0.25, 0.5, 0.5, 1],
  [0.5, 0.25, 0.25, -0.5, 1],
];

const goldenOf = (answers: readonly number[][], kind: 'tabular' | 'state' = 'tabular') => ({
  rows: answers.length,
  kind,
  columns: kind === 'state' ? SHARE_COLUMNS : OUTPUT_COLUMNS,
  input: new Float32Array(),
  answers: Float64Array.from(answers.flat()),
});

describe('the answers of a session', () => {
  test('that are the trainer’s pass', () => {
    expect(findGoldenProblem(goldenOf(ROWS), Float32Array.from(ROWS.flat()))).toBeUndefined();
  });

  test.each([0, 4, 7, 9])('may differ by 1e-5 at value %d, and by no more', (index) => {
    const apart = (difference: number) => {
      const answers = ROWS.flat();
      answers[index]! += difference;
      const golden = { ...goldenOf(ROWS), answers: Float64Array.from(answers) };
      return findGoldenProblem(golden, Float32Array.from(ROWS.flat()))?.reason;
    };
    for (const sign of [1, -1]) {
      expect(apart(sign * 0.99e-5)).toBeUndefined();
      expect(apart(sign * 1.01e-5)).toBe('golden_mismatch');
    }
  });

  test('may differ by the tolerance itself, on the way to a row that is none', () => {
    const golden = goldenOf([[1e-5, 0, 0, 0, 0]]);
    expect(findGoldenProblem(golden, new Float32Array(5))?.reason).toBe('invalid_output');
  });

  test('that differ are told with their row, their column and both values', () => {
    const output = Float32Array.from(ROWS.flat());
    output[8] = 0.25;
    expect(findGoldenProblem(goldenOf(ROWS), output)).toEqual({
      reason: 'golden_mismatch',
      message: "golden row 1, expected_move: got 0.25, the trainer's is -0.5 (allowed ±0.00001)",
    });
  });

  test('that are fewer or more than asked for are none', () => {
    for (const length of [5, 15])
      expect(findGoldenProblem(goldenOf(ROWS), new Float32Array(length))).toEqual({
        reason: 'invalid_output',
        message: `${length} output values for 2 rows`,
      });
  });

  test('that the trainer gave too may still be no probabilities', () => {
    const rows = [...ROWS, [0.25, 0.25, 0.75, 0.5, 1]];
    expect(findGoldenProblem(goldenOf(rows), Float32Array.from(rows.flat()))).toEqual({
      reason: 'invalid_output',
      message: 'golden row 2 is not a probability vector and a move',
    });
    const first = [[1, 1, 1, 0.5, 1], ...ROWS];
    expect(findGoldenProblem(goldenOf(first), Float32Array.from(first.flat()))?.message).toMatch(
      /^golden row 0 /,
    );
  });

  test.each([1.5, -0.5])('a share of %d is none', (share) => {
    for (const rows of [
      [[share], [0.5]],
      [[0.5], [share]],
    ])
      expect(findGoldenProblem(goldenOf(rows, 'state'), Float32Array.from(rows.flat()))).toEqual({
        reason: 'invalid_output',
        message: `golden row ${rows.findIndex(([value]) => value === share)} is not a share from 0 to 1`,
      });
    const rows = [[0], [1]];
    expect(findGoldenProblem(goldenOf(rows, 'state'), Float32Array.from(rows.flat()))).toBeUndefined();
  });

  test('that are the same whatever the input are a fault; one value that moves is enough', () => {
    const same = [ROWS[0]!, ROWS[0]!];
    expect(findGoldenProblem(goldenOf(same), Float32Array.from(same.flat()))).toEqual({
      reason: 'degenerate_output',
      message: 'all 2 golden inputs give the same answers',
    });
    const moved = [ROWS[0]!, [0.25, 0.25, 0.5, 0.5, 2]];
    expect(findGoldenProblem(goldenOf(moved), Float32Array.from(moved.flat()))).toBeUndefined();
  });
});

describe('golden vectors of a manifest', () => {
  let manifest: ModelManifest;
  beforeAll(() => {
    const described = describeModel({
      ...{ name: 'xgboost', version: 'v20240728_000000', kind: 'tabular', bytes: new Uint8Array(1) },
      label: { kind: 'triple_barrier', horizonBars: 12, atrMultiple: 2, minBarrierBps: 30 },
      golden: (_, rows) => Array.from({ length: rows }, (_row, row) => [row, 1, 2, 3, 4]),
      names: { input: 'x', output: 'y' },
    });
    const parsed = parseManifest(new TextEncoder().encode(JSON.stringify(described)), 'm');
    if (!parsed.ok) throw new Error(parsed.error);
    manifest = parsed.value;
  });
  const decode = (change: Partial<ModelManifest['goldenVectors']>) =>
    decodeGoldenVectors({ ...manifest, goldenVectors: { ...manifest.goldenVectors, ...change } });
  const encode = (values: Float32Array) => Buffer.from(values.buffer).toString('base64');

  test('are read as the floats that were written, row by row', () => {
    const inputs = Float32Array.from({ length: 32 * 49 }, (_, index) => index / 7 - 50);
    const golden = decode({ inputsBase64: encode(inputs) });
    if (!golden.ok) throw new Error(golden.error);
    expect(golden.value).toMatchObject({ kind: 'tabular', rows: 32, columns: OUTPUT_COLUMNS });
    expect(golden.value.input).toEqual(inputs);
    expect([...golden.value.answers.subarray(5, 11)]).toEqual([1, 1, 2, 3, 4, 2]);
  });

  test.each([
    [{ inputsBase64: encode(new Float32Array(31)) }, 'inputsBase64 holds 124 bytes, must be 6272'],
    [{ answers: [[0, 0, 0, 0, 0]] }, 'answers has 1 rows, must be 32'],
    [
      { inputsBase64: encode(new Float32Array(32 * 49).fill(Infinity)) },
      'inputsBase64 holds a value that is not finite',
    ],
    [
      {
        inputsBase64: encode(
          Float32Array.from({ length: 32 * 49 }, (_, index) => (index === 1567 ? Number.NaN : 0)),
        ),
      },
      'inputsBase64 holds a value that is not finite',
    ],
  ])('that do not hold together are refused', (change, error) => {
    expect(decode(change)).toEqual({ ok: false, error: `goldenVectors.${error}` });
  });
});
