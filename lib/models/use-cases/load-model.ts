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
  type ModelProblem,
} from '../check-manifest.ts';
import { manifestKey, modelKey, quarantineKey } from '../ensemble.ts';
import { decodeGoldenVectors, findGoldenProblem, type ProvenManifest } from '../golden-vectors.ts';
import type { ModelManifest } from '../manifest.ts';
import { parseManifest, parseQuarantine } from '../parse-document.ts';
import type { ModelRuntime, ModelSession } from '../ports.ts';
import type { ModelAbstentionReason, ModelIdentity } from '../vote.ts';

export interface ModelSource {
  readonly store: ObjectStore;
  readonly runtime: ModelRuntime;
}

/** The result of a load, and which objects it read: as long as those are unchanged, so is the result. */
export interface ModelLoad {
  readonly result: Result<Proven<ModelManifest>, ModelProblem>;
  /** undefined when the store could not say. */
  readonly fingerprint: string | undefined;
}

/** Never throws: a malformed model and an unreadable store are results. */
export const loadModel = (
  source: ModelSource,
  model: ModelIdentity,
  expectation?: MemberExpectation,
): Promise<ModelLoad> =>
  loadProven(source, model, {
    keys: modelKeys(model),
    check: (bytes, modelObject) => checkManifest({ model, bytes, modelObject, expectation }),
  });

/** Where the parts of a model or a policy stand. */
interface ProvenKeys {
  readonly manifest: string;
  readonly model: string;
  readonly quarantine: string;
}

const modelKeys = (model: ModelIdentity): ProvenKeys => ({
  manifest: manifestKey(model),
  model: modelKey(model),
  quarantine: quarantineKey(model),
});

/** What a load has proven. The session is the caller's to release. */
export interface Proven<Manifest> {
  readonly manifest: Manifest;
  readonly session: ModelSession;
}

/** The steps that every model and policy has to pass; `check` judges the manifest's own bytes. Never throws. */
export async function loadProven<Manifest extends ProvenManifest>(
  { store, runtime }: ModelSource,
  model: ModelIdentity,
  how: {
    readonly keys: ProvenKeys;
    readonly check: (bytes: Uint8Array, modelObject: ObjectInfo) => Result<Manifest, ModelProblem>;
  },
): Promise<{
  readonly result: Result<Proven<Manifest>, ModelProblem>;
  readonly fingerprint: string | undefined;
}> {
  const { keys, check } = how;
  let manifestObject: StoredObject | undefined;
  let modelObject: typeof manifestObject;
  let order: typeof manifestObject;
  try {
    [manifestObject, modelObject, order] = await Promise.all([
      store.get(keys.manifest),
      store.get(keys.model),
      store.get(keys.quarantine),
    ]);
  } catch (error) {
    return { result: problem('store_unavailable', messageOf(error)), fingerprint: undefined };
  }
  const fingerprint = fingerprintOf(manifestObject, modelObject, order);
  const quarantined = order && findQuarantine(order);
  if (quarantined !== undefined) return { result: failure(quarantined), fingerprint };
  if (manifestObject === undefined) return { result: missing(keys.manifest), fingerprint };
  if (modelObject === undefined) return { result: missing(keys.model), fingerprint };

  const manifest = check(manifestObject.body, modelObject);
  if (!manifest.ok) return { result: manifest, fingerprint };
  const { name, version } = manifest.value;
  if (name !== model.name || version !== model.version)
    return {
      result: problem('manifest_mismatch', `manifest of ${name} ${version} stands at ${keys.manifest}`),
      fingerprint,
    };
  const bytesProblem = findBytesProblem(manifest.value, modelObject.body);
  if (bytesProblem !== undefined) return { result: failure(bytesProblem), fingerprint };
  const result = await startSession(runtime, manifest.value, modelObject.body);
  const isRuntimes = !result.ok && FAILURES_OF_RUNTIME.has(result.error.reason);
  return { result, fingerprint: isRuntimes ? undefined : fingerprint };
}

/** No verdict on the bytes, which are proven: what the runtime could not do, as for want of memory, it may do the next time. */
const FAILURES_OF_RUNTIME: ReadonlySet<ModelAbstentionReason> = new Set([
  'session_failed',
  'inference_failed',
]);

/** Identity of the objects that a load reads, as they are in the store now; fails with one line when it cannot be read. */
export async function fingerprintProven(
  store: ObjectStore,
  keys: ProvenKeys,
): Promise<Result<string, string>> {
  try {
    const [manifest, bytes, order] = await Promise.all([
      store.head(keys.manifest),
      store.head(keys.model),
      // Mostly absent, and an absent key costs S3 one GET but two HEADs.
      store.get(keys.quarantine),
    ]);
    return success(fingerprintOf(manifest, bytes, order));
  } catch (error) {
    return failure(messageOf(error));
  }
}

export const fingerprintModel = (store: ObjectStore, model: ModelIdentity): Promise<Result<string, string>> =>
  fingerprintProven(store, modelKeys(model));

function fingerprintOf(...objects: (ObjectInfo | undefined)[]): string {
  return JSON.stringify(objects.map((info) => info && [info.etag, info.bytes, info.versionId ?? null]));
}

/** An order that cannot be read still stands: only a readable `lifted` lets the model serve again. */
export function findQuarantine({ key, body }: StoredObject): ModelProblem | undefined {
  const order = parseQuarantine(body, key);
  if (!order.ok) return { reason: 'quarantined_by_operator', message: order.error };
  const { state, by, reason } = order.value;
  return state === 'lifted' ? undefined : { reason: 'quarantined_by_operator', message: `${reason} (${by})` };
}

/** Why an operator has quarantined the model; null when nobody has. */
export async function readQuarantine(store: ObjectStore, model: ModelIdentity): Promise<string | null> {
  const order = await store.get(quarantineKey(model));
  return (order && findQuarantine(order)?.message) ?? null;
}

function checkManifest(loaded: {
  model: ModelIdentity;
  bytes: Uint8Array;
  modelObject: ObjectInfo;
  expectation: MemberExpectation | undefined;
}): Result<ModelManifest, ModelProblem> {
  const { model, bytes, modelObject, expectation } = loaded;
  const changed = expectation && findChange(expectation.member, bytes, modelObject);
  if (changed !== undefined) return failure(changed);
  const parsed = parseManifest(bytes, `manifest of ${model.name} ${model.version}`);
  if (!parsed.ok) return problem('manifest_invalid', parsed.error);
  const manifest = parsed.value;
  const mismatch =
    (expectation && findMemberMismatch(manifest, expectation)) ?? findFeatureMismatch(manifest);
  return mismatch === undefined ? success(manifest) : failure(mismatch);
}

/** What stands in the store instead of what an ensemble names. */
export function findChange(
  named: { readonly manifestSha256: string; readonly versionId: string | null },
  manifestBytes: Uint8Array,
  { versionId }: ObjectInfo,
): ModelProblem | undefined {
  if (named.versionId !== null && versionId !== undefined && versionId !== named.versionId)
    return {
      reason: 'object_changed',
      message: `model.onnx is version ${versionId}, the ensemble names ${named.versionId}`,
    };
  const sha256 = sha256Of(manifestBytes);
  if (sha256 === named.manifestSha256) return undefined;
  return {
    reason: 'sha256_mismatch',
    message: describeHash('manifest.json', sha256, named.manifestSha256),
  };
}

function findBytesProblem(
  manifest: Pick<ModelManifest, 'sha256' | 'bytes'>,
  bytes: Uint8Array,
): ModelProblem | undefined {
  const sha256 = sha256Of(bytes);
  if (sha256 === manifest.sha256 && bytes.length === manifest.bytes) return undefined;
  const message =
    bytes.length === manifest.bytes
      ? describeHash('model.onnx', sha256, manifest.sha256)
      : `model.onnx has ${bytes.length} bytes, its manifest says ${manifest.bytes}`;
  return { reason: 'sha256_mismatch', message };
}

async function startSession<Manifest extends ProvenManifest>(
  runtime: ModelRuntime,
  manifest: Manifest,
  bytes: Uint8Array,
): Promise<Result<Proven<Manifest>, ModelProblem>> {
  const golden = decodeGoldenVectors(manifest);
  if (!golden.ok) return problem('manifest_invalid', golden.error);
  const created = await runtime.createSession({
    bytes,
    input: manifest.input,
    outputName: manifest.output.name,
  });
  if (!created.ok) return problem('session_failed', created.error);
  const session = created.value;
  const goldenProblem = await session.answers(golden.value.input, golden.value.rows).then(
    (output) => findGoldenProblem(golden.value, output),
    (error): ModelProblem => ({ reason: 'inference_failed', message: `golden vectors: ${messageOf(error)}` }),
  );
  if (goldenProblem === undefined) return success({ manifest, session });
  await session.release();
  return failure(goldenProblem);
}

/** Loads a model to see whether it could serve. @returns why it could not; undefined when it passed every check */
export async function proveModel(...load: Parameters<typeof loadModel>): Promise<ModelProblem | undefined> {
  const { result } = await loadModel(...load);
  if (!result.ok) return result.error;
  await result.value.session.release();
  return undefined;
}

export const problem = (reason: ModelAbstentionReason, message: string) =>
  failure<ModelProblem>({ reason, message });
const missing = (key: string) => problem('model_missing', `${key} is not in the store`);
const describeHash = (file: string, actual: string, expected: string) =>
  `sha256 of ${file} is ${actual.slice(0, 12)}…, must be ${expected.slice(0, 12)}…`;
