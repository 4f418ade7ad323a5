// A model in a process of its own gives the same answers, and what it does to that process stays there.
import { afterEach, expect, test } from 'vitest';
import { createIsolatedModelRuntime } from '../../../lib/adapters/onnx/isolated-model-runtime.ts';
import { createOnnxModelRuntime } from '../../../lib/adapters/onnx/onnx-model-runtime.ts';
import { FEATURE_COUNT, FEATURE_NAMES } from '../../../lib/features/feature-set.ts';
import type { ModelInput } from '../../../lib/models/manifest.ts';
import type { ModelRuntime, ModelSession } from '../../../lib/models/ports.ts';
import {
  buildLinearModel,
  encodeModel,
  floatTensor,
  INPUT_NAME,
  OUTPUT_NAME,
} from '../../support/models/build-model.ts';
import { rsiNet } from '../../support/models/build-model-folder.ts';

const TIMEOUT_MS = 120_000;
const input: ModelInput = { kind: 'tabular', name: INPUT_NAME, columns: [...FEATURE_NAMES] };
const LIMITS = { residentBytes: 1024 * 2 ** 20, startMs: TIMEOUT_MS, callMs: TIMEOUT_MS };
const linear = buildLinearModel(rsiNet('tabular', 0.1));
const values = Float32Array.from({ length: 3 * FEATURE_COUNT }, (_, index) => (index * 3.7) % 100);

const sessions: ModelSession[] = [];
afterEach(() => Promise.all(sessions.splice(0).map((session) => session.release())));

async function open(runtime: ModelRuntime, bytes = linear): Promise<ModelSession> {
  const opened = await runtime.createSession({ bytes, input, outputName: OUTPUT_NAME });
  if (!opened.ok) throw new Error(opened.error);
  sessions.push(opened.value);
  return opened.value;
}

/** Allowed by the inspection, and some work: a hundred products of 256 × 256 for every row. */
function busyModel(): Uint8Array {
  const side = 256;
  const products = Array.from({ length: 100 }, (_, index) => ({
    opType: 'MatMul',
    input: [index === 0 ? 'grown' : `m${index}`, 'square'],
    output: [`m${index + 1}`],
  }));
  return encodeModel({
    inputShape: ['rows', FEATURE_COUNT],
    initializers: [
      floatTensor('widen', [FEATURE_COUNT, side], Array(FEATURE_COUNT * side).fill(0.01)),
      floatTensor('square', [side, side], Array(side * side).fill(0.001)),
      floatTensor('narrow', [side, 5], Array(side * 5).fill(0.01)),
    ],
    nodes: [
      { opType: 'MatMul', input: [INPUT_NAME, 'widen'], output: ['grown'] },
      ...products,
      { opType: 'MatMul', input: ['m100', 'narrow'], output: [OUTPUT_NAME] },
    ],
  });
}

test('answers as in process, bit for bit, and refuses what that refuses', {
  timeout: TIMEOUT_MS,
}, async () => {
  const isolated = await open(createIsolatedModelRuntime(LIMITS));
  const here = await open(createOnnxModelRuntime());
  expect(await isolated.answers(values, 3)).toEqual(await here.answers(values, 3));
  await expect(isolated.answers(values, 2)).rejects.toThrow('147 input values for 2 rows of 49');
  const other = await createIsolatedModelRuntime(LIMITS).createSession({
    bytes: linear,
    input,
    outputName: 'scores',
  });
  expect(other).toEqual({
    ok: false,
    error: "the model's outputs are answers, the manifest declares scores",
  });
});

test('ends one that takes too much memory, with the reason', { timeout: TIMEOUT_MS }, async () => {
  const opened = await createIsolatedModelRuntime({ ...LIMITS, residentBytes: 40 * 2 ** 20 }).createSession({
    bytes: linear,
    input,
    outputName: OUTPUT_NAME,
  });
  expect(opened).toEqual({ ok: false, error: 'it needs more than 40 MiB of memory, and was ended' });
});

test('ends one that takes too long, with the reason, and stays ended', { timeout: TIMEOUT_MS }, async () => {
  const session = await open(createIsolatedModelRuntime({ ...LIMITS, callMs: 5_000 }), busyModel());
  const rows = 200_000;
  const many = new Float32Array(rows * FEATURE_COUNT);
  await expect(session.answers(many, rows)).rejects.toThrow('it took longer than 5 s, and was ended');
  await expect(session.answers(values, 3)).rejects.toThrow('it took longer than 5 s, and was ended');
});
