// Models that cost nothing, in the place of ONNX Runtime: real manifests, ensemble and golden vectors in the object store, and bytes that
// say what is to be computed. Each answers by the exact bits of its features, so that a feature that is another one is another answer.
import { failure, success } from '../../../../lib/core/result.ts';
import { FEATURE_COUNT } from '../../../../lib/features/feature-set.ts';
import { type Ensemble, manifestKey, modelKey } from '../../../../lib/models/ensemble.ts';
import { OUTPUT_WIDTH } from '../../../../lib/models/model-output.ts';
import type { ModelRuntime } from '../../../../lib/models/ports.ts';
import { describeModel, sha256Of } from '../../models/describe-model.ts';
import { ensemble } from '../../trading/trading-world.ts';

/** What the bytes of a model say, as JSON. */
interface StubModel {
  /** Models of the same direction lean to the same side. */
  readonly direction: number;
  /** Of the move, in barriers. */
  readonly conviction: number;
}

const VERSION = 'v20240728_000000';
const NAMES = { input: 'features', output: 'answers' };
/** Of the rows, those to which a model answers BUY; as many are SELL. */
const SIDE_SHARE = 0.2;

const STUBS: Readonly<Record<string, StubModel>> = {
  xgboost: { direction: 1, conviction: 2 },
  lightgbm: { direction: 1, conviction: 2.2 },
  nhits: { direction: 2, conviction: 1.8 },
};
/** Bytes of another model, which could stand in the place of any. */
export const OTHER_MODEL = bytesOf({ direction: 3, conviction: 3 });

export interface StoredObject {
  readonly key: string;
  readonly body: Uint8Array;
}

/** Every object of the models, and the ensemble that names them. */
export const STUB_MEMBERS = Object.entries(STUBS).map(([name, stub]) => {
  const bytes = bytesOf(stub);
  return { name, ...storedModel(name, bytes) };
});

export const stubEnsemble: Ensemble = {
  ...ensemble,
  members: STUB_MEMBERS.map(({ name, model, manifest }) => ({
    ...{ name, version: VERSION, versionId: null, weight: 1 },
    ...{ sha256: sha256Of(model.body), manifestSha256: sha256Of(manifest.body) },
  })),
};

function bytesOf(stub: StubModel): Uint8Array {
  return Buffer.from(JSON.stringify(stub));
}

/** The objects of a model of this name, whatever its bytes: a whole one that nobody has put into an ensemble. */
export function storedModel(
  name: string,
  bytes: Uint8Array,
): { model: StoredObject; manifest: StoredObject } {
  const stub = JSON.parse(Buffer.from(bytes).toString()) as StubModel;
  const manifest = describeModel({
    ...{ name, version: VERSION, kind: 'tabular', bytes, label: ensemble.label, names: NAMES },
    golden: (input, rows) => {
      const answers = stubAnswers(stub, input, rows);
      return Array.from({ length: rows }, (_, row) => [
        ...answers.subarray(row * OUTPUT_WIDTH, (row + 1) * OUTPUT_WIDTH),
      ]);
    },
  });
  const identity = { name, version: VERSION };
  return {
    model: { key: modelKey(identity), body: bytes },
    manifest: { key: manifestKey(identity), body: Buffer.from(JSON.stringify(manifest)) },
  };
}

/** What the model of this name answers that the ensemble names. @param input float32 [rows, 49] */
export const provenAnswers = (name: string, input: Float32Array, rows: number): Float32Array =>
  stubAnswers(STUBS[name]!, input, rows);

function stubAnswers({ direction, conviction }: StubModel, input: Float32Array, rows: number): Float32Array {
  const answers = new Float32Array(rows * OUTPUT_WIDTH);
  for (let row = 0; row < rows; row++) {
    let sum = direction;
    for (let column = 0; column < FEATURE_COUNT; column++)
      sum += input[row * FEATURE_COUNT + column]! * (1 + ((column * 37 + direction * 11) % 53));
    const share = (sum * 7.137) % 1;
    const pick = share < 0 ? share + 1 : share;
    const side = pick < SIDE_SHARE ? -1 : pick >= 1 - SIDE_SHARE ? 1 : 0;
    const lean = side === 0 ? (pick < 0.5 ? -0.05 : 0.05) : side * conviction;
    const [likely, unlikely] = side === 0 ? [0.26, 0.24] : [0.7, 0.1];
    const up = lean > 0 ? likely : unlikely;
    const down = lean > 0 ? unlikely : likely;
    answers.set([down, 1 - up - down, up, lean, 1.2 + pick], row * OUTPUT_WIDTH);
  }
  return answers;
}

/** @param isBroken whether no model answers at this moment */
export const createStubRuntime = (isBroken: () => boolean): ModelRuntime => ({
  async createSession({ bytes }) {
    let stub: StubModel;
    try {
      stub = JSON.parse(Buffer.from(bytes).toString()) as StubModel;
    } catch {
      return failure('not a model');
    }
    return success({
      answers: async (input: Float32Array, rows: number) => {
        if (isBroken()) throw new Error('the runtime has no memory left');
        return stubAnswers(stub, input, rows);
      },
      release: async () => undefined,
    });
  },
});
