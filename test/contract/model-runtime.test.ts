// What every ModelRuntime must do, run on ONNX Runtime: answers per row, whatever the batch, and one line for what is no model.
import { describe, expect, test } from 'vitest';
import { createOnnxModelRuntime } from '../../lib/adapters/onnx/onnx-model-runtime.ts';
import { FEATURE_COUNT, FEATURE_NAMES, SEQUENCE_COLUMNS } from '../../lib/features/feature-set.ts';
import type { ModelInput } from '../../lib/models/manifest.ts';
import type { ModelSession } from '../../lib/models/ports.ts';
import {
  answerLinear,
  buildLinearModel,
  buildTreeListsModel,
  buildTreeModel,
  INPUT_NAME,
  OUTPUT_NAME,
} from '../support/models/build-model.ts';
import { rsiNet } from '../support/models/build-model-folder.ts';

const runtime = createOnnxModelRuntime();
const TABULAR: ModelInput = { kind: 'tabular', name: INPUT_NAME, columns: [...FEATURE_NAMES] };
const SEQUENCE: ModelInput = {
  kind: 'sequence',
  name: INPUT_NAME,
  columns: [...SEQUENCE_COLUMNS],
  steps: 96,
};

async function open(bytes: Uint8Array, input: ModelInput): Promise<ModelSession> {
  const session = await runtime.createSession({ bytes, input, outputName: OUTPUT_NAME });
  if (!session.ok) throw new Error(session.error);
  return session.value;
}

async function refusal(
  bytes: Uint8Array,
  { input = TABULAR, outputName = OUTPUT_NAME }: { input?: ModelInput; outputName?: string } = {},
): Promise<string> {
  const session = await runtime.createSession({ bytes, input, outputName });
  return session.ok ? 'accepted' : session.error;
}

const ramp = (length: number) => Float32Array.from({ length }, (_, index) => (index * 3.7) % 100);

describe('a session', () => {
  test.each([
    ['tabular', TABULAR, 100],
    ['sequence', SEQUENCE, 100],
    ['sequence', SEQUENCE, 26],
    ['sequence', SEQUENCE, 1],
  ] as const)('answers every row of a %s input (%#)', async (kind, input, rows) => {
    const net = rsiNet(kind, 0.1);
    const values = ramp(rows * net.weights.length);
    const session = await open(buildLinearModel(net), input);
    const output = await session.answers(values, rows);
    await session.release();
    expect(output).toHaveLength(rows * 5);
    const expected = answerLinear(net, values, rows).flat();
    const largestDifference = Math.max(...expected.map((value, index) => Math.abs(value - output[index]!)));
    expect(largestDifference).toBeLessThan(1e-5);
  });

  test('gives a row the same answer, bit for bit, alone and in a batch', async () => {
    const net = rsiNet('sequence', 0.1);
    const values = ramp(30 * net.weights.length);
    const session = await open(buildLinearModel(net), SEQUENCE);
    const batch = await session.answers(values, 30);
    const alone = await session.answers(values.subarray(27 * 768, 28 * 768), 1);
    await session.release();
    expect([...alone]).toEqual([...batch.subarray(27 * 5, 28 * 5)]);
  });

  test('answers no rows with no rows', async () => {
    const session = await open(buildLinearModel(rsiNet('tabular', 0.1)), TABULAR);
    expect(await session.answers(new Float32Array(0), 0)).toHaveLength(0);
    await session.release();
  });

  test.each([
    ['a tree ensemble', buildTreeListsModel],
    ['a tree ensemble with a label output beside the answers', buildTreeModel],
  ])('runs %s, thresholds included on the left', async (_, build) => {
    const stump = { columns: FEATURE_COUNT, column: 6, threshold: 50 };
    const bytes = build({ ...stump, below: [0.5, 0.25, 0.25], above: [0.25, 0.25, 0.5] });
    const session = await open(bytes, TABULAR);
    const values = new Float32Array(2 * FEATURE_COUNT);
    values[6] = 50;
    values[FEATURE_COUNT + 6] = 50.000004;
    expect([...(await session.answers(values, 2))]).toEqual([
      0.5, 0.25, 0.25, -0.25, 1, 0.25, 0.25, 0.5, 0.25, 1,
    ]);
    await session.release();
  });

  test('throws one line after its release', async () => {
    const session = await open(buildLinearModel(rsiNet('tabular', 0.1)), TABULAR);
    await session.release();
    const error: Error = await session.answers(ramp(FEATURE_COUNT), 1).then(
      () => expect.unreachable(),
      (reason) => reason,
    );
    expect(error.message).toMatch(/^[^\n]+$/);
  });

  test('refuses an input of another length than its rows need', async () => {
    const session = await open(buildLinearModel(rsiNet('tabular', 0.1)), TABULAR);
    await expect(session.answers(ramp(48), 1)).rejects.toThrow('48 input values for 1 rows of 49');
    await session.release();
  });
});

describe('what is not the declared model is refused in one line', () => {
  const valid = buildLinearModel(rsiNet('tabular', 0.1));
  const cases: [string, Uint8Array, string | RegExp][] = [
    ['0 bytes', new Uint8Array(0), 'the model is empty (0 bytes)'],
    ['HTML', new TextEncoder().encode('<!DOCTYPE html><html>503</html>'), /./],
    ['a pickle', Uint8Array.from([0x80, 0x04, 0x95, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0x8c]), /./],
    ['a truncated model', valid.subarray(0, valid.length - 200), /./],
    [
      'an operator set of the future',
      buildLinearModel(rsiNet('tabular', 0.1), { opset: 999 }),
      'it needs Opset 999 of ai.onnx, must be 17',
    ],
    [
      '48 columns',
      buildLinearModel({
        rowShape: [48],
        weights: Array.from({ length: 48 }, () => [0, 0, 1]),
        bias: [0, 0, 0],
      }),
      'features is float32 [rows,48], must be float32 [rows,49]',
    ],
    ['a fixed batch', buildLinearModel(rsiNet('tabular', 0.1), { rows: 1 }), /features is float32 \[1,49\]/],
    [
      'a sequence model',
      buildLinearModel(rsiNet('sequence', 0.1)),
      /\[rows,96,8\], must be float32 \[rows,49\]/,
    ],
  ];
  test.each(cases)('%s', async (_, bytes, why) => {
    const line = await refusal(bytes);
    expect(line).toMatch(why);
    expect(line).toMatch(/^(?!accepted)[^\n]{1,300}$/);
  });

  test('another input name', async () => {
    expect(await refusal(valid, { input: { ...TABULAR, name: 'x' } })).toBe(
      "the model's inputs are features, the manifest declares x",
    );
  });

  test('an output that is not there', async () => {
    expect(await refusal(valid, { outputName: 'scores' })).toBe(
      "the model's outputs are answers, the manifest declares scores",
    );
  });

  test('an output that holds labels', async () => {
    const stump = { columns: FEATURE_COUNT, column: 6, threshold: 50 };
    const tree = buildTreeModel({ ...stump, below: [1, 0, 0], above: [0, 0, 1] });
    expect(await refusal(tree, { outputName: 'label' })).toBe(
      'label is int64 [rows], must be float32 [rows,5]',
    );
  });

  test('every truncation of a model, without bringing the process down', async () => {
    for (let length = 0; length < valid.length; length += 13) {
      const line = await refusal(valid.subarray(0, length));
      expect(line, `first ${length} bytes`).not.toBe('accepted');
    }
  });
});
