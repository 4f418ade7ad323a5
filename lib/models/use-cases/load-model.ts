// Loads one model and proves it: not quarantined by an operator → stored bytes → sha256 → manifest → feature set → session → golden
// vectors. Only a model that passes every step serves; the first step that fails gives the reason why this one does not.

import { sha256Of } from '../../core/hash.ts';
import { messageOf } from '../../core/message-of.ts';
import type { ObjectInfo, ObjectStore, StoredObject } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import {
  findFeatureMismatch,
  findMemberMismatch,
  type MemberExpectation,
  type ModelFault,
} from '../check-manifest.ts';
import { manifestKey, modelKey, quarantineKey } from '../ensemble.ts';
import { decodeGoldenVectors, findGoldenFault } from '../golden-vectors.ts';
import type { ModelManifest } from '../manifest.ts';
import { parseManifest, parseQuarantine } from '../parse-document.ts';
import type { ModelRuntime, ModelSession } from '../ports.ts';
import type { ModelAbstentionReason, ModelIdentity } from '../vote.ts';

export interface ModelSource {
  readonly store: ObjectStore;
  readonly runtime: ModelRuntime;
}

interface VerifiedModel {
  readonly manifest: ModelManifest;
  /** The caller's to release. */
  readonly session: ModelSession;
}

/** What a load found, and which objects it looked at: as long as those stay the same, so does the finding. */
export interface ModelLoad {
  readonly result: Result<VerifiedModel, ModelFault>;
  /** undefined when the store could not say. */
  readonly fingerprint: string | undefined;
}

/** Never throws for what is in the store, or when the store cannot be read: that is a fault of the model. */
export async function loadModel(
  { store, runtime }: ModelSource,
  model: ModelIdentity,
  expectation?: MemberExpectation,
): Promise<ModelLoad> {
  let manifestObject: StoredObject | undefined;
  let modelObject: typeof manifestObject;
  let order: typeof manifestObject;
  try {
    [manifestObject, modelObject, order] = await Promise.all([
      store.get(manifestKey(model)),
      store.get(modelKey(model)),
      store.get(quarantineKey(model)),
    ]);
  } catch (error) {
    return { result: fault('store_unavailable', messageOf(error)), fingerprint: undefined };
  }
  const fingerprint = fingerprintOf(manifestObject, modelObject, order);
  const quarantined = order && findQuarantine(order);
  if (quarantined !== undefined) return { result: failure(quarantined), fingerprint };
  if (manifestObject === undefined) return { result: missing(manifestKey(model)), fingerprint };
  if (modelObject === undefined) return { result: missing(modelKey(model)), fingerprint };

  const manifest = checkManifest({ model, bytes: manifestObject.body, modelObject, expectation });
  if (!manifest.ok) return { result: manifest, fingerprint };
  const bytesFault = findBytesFault(manifest.value, modelObject.body);
  if (bytesFault !== undefined) return { result: failure(bytesFault), fingerprint };
  return { result: await startSession(runtime, manifest.value, modelObject.body), fingerprint };
}

/** Identity of the objects that a load looks at, as they stand in the store now; undefined when the store cannot say. */
export async function fingerprintModel(
  store: ObjectStore,
  model: ModelIdentity,
): Promise<{ fingerprint: string } | { unavailable: string }> {
  try {
    const [manifest, bytes, order] = await Promise.all([
      store.head(manifestKey(model)),
      store.head(modelKey(model)),
      // Mostly absent, and an absent key costs S3 one GET but two HEADs.
      store.get(quarantineKey(model)),
    ]);
    return { fingerprint: fingerprintOf(manifest, bytes, order) };
  } catch (error) {
    return { unavailable: messageOf(error) };
  }
}

function fingerprintOf(...objects: (ObjectInfo | undefined)[]): string {
  return JSON.stringify(objects.map((info) => info && [info.etag, info.bytes, info.versionId ?? null]));
}

/** An order that cannot be read still stands: only a readable `lifted` lets the model serve again. */
export function findQuarantine({ key, body }: StoredObject): ModelFault | undefined {
  const order = parseQuarantine(body, key);
  if (!order.ok) return { reason: 'quarantined_by_operator', message: order.error };
  const { state, by, reason } = order.value;
  return state === 'lifted' ? undefined : { reason: 'quarantined_by_operator', message: `${reason} (${by})` };
}

function checkManifest(loaded: {
  model: ModelIdentity;
  bytes: Uint8Array;
  modelObject: ObjectInfo;
  expectation: MemberExpectation | undefined;
}): Result<ModelManifest, ModelFault> {
  const { model, bytes, modelObject, expectation } = loaded;
  if (expectation !== undefined) {
    const { manifestSha256, versionId } = expectation.member;
    if (versionId !== null && modelObject.versionId !== undefined && modelObject.versionId !== versionId) {
      return fault(
        'object_changed',
        `model.onnx is version ${modelObject.versionId}, the ensemble names ${versionId}`,
      );
    }
    const sha256 = sha256Of(bytes);
    if (sha256 !== manifestSha256)
      return fault('sha256_mismatch', describeHash('manifest.json', sha256, manifestSha256));
  }
  const parsed = parseManifest(bytes, `manifest of ${model.name} ${model.version}`);
  if (!parsed.ok) return fault('manifest_invalid', parsed.error);
  const manifest = parsed.value;
  if (manifest.name !== model.name || manifest.version !== model.version) {
    return fault(
      'manifest_mismatch',
      `manifest of ${manifest.name} ${manifest.version} stands at ${manifestKey(model)}`,
    );
  }
  const mismatch =
    (expectation && findMemberMismatch(manifest, expectation)) ?? findFeatureMismatch(manifest);
  return mismatch === undefined ? success(manifest) : failure(mismatch);
}

function findBytesFault(manifest: ModelManifest, bytes: Uint8Array): ModelFault | undefined {
  const sha256 = sha256Of(bytes);
  if (sha256 === manifest.sha256 && bytes.length === manifest.bytes) return undefined;
  const message =
    bytes.length === manifest.bytes
      ? describeHash('model.onnx', sha256, manifest.sha256)
      : `model.onnx has ${bytes.length} bytes, its manifest says ${manifest.bytes}`;
  return { reason: 'sha256_mismatch', message };
}

async function startSession(
  runtime: ModelRuntime,
  manifest: ModelManifest,
  bytes: Uint8Array,
): Promise<Result<VerifiedModel, ModelFault>> {
  const golden = decodeGoldenVectors(manifest);
  if (!golden.ok) return fault('manifest_invalid', golden.error);
  const created = await runtime.createSession({
    bytes,
    input: manifest.input,
    outputName: manifest.output.name,
  });
  if (!created.ok) return fault('session_failed', created.error);
  const session = created.value;
  const goldenFault = await session.probabilities(golden.value.input, golden.value.rows).then(
    (output) => findGoldenFault(golden.value, output),
    (error): ModelFault => ({ reason: 'inference_failed', message: `golden vectors: ${messageOf(error)}` }),
  );
  if (goldenFault === undefined) return success({ manifest, session });
  await session.release();
  return failure(goldenFault);
}

/** Loads a model to see whether it could serve. @returns why it could not; undefined when it passed every check */
export async function proveModel(...load: Parameters<typeof loadModel>): Promise<ModelFault | undefined> {
  const { result } = await loadModel(...load);
  if (!result.ok) return result.error;
  await result.value.session.release();
  return undefined;
}

const fault = (reason: ModelAbstentionReason, message: string) => failure<ModelFault>({ reason, message });
const missing = (key: string) => fault('model_missing', `${key} is not in the store`);
const describeHash = (file: string, actual: string, expected: string) =>
  `sha256 of ${file} is ${actual.slice(0, 12)}…, must be ${expected.slice(0, 12)}…`;
