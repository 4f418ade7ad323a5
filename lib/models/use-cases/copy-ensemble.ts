// Use case: publish the ensemble of one store (a folder) in another (S3), verified before anything is written. What is published is
// immutable, and does not become active, except for the very first ensemble where asked.
import { sha256Of } from '../../core/hash.ts';
import { encodeJson } from '../../core/json.ts';
import { messageOf } from '../../core/message-of.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { StoreError } from '../../core/store-error.ts';
import {
  type EnsembleMember,
  type EnsemblePointer,
  ensembleKey,
  manifestKey,
  modelKey,
  POINTER_KEY,
} from '../ensemble.ts';
import { policyKey, policyManifestKey } from '../sizing-policy.ts';
import { type ModelSource, proveModel } from './load-model.ts';
import { readCurrentEnsemble } from './read-ensemble.ts';
import { readFeatureProfile } from './read-profile.ts';
import { describePolicyProblem, provePolicy } from './sizing-policies.ts';

/** Why an ensemble was not copied. Closed; the active ensemble stays. */
interface CopyFailure {
  readonly code: 'source_invalid' | 'verification_failed' | 'target_conflict' | 'store_unavailable';
  /** One line for the operator. */
  readonly message: string;
}

interface CopiedEnsemble {
  readonly ensembleId: string;
  /** Objects written now; those that stood there already with the same bytes are not counted. */
  readonly uploaded: number;
  /** `set`: it is the first active ensemble of that store. */
  readonly pointer: 'set' | 'untouched';
}

export interface CopyRequest {
  readonly from: ObjectStore;
  readonly to: ObjectStore;
  readonly runtime: ModelSource['runtime'];
  /** `set_first` activates the ensemble where none was ever promoted; an active one is never replaced. */
  readonly pointer: 'set_first' | 'untouched';
}

/**
 * Copies the ensemble that the pointer of `from` names, with its feature profile if it has one, after proving every member and the policy, and
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
    const problem = await proveModel({ store: from, runtime }, member, { member, ensemble: source });
    if (problem === undefined) continue;
    return refuse(
      'verification_failed',
      `${member.name} ${member.version}: ${problem.reason}: ${problem.message}`,
    );
  }
  const policyProblem =
    source.sizingPolicy &&
    (await provePolicy({ store: from, runtime }, source.sizingPolicy, source.sizingPolicy));
  if (source.sizingPolicy !== null && policyProblem)
    return refuse('verification_failed', describePolicyProblem(source.sizingPolicy, policyProblem));
  const profile = await readFeatureProfile(from, source.id);
  if (!profile.ok) return refuse('source_invalid', profile.error);
  let uploaded = 0;
  const members: EnsembleMember[] = [];
  for (const member of source.members) {
    const copied = await copyPair({ from, to }, member, {
      manifest: manifestKey(member),
      model: modelKey(member),
    });
    if (!copied.ok) return copied;
    uploaded += copied.value.uploaded;
    members.push({ ...member, versionId: copied.value.versionId });
  }
  let { sizingPolicy } = source;
  if (sizingPolicy !== null) {
    const keys = { manifest: policyManifestKey(sizingPolicy), model: policyKey(sizingPolicy) };
    const copied = await copyPair({ from, to }, sizingPolicy, keys);
    if (!copied.ok) return copied;
    uploaded += copied.value.uploaded;
    sizingPolicy = { ...sizingPolicy, versionId: copied.value.versionId };
  }
  const { id } = source;
  const documents: [string, Uint8Array][] = [
    [ensembleKey(id), encodeJson({ ...source, members, sizingPolicy })],
  ];
  if (profile.value !== undefined) documents.unshift([profile.value.key, profile.value.body]);
  for (const [key, body] of documents) {
    const stored = await putImmutable(to, key, body);
    if (!stored.ok) return stored;
    if (stored.value.written) uploaded++;
  }
  const isSet = pointer === 'set_first' && (await setFirstPointer(to, id));
  return success({ ensembleId: id, uploaded, pointer: isSet ? 'set' : 'untouched' });
}

/** Copies a manifest and its model, as the ensemble names them. */
async function copyPair(
  { from, to }: Pick<CopyRequest, 'from' | 'to'>,
  named: { readonly sha256: string; readonly manifestSha256: string },
  keys: { readonly manifest: string; readonly model: string },
): Promise<Result<{ uploaded: number; versionId: string | null }, CopyFailure>> {
  let uploaded = 0;
  let versionId: string | undefined;
  // The model last: its VersionId is the one that the ensemble names.
  for (const [key, sha256] of [
    [keys.manifest, named.manifestSha256],
    [keys.model, named.sha256],
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
  return success({ uploaded, versionId: versionId ?? null });
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

/** False when there is an active ensemble already. */
async function setFirstPointer(store: ObjectStore, ensembleId: string): Promise<boolean> {
  const first: EnsemblePointer = { ensembleId, previous: [] };
  return (await store.put(POINTER_KEY, encodeJson(first), { ifAbsent: true })).outcome === 'stored';
}

const refuse = (code: CopyFailure['code'], message: string) => failure<CopyFailure>({ code, message });
