// Runs models with ONNX Runtime, single-threaded: a Lambda has one core, and a fixed thread count keeps answers the same
// on every machine. Bytes that are not a model, or a model whose input or output is not as declared, are refused here.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { invariant } from '../../core/invariant.ts';
import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { outputWidthOf, type SessionInput, valuesPerRow } from '../../models/check-manifest.ts';
import type { ModelRuntime, ModelSession } from '../../models/ports.ts';
import { inspectModel } from './inspect-model.ts';
import { dimensionsPerRow, findShapeProblem } from './model-shape.ts';

/** Sequence nets keep their working set in cache this way: 100 rows at once are slower than twice 50. */
const SEQUENCE_CHUNK_ROWS = 50;
/** Enough that a call costs nothing beside its rows; bounded, so that what a model needs is known before it runs. */
const TABULAR_CHUNK_ROWS = 1000;
const MESSAGE_LENGTH_MAX = 300;
/** Native errors start with the C++ file, line and signature that threw; the operator needs what comes after. */
const NATIVE_LOCATION = /\/onnxruntime_src\/\S+:\d+ [^()]*\([^()]*\)(?: const)? /;

const SESSION_OPTIONS: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  // Errors come back as exceptions; the runtime's own lines on stderr would only repeat them.
  logSeverityLevel: 4,
};

export interface DeclaredModel {
  readonly bytes: Uint8Array;
  readonly input: SessionInput;
  readonly outputName: string;
}

/** Creating a session blocks the event loop for its duration (tens to hundreds of ms): do it outside the hot path. */
export function createOnnxModelRuntime(): ModelRuntime {
  return { createSession };
}

async function createSession(model: DeclaredModel): Promise<Result<ModelSession, string>> {
  // The native loader takes a null pointer for an empty buffer.
  if (model.bytes.length === 0) return failure('the model is empty (0 bytes)');
  let session: InferenceSession;
  try {
    inspectModel(model.bytes, model.input, chunkRowsOf(model.input));
    session = await InferenceSession.create(model.bytes, SESSION_OPTIONS);
  } catch (error) {
    return failure(nativeMessageOf(error));
  }
  const undeclared = findUndeclared(session, model);
  if (undeclared !== undefined) {
    await session.release();
    return failure(undeclared);
  }
  return success(wrapSession(session, model));
}

/** Rows of the largest batch that the runtime is given. */
export const chunkRowsOf = ({ kind }: SessionInput): number =>
  kind === 'sequence' ? SEQUENCE_CHUNK_ROWS : TABULAR_CHUNK_ROWS;

function wrapSession(session: InferenceSession, { input, outputName }: DeclaredModel): ModelSession {
  const width = valuesPerRow(input);
  const outputWidth = outputWidthOf(input);
  const run = async (values: Float32Array, rows: number): Promise<Float32Array> => {
    const feeds = { [input.name]: new Tensor('float32', values, [rows, ...dimensionsPerRow(input)]) };
    const output = (await session.run(feeds, [outputName]))[outputName]!;
    const { type, dims, data } = output;
    if (type !== 'float32' || dims.length !== 2 || dims[0] !== rows || dims[1] !== outputWidth) {
      throw new Error(`output ${outputName} is ${type} [${dims}], must be float32 [${rows},${outputWidth}]`);
    }
    return data as Float32Array;
  };
  return {
    async answers(values, rows) {
      invariant(values.length === rows * width, `${values.length} input values for ${rows} rows of ${width}`);
      const chunkRows = chunkRowsOf(input);
      const output = new Float32Array(rows * outputWidth);
      for (let row = 0; row < rows; row += chunkRows) {
        const count = Math.min(chunkRows, rows - row);
        const chunk = values.subarray(row * width, (row + count) * width);
        output.set(await run(chunk, count).catch(rethrowOneLine), row * outputWidth);
      }
      return output;
    },
    release: () => session.release(),
  };
}

/** What of the model is not as its manifest declares, in one line; undefined when all is. */
function findUndeclared(session: InferenceSession, { input, outputName }: DeclaredModel): string | undefined {
  const { inputNames, inputMetadata, outputNames, outputMetadata } = session;
  if (inputNames.length !== 1 || inputNames[0] !== input.name) {
    return `the model's inputs are ${inputNames.join(', ')}, the manifest declares ${input.name}`;
  }
  if (!outputNames.includes(outputName)) {
    return `the model's outputs are ${outputNames.join(', ')}, the manifest declares ${outputName}`;
  }
  const output = outputMetadata.find(({ name }) => name === outputName)!;
  return (
    findShapeProblem(inputMetadata[0]!, dimensionsPerRow(input)) ??
    // An exporter may leave the output's width open; every run checks it.
    findShapeProblem(output, [outputWidthOf(input)], { widthMayBeOpen: true })
  );
}

function rethrowOneLine(error: unknown): never {
  throw new Error(nativeMessageOf(error), { cause: error });
}

function nativeMessageOf(error: unknown): string {
  return messageOf(error).replace(NATIVE_LOCATION, '').trim().slice(0, MESSAGE_LENGTH_MAX);
}
