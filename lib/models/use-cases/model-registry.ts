// What is in a model store: lists it, proves it, and publishes the ensemble of one store in another (a folder in S3). Objects
// under models/ and ensembles/e… are immutable; publishing puts nothing in force, except the very first ensemble where asked.

import { sha256Of } from '../../core/hash.ts';
import { encodeJson } from '../../core/json.ts';
import { messageOf } from '../../core/message-of.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { StoreError } from '../../core/store-error.ts';
import { findFeatureMismatch, type ModelFault } from '../check-manifest.ts';
import {
  type Ensemble,
  type EnsembleMember,
  type EnsemblePointer,
  ensembleIdSchema,
  ensembleKey,
  manifestKey,
  modelKey,
  POINTER_KEY,
} from '../ensemble.ts';
import { modelNameSchema, modelVersionSchema } from '../manifest.ts';
import { parseManifest } from '../parse-document.ts';
import type { ModelIdentity } from '../vote.ts';
import { loadModel, type ModelSource, readQuarantine } from './load-model.ts';
import { type EnsembleFailure, readCurrentEnsemble, readShadowId } from './read-ensemble.ts';
import { readFeatureProfile } from './read-profile.ts';
import { readPointer } from './release-pointer.ts';

export interface ListedModel extends ModelIdentity {
  /** Of model.onnx; null when it is not there. */
  readonly bytes: number | null;
  /** Weight in the ensemble in force; null when the model is not part of it. */
  readonly weight: number | null;
  /** Why it is quarantined by an operator; null when it is not. */
  readonly quarantine: string | null;
  /** Does the model read this code's features? unknown when its manifest cannot be read. */
  readonly featureSet: 'ok' | 'mismatch' | 'unknown';
}

export interface VerifiedModelRow extends ListedModel {
  /** undefined: passed every check that loading makes. */
  readonly fault: ModelFault | undefined;
}

export interface ListedEnsemble {
  readonly id: string;
  readonly status: EnsembleStatus;
}

/** `previous`: rollback leads there, sooner or later; `candidate`: published and never promoted, as far as the pointer knows. */
export type EnsembleStatus = 'active' | 'shadow' | 'previous' | 'candidate';

export interface ModelListing<Row extends ListedModel> {
  readonly ensemble: Result<Ensemble, EnsembleFailure>;
  /** Every ensemble in the store, by id. */
  readonly ensembles: readonly ListedEnsemble[];
  /** Every model version in the store, and every member of the ensemble whether stored or not; by name, then version. */
  readonly models: readonly Row[];
}

/** Throws StoreError when the store cannot be read. */
export async function listModels(store: ObjectStore): Promise<ModelListing<ListedModel>> {
  const current = await readCurrentEnsemble(store);
  const ensemble = current.ok ? success(current.value.ensemble) : current;
  const ensembles = await listEnsembles(store);
  const identities = await findModels(store, ensemble.ok ? ensemble.value.members : []);
  const models = await Promise.all(
    identities.map(async (model) => {
      const [manifest, info, quarantine] = await Promise.all([
        store.get(manifestKey(model)),
        store.head(modelKey(model)),
        readQuarantine(store, model),
      ]);
      return {
        ...model,
        bytes: info?.bytes ?? null,
        weight: memberOf(ensemble, model)?.weight ?? null,
        quarantine,
        featureSet: manifest === undefined ? ('unknown' as const) : checkFeatureSet(manifest.body),
      };
    }),
  );
  return { ensemble, ensembles, models };
}

/** Loads and proves every listed model, one after the other. Throws StoreError when the store cannot be read. */
export async function verifyModels(
  store: ObjectStore,
  runtime: ModelSource['runtime'],
): Promise<ModelListing<VerifiedModelRow>> {
  const { ensemble, ensembles, models } = await listModels(store);
  const rows: VerifiedModelRow[] = [];
  for (const model of models) {
    const member = memberOf(ensemble, model);
    const expectation =
      ensemble.ok && member !== undefined ? { member, ensemble: ensemble.value } : undefined;
    rows.push({ ...model, fault: await proveModel({ store, runtime }, model, expectation) });
  }
  return { ensemble, ensembles, models: rows };
}

/** Every ensemble in the store, by id. Throws StoreError. */
export async function listEnsembles(store: ObjectStore): Promise<ListedEnsemble[]> {
  const [{ pointer }, shadow, found] = await Promise.all([
    readPointer(store),
    readShadowId(store),
    store.list('ensembles/'),
  ]);
  const ids = found.map(({ key }) => key.slice('ensembles/'.length, -'.json'.length));
  return ids
    .filter((id) => ensembleIdSchema.safeParse(id).success)
    .map((id) => {
      if (pointer.ok && id === pointer.value.ensembleId) return { id, status: 'active' };
      if (shadow.ok && id === shadow.value) return { id, status: 'shadow' };
      const isPrevious = pointer.ok && pointer.value.previous.includes(id);
      return { id, status: isPrevious ? 'previous' : 'candidate' };
    });
}

const memberOf = (ensemble: Result<Ensemble, EnsembleFailure>, model: ModelIdentity) =>
  ensemble.ok
    ? ensemble.value.members.find(({ name, version }) => name === model.name && version === model.version)
    : undefined;

async function findModels(store: ObjectStore, members: readonly EnsembleMember[]): Promise<ModelIdentity[]> {
  const found = new Map<string, ModelIdentity>();
  for (const { name, version } of members) found.set(`${name}/${version}`, { name, version });
  for (const { key } of await store.list('models/')) {
    const [, name, version] = key.split('/');
    if (!modelNameSchema.safeParse(name).success || !modelVersionSchema.safeParse(version).success) continue;
    found.set(`${name}/${version}`, { name: name!, version: version! });
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, model]) => model);
}

function checkFeatureSet(manifestBytes: Uint8Array): ListedModel['featureSet'] {
  const manifest = parseManifest(manifestBytes, 'manifest');
  if (!manifest.ok) return 'unknown';
  return findFeatureMismatch(manifest.value) === undefined ? 'ok' : 'mismatch';
}

async function proveModel(...load: Parameters<typeof loadModel>): Promise<ModelFault | undefined> {
  const { result } = await loadModel(...load);
  if (!result.ok) return result.error;
  await result.value.session.release();
  return undefined;
}

/** Why an ensemble was not copied. Closed; nothing in force changes then. */
interface CopyFailure {
  readonly code: 'source_invalid' | 'verification_failed' | 'target_conflict' | 'store_unavailable';
  /** One line for the operator. */
  readonly message: string;
}

interface CopiedEnsemble {
  readonly ensembleId: string;
  /** Objects written now; those that stood there already with the same bytes are not counted. */
  readonly uploaded: number;
  /** `set`: this is the first ensemble that ever was in force there. */
  readonly pointer: 'set' | 'untouched';
}

export interface CopyRequest {
  readonly from: ObjectStore;
  readonly to: ObjectStore;
  readonly runtime: ModelSource['runtime'];
  /** `set_first` puts the ensemble in force where none was ever promoted; nothing here ever replaces one. */
  readonly pointer: 'set_first' | 'untouched';
}

/**
 * Copies the ensemble that the pointer of `from` names, with its feature profile if it has one, after proving every member, and
 * fills in the VersionIds of the target store. Without a proof nothing is written. Repeating it changes nothing.
 */
export async function copyEnsemble(request: CopyRequest): Promise<Result<CopiedEnsemble, CopyFailure>> {
  try {
    return await copyVerified(request);
  } catch (error) {
    if (error instanceof StoreError) return refuse('store_unavailable', messageOf(error));
    throw error;
  }
}

async function copyVerified({
  from,
  to,
  runtime,
  pointer,
}: CopyRequest): Promise<Result<CopiedEnsemble, CopyFailure>> {
  const current = await readCurrentEnsemble(from);
  if (!current.ok) return refuse('source_invalid', current.error.message);
  const source = current.value.ensemble;
  for (const member of source.members) {
    const fault = await proveModel({ store: from, runtime }, member, { member, ensemble: source });
    if (fault === undefined) continue;
    return refuse(
      'verification_failed',
      `${member.name} ${member.version}: ${fault.reason}: ${fault.message}`,
    );
  }
  const profile = await readFeatureProfile(from, source.id);
  if (!profile.ok) return refuse('source_invalid', profile.error);
  let uploaded = 0;
  const members: EnsembleMember[] = [];
  for (const member of source.members) {
    let versionId: string | undefined;
    // The model last: its VersionId is the one that the ensemble names.
    for (const [key, sha256] of [
      [manifestKey(member), member.manifestSha256],
      [modelKey(member), member.sha256],
    ] as const) {
      const body = (await from.get(key))?.body;
      if (body === undefined || sha256Of(body) !== sha256) {
        return refuse('verification_failed', `${key} changed while it was copied; try again`);
      }
      const stored = await putImmutable(to, key, body);
      if (!stored.ok) return stored;
      if (stored.value.written) uploaded++;
      versionId = stored.value.versionId;
    }
    members.push({ ...member, versionId: versionId ?? null });
  }
  const { id } = source;
  const documents: [string, Uint8Array][] = [[ensembleKey(id), encodeJson({ ...source, members })]];
  if (profile.value !== undefined) documents.unshift([profile.value.key, profile.value.body]);
  for (const [key, body] of documents) {
    const stored = await putImmutable(to, key, body);
    if (!stored.ok) return stored;
    if (stored.value.written) uploaded++;
  }
  const isSet = pointer === 'set_first' && (await setFirstPointer(to, id));
  return success({ ensembleId: id, uploaded, pointer: isSet ? 'set' : 'untouched' });
}

/** Writes an object once; the same bytes again are no conflict. */
async function putImmutable(
  store: ObjectStore,
  key: string,
  body: Uint8Array,
): Promise<Result<{ written: boolean; versionId: string | undefined }, CopyFailure>> {
  const put = await store.put(key, body, { ifAbsent: true });
  if (put.outcome === 'stored') return success({ written: true, versionId: put.info.versionId });
  const existing = await store.get(key);
  if (existing === undefined || sha256Of(existing.body) !== sha256Of(body)) {
    return refuse(
      'target_conflict',
      `${key} stands in the target with other bytes; publish under a new version`,
    );
  }
  return success({ written: false, versionId: existing.versionId });
}

/** False when an ensemble is in force already. */
async function setFirstPointer(store: ObjectStore, ensembleId: string): Promise<boolean> {
  const first: EnsemblePointer = { ensembleId, previous: [] };
  return (await store.put(POINTER_KEY, encodeJson(first), { ifAbsent: true })).outcome === 'stored';
}

const refuse = (code: CopyFailure['code'], message: string) => failure<CopyFailure>({ code, message });
