// Golden vectors: the trainer's own answers for some inputs. A session that does not reproduce them computes something
// else than what was validated, whatever its checksum says.
import { failure, type Result, success } from '../core/result.ts';
import { type ModelProblem, valuesPerRow } from './check-manifest.ts';
import type { ModelManifest } from './manifest.ts';
import { readAnswers } from './model-output.ts';
import { type PolicyManifest, readShare } from './sizing-policy.ts';

/** Largest allowed difference of one value between trainer and ONNX Runtime. */
const GOLDEN_TOLERANCE = 1e-5;
const FLOAT32_BYTES = 4;
const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** What has golden vectors. */
export type ProvenManifest = ModelManifest | PolicyManifest;

interface GoldenVectors {
  readonly rows: number;
  readonly kind: ProvenManifest['input']['kind'];
  readonly columns: readonly string[];
  /** float32, row-major: [rows, 49] or [rows, 96, 8]; of a policy its states. */
  readonly input: Float32Array;
  /** float64 [rows, columns]: what the trainer's library answered. */
  readonly answers: Float64Array;
}

/** Decodes the manifest's golden vectors; fails with one line when lengths disagree or an input is not finite. */
export function decodeGoldenVectors(manifest: ProvenManifest): Result<GoldenVectors, string> {
  const { rows, inputsBase64, answers } = manifest.goldenVectors;
  const bytes = Buffer.from(inputsBase64, 'base64');
  const values = rows * valuesPerRow(manifest.input);
  if (bytes.length !== values * FLOAT32_BYTES) {
    return failure(
      `goldenVectors.inputsBase64 holds ${bytes.length} bytes, must be ${values * FLOAT32_BYTES}`,
    );
  }
  if (answers.length !== rows) {
    return failure(`goldenVectors.answers has ${answers.length} rows, must be ${rows}`);
  }
  // The format is little-endian on every machine.
  if (!IS_LITTLE_ENDIAN) bytes.swap32();
  const input = new Float32Array(Uint8Array.from(bytes).buffer);
  if (!input.every(Number.isFinite))
    return failure('goldenVectors.inputsBase64 holds a value that is not finite');
  const { kind } = manifest.input;
  return success({
    kind,
    columns: manifest.output.columns,
    rows,
    input,
    answers: Float64Array.from(answers.flat()),
  });
}

/** Compares a session's answers to the golden inputs with the trainer's. @param output float32 [rows, columns] */
export function findGoldenProblem(golden: GoldenVectors, output: Float32Array): ModelProblem | undefined {
  if (output.length !== golden.answers.length) {
    return { reason: 'invalid_output', message: `${output.length} output values for ${golden.rows} rows` };
  }
  for (let index = 0; index < output.length; index++) {
    const difference = Math.abs(output[index]! - golden.answers[index]!);
    // Negated, so that NaN fails.
    if (!(difference <= GOLDEN_TOLERANCE)) return describeDifference(golden, output, index);
  }
  const invalid = findInvalidRow(golden, output);
  if (invalid !== undefined) return { reason: 'invalid_output', message: `golden row ${invalid}` };
  const width = golden.columns.length;
  const constant = output.every((value, index) => value === output[index % width]);
  if (constant) {
    return {
      reason: 'degenerate_output',
      message: `all ${golden.rows} golden inputs give the same answers`,
    };
  }
  return undefined;
}

/** Which golden row is no answer, and what it is not. */
function findInvalidRow({ kind, rows }: GoldenVectors, output: Float32Array): string | undefined {
  if (kind === 'state') {
    const row = output.findIndex((share) => readShare(share) === undefined);
    return row < 0 ? undefined : `${row} is not a share from 0 to 1`;
  }
  const row = readAnswers(output, rows).indexOf(undefined);
  return row < 0 ? undefined : `${row} is not a probability vector and a move`;
}

function describeDifference(golden: GoldenVectors, output: Float32Array, index: number): ModelProblem {
  const row = Math.floor(index / golden.columns.length);
  const got = output[index]!;
  const wanted = golden.answers[index]!;
  return {
    reason: 'golden_mismatch',
    message: `golden row ${row}, ${golden.columns[index % golden.columns.length]}: got ${got}, the trainer's is ${wanted} (allowed ±${GOLDEN_TOLERANCE})`,
  };
}
