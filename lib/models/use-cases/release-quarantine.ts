// Use case: an operator takes one version of a model or a sizing policy out of service, or lifts that order. Effective at the next bar of every function.

import type { ObjectStore } from '../../core/ports.ts';
import type { Result } from '../../core/result.ts';
import { modelKey, quarantineKey } from '../ensemble.ts';
import type { QuarantineOrder } from '../quarantine.ts';
import { policyKey } from '../sizing-policy.ts';
import type { ModelIdentity } from '../vote.ts';
import { findQuarantine } from './load-model.ts';
import {
  catchStoreError,
  type ReleaseActor,
  type ReleaseFailure,
  refuse,
  writeAudited,
} from './release-pointer.ts';

/** Refuses a state that is set already, and a model that is not in the store: its name is misspelt. @returns the key of the audit entry */
export function setQuarantine(
  store: ObjectStore,
  model: ModelIdentity,
  change: { readonly state: QuarantineOrder['state']; readonly actor: ReleaseActor },
): Promise<Result<string, ReleaseFailure>> {
  return catchStoreError(async () => {
    const { state, actor } = change;
    const { name, version } = model;
    const key = quarantineKey(model);
    const stored = await store.get(key);
    const isQuarantined = stored !== undefined && findQuarantine(stored) !== undefined;
    if (isQuarantined === (state === 'quarantined'))
      return refuse('already_so', `${name} ${version} is ${isQuarantined ? '' : 'not '}in quarantine`);
    if (state === 'quarantined' && !(await isStored(store, model)))
      return refuse('model_unknown', `${modelKey(model)} is not in the store`);
    return writeAudited(
      store,
      {
        action: state === 'quarantined' ? 'quarantine' : 'lift',
        subject: `${name}-${version}`,
        actor,
        evidence: {},
      },
      {
        key,
        condition: stored === undefined ? { ifAbsent: true } : { ifMatch: stored.etag },
        document: (audit): QuarantineOrder => ({ schemaVersion: 1, name, version, state, ...actor, audit }),
      },
    );
  });
}

/** As a model, or as a sizing policy. */
async function isStored(store: ObjectStore, model: ModelIdentity): Promise<boolean> {
  for (const key of [modelKey(model), policyKey(model)])
    if ((await store.head(key)) !== undefined) return true;
  return false;
}
