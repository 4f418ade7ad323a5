// The manifest of a model that a test has made, golden vectors included: whatever runtime is to open its bytes.
import { createHash } from 'node:crypto';
import {
  FEATURE_COUNT,
  FEATURE_NAMES,
  FEATURE_SET_HASH,
  SEQUENCE_COLUMNS,
} from '../../../lib/features/feature-set.ts';
import { SEQUENCE_STEPS } from '../../../lib/market/grid.ts';
import type { Ensemble } from '../../../lib/models/ensemble.ts';
import type { ModelManifest } from '../../../lib/models/manifest.ts';
import { OUTPUT_COLUMNS } from '../../../lib/models/model-output.ts';

const GOLDEN_ROWS = 32;

export interface DescribedModel {
  readonly name: string;
  readonly version: string;
  readonly kind: 'tabular' | 'sequence';
  readonly bytes: Uint8Array;
  readonly label: Ensemble['label'];
  /** Answers to the golden inputs, [rows][5]. */
  readonly golden: (input: Float32Array, rows: number) => number[][];
  /** Of the graph. */
  readonly names: { readonly input: string; readonly output: string };
}

export function describeModel(model: DescribedModel): ModelManifest {
  const { name, version, kind, bytes, label, golden, names } = model;
  const input = goldenInput(kind);
  return {
    schemaVersion: 1,
    name,
    version,
    file: 'model.onnx',
    sha256: sha256Of(bytes),
    bytes: bytes.length,
    opset: { 'ai.onnx': 17, 'ai.onnx.ml': 3 },
    input:
      kind === 'tabular'
        ? { kind, name: names.input, columns: [...FEATURE_NAMES] }
        : { kind, name: names.input, columns: [...SEQUENCE_COLUMNS], steps: SEQUENCE_STEPS },
    output: { name: names.output, columns: [...OUTPUT_COLUMNS] },
    featureSetHash: FEATURE_SET_HASH,
    label,
    training: {
      fromMs: 1_714_348_800_000,
      toMs: 1_722_124_800_000,
      symbols: ['BTCUSDT'],
      rows: 25_920,
      embargoBars: 12,
      seed: 7,
      datasetSha256: '0'.repeat(64),
    },
    metrics: { folds: [], outOfFold: null },
    calibration: { kind: 'none' },
    libraries: { test: '1' },
    goldenVectors: {
      rows: GOLDEN_ROWS,
      inputsBase64: encodeFloats(input),
      answers: golden(input, GOLDEN_ROWS),
    },
  };
}

/** Deterministic rows over the range of an RSI, so that every net gives 32 different answers. */
function goldenInput(kind: DescribedModel['kind']): Float32Array {
  const values = kind === 'tabular' ? FEATURE_COUNT : SEQUENCE_STEPS * SEQUENCE_COLUMNS.length;
  return Float32Array.from({ length: GOLDEN_ROWS * values }, (_, index) => (index * 7.3) % 100);
}

/** float32 little-endian, base64, as manifests hold them. */
function encodeFloats(values: Float32Array): string {
  const buffer = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) buffer.writeFloatLE(value, index * 4);
  return buffer.toString('base64');
}

export const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
