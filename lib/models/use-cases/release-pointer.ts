// Every change of what serves: the audit entry first, then the one write that takes effect. The entry is never overwritten, and no
// change goes unaudited; an entry that no version of the pointer or of a quarantine order names did not take effect.
import { encodeJson } from '../../core/json.ts';
import { messageOf } from '../../core/message-of.ts';
import type { ObjectStore, WriteCondition } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { StoreError } from '../../core/store-error.ts';
import { type EnsemblePointer, POINTER_KEY } from '../ensemble.ts';
import { parsePointer } from '../parse-document.ts';

/** Why a release command changed nothing. Closed. */
export interface ReleaseFailure {
  readonly code:
    | 'store_unavailable'
    /** No pointer, or one that cannot be read. */
    | 'no_active_ensemble'
    | 'ensemble_unusable'
    | 'verification_failed'
    | 'already_so'
    | 'comparison_impossible'
    | 'not_better'
    | 'no_predecessor'
    | 'model_unknown'
    /** The same object was changed concurrently. */
    | 'conflict';
  /** One line for the operator. */
  readonly message: string;
}

/** Who changes what serves, and when by the caller's clock. */
export interface ReleaseActor {
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
}

interface AuditEntry {
  readonly action: 'promote' | 'rollback' | 'shadow' | 'quarantine' | 'lift';
  /** The ensemble id, or `<name>-<version>` of a model. */
  readonly subject: string;
  readonly actor: ReleaseActor;
  /** What the change stands on, e.g. the comparison's figures. */
  readonly evidence: object;
}

/** The pointer, and the write condition that fails when someone else has moved it. */
interface PointerState {
  readonly pointer: Result<EnsemblePointer, ReleaseFailure>;
  readonly condition: WriteCondition;
}

export const refuse = (code: ReleaseFailure['code'], message: string) =>
  failure<ReleaseFailure>({ code, message });

/** A store that fails is an outcome of the command, in one line. */
export async function catchStoreError<T>(
  work: () => Promise<Result<T, ReleaseFailure>>,
): Promise<Result<T, ReleaseFailure>> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StoreError) return refuse('store_unavailable', messageOf(error));
    throw error;
  }
}

/** Throws StoreError. */
export async function readPointer(store: ObjectStore): Promise<PointerState> {
  const stored = await store.get(POINTER_KEY);
  if (stored === undefined)
    return {
      pointer: refuse('no_active_ensemble', `${POINTER_KEY} is not in the store: promote an ensemble first`),
      condition: { ifAbsent: true },
    };
  const pointer = parsePointer(stored.body, POINTER_KEY);
  return {
    pointer: pointer.ok ? pointer : refuse('no_active_ensemble', pointer.error),
    condition: { ifMatch: stored.etag },
  };
}

/**
 * Writes the audit entry, then `key` on condition that nobody changed it meanwhile. Throws StoreError.
 * @param document what to write, given the key of the audit entry
 * @returns the key of the audit entry
 */
export async function writeAudited(
  store: ObjectStore,
  entry: AuditEntry,
  change: {
    readonly key: string;
    readonly condition: WriteCondition;
    readonly document: (auditKey: string) => object;
  },
): Promise<Result<string, ReleaseFailure>> {
  const meanwhile = () =>
    refuse('conflict', `${change.key} was changed concurrently: check it and try again`);
  const { action, subject, actor, evidence } = entry;
  const auditKey = `audit/models/${new Date(actor.atMs).toISOString().replaceAll(':', '')}-${action}-${subject}.json`;
  const record = { schemaVersion: 1, action, subject, ...actor, evidence };
  const audited = await store.put(auditKey, encodeJson(record), { ifAbsent: true });
  if (audited.outcome === 'conflict') return meanwhile();
  const put = await store.put(change.key, encodeJson(change.document(auditKey)), change.condition);
  return put.outcome === 'stored' ? success(auditKey) : meanwhile();
}
