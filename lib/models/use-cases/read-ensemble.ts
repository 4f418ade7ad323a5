// Which ensemble is active: the pointer, then the ensemble it names. When either is unreadable there is none, and nothing is
// decided.

import { sha256Of } from '../../core/hash.ts';
import { messageOf } from '../../core/message-of.ts';
import type { ObjectStore, StoredObject } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { type Ensemble, type EnsemblePointer, ensembleKey, POINTER_KEY, SHADOW_KEY } from '../ensemble.ts';
import { parseEnsemble, parsePointer, parseShadow } from '../parse-document.ts';

/** Why there is no ensemble. Closed. */
export const ENSEMBLE_FAILURES = {
  store_unavailable: 'the store could not be read',
  pointer_missing: 'no ensemble was ever promoted in this store',
  pointer_invalid: 'the pointer, or the shadow’s, does not name an ensemble',
  ensemble_missing: 'the ensemble that the pointer names is not in the store',
  ensemble_invalid: 'the ensemble is not readable, breaks its schema or bears another id',
} as const;

export interface EnsembleFailure {
  readonly code: keyof typeof ENSEMBLE_FAILURES;
  /** One line for the operator: what was seen, and what to do. */
  readonly message: string;
}

export interface StoredEnsemble {
  readonly ensemble: Ensemble;
  /** Of the ensemble's own bytes: tells a rewritten ensemble of the same id apart. */
  readonly sha256: string;
}

/** The pointer and the active ensemble, from one read of the pointer. */
export interface CurrentEnsemble extends StoredEnsemble {
  readonly pointer: EnsemblePointer;
}

const fail = (code: EnsembleFailure['code'], message: string) => failure<EnsembleFailure>({ code, message });

export async function readCurrentEnsemble(
  store: ObjectStore,
): Promise<Result<CurrentEnsemble, EnsembleFailure>> {
  const object = await readObject(store, POINTER_KEY);
  if (!object.ok) return object;
  if (object.value === undefined)
    return fail('pointer_missing', `${POINTER_KEY} is not in the store; promote an ensemble`);
  const pointer = parsePointer(object.value.body, POINTER_KEY);
  if (!pointer.ok) return fail('pointer_invalid', pointer.error);
  const stored = await readEnsemble(store, pointer.value.ensembleId);
  return stored.ok ? success({ ...stored.value, pointer: pointer.value }) : stored;
}

/** Id of the ensemble that is to run in shadow, undefined for none. */
export async function readShadowId(store: ObjectStore): Promise<Result<string | undefined, EnsembleFailure>> {
  const object = await readObject(store, SHADOW_KEY);
  if (!object.ok) return object;
  if (object.value === undefined) return success(undefined);
  const shadow = parseShadow(object.value.body, SHADOW_KEY);
  return shadow.ok ? success(shadow.value.ensembleId ?? undefined) : fail('pointer_invalid', shadow.error);
}

/** An ensemble in the store, active or not. */
export async function readEnsemble(
  store: ObjectStore,
  id: string,
): Promise<Result<StoredEnsemble, EnsembleFailure>> {
  const key = ensembleKey(id);
  const object = await readObject(store, key);
  if (!object.ok) return object;
  if (object.value === undefined)
    return fail('ensemble_missing', `${key} is not in the store; promote an ensemble that is`);
  const ensemble = parseEnsemble(object.value.body, key);
  if (!ensemble.ok) return fail('ensemble_invalid', ensemble.error);
  if (ensemble.value.id !== id)
    return fail(
      'ensemble_invalid',
      `${key}: holds ensemble ${ensemble.value.id}; publish the ensemble again`,
    );
  return success({ ensemble: ensemble.value, sha256: sha256Of(object.value.body) });
}

async function readObject(
  store: ObjectStore,
  key: string,
): Promise<Result<StoredObject | undefined, EnsembleFailure>> {
  try {
    return success(await store.get(key));
  } catch (error) {
    return fail('store_unavailable', `${key}: ${messageOf(error)}`);
  }
}
