// Which ensemble is in force: the pointer, then the ensemble it names. Without a readable answer there is none, and nothing
// is decided.
import { type Ensemble, ensembleKey, POINTER_KEY } from '../models/ensemble.ts';
import { parseEnsemble, parsePointer } from '../models/parse-document.ts';
import { failure, type Result, success } from '../result.ts';
import { oneLine, sha256Of } from './load-model.ts';
import type { ObjectStore, StoredObject } from './ports.ts';

/** Why there is no ensemble. Closed. */
export const ENSEMBLE_FAILURES = {
  store_unavailable: 'the store could not be read',
  pointer_missing: 'no ensemble was ever promoted in this store',
  pointer_invalid: 'the pointer does not name an ensemble',
  ensemble_missing: 'the ensemble that the pointer names is not in the store',
  ensemble_invalid: 'the ensemble is not readable, breaks its schema or bears another id',
} as const;

export interface EnsembleFailure {
  readonly code: keyof typeof ENSEMBLE_FAILURES;
  /** One line for the operator: what was seen, and what to do. */
  readonly detail: string;
}

export interface CurrentEnsemble {
  readonly ensemble: Ensemble;
  /** Of the ensemble's own bytes: tells a rewritten ensemble of the same id apart. */
  readonly sha256: string;
}

export async function readCurrentEnsemble(
  store: ObjectStore,
): Promise<Result<CurrentEnsemble, EnsembleFailure>> {
  const fail = (code: EnsembleFailure['code'], detail: string) => failure<EnsembleFailure>({ code, detail });
  let key = POINTER_KEY;
  let ensembleObject: StoredObject | undefined;
  let id: Result<string, string>;
  try {
    const pointer = await store.get(key);
    if (pointer === undefined)
      return fail('pointer_missing', `${key} is not in the store; promote an ensemble`);
    id = parsePointer(pointer.body, key);
    if (!id.ok) return fail('pointer_invalid', id.error);
    key = ensembleKey(id.value);
    ensembleObject = await store.get(key);
  } catch (error) {
    return fail('store_unavailable', `${key}: ${oneLine(error)}`);
  }
  if (ensembleObject === undefined) {
    return fail('ensemble_missing', `${key} is not in the store; promote an ensemble that is`);
  }
  const ensemble = parseEnsemble(ensembleObject.body, key);
  if (!ensemble.ok) return fail('ensemble_invalid', ensemble.error);
  if (ensemble.value.id !== id.value) {
    return fail(
      'ensemble_invalid',
      `${key}: holds ensemble ${ensemble.value.id}; publish the ensemble again`,
    );
  }
  return success({ ensemble: ensemble.value, sha256: sha256Of(ensembleObject.body) });
}
