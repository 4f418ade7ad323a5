// The stored profile of an ensemble's training features, checked: drift and publishing read it the same way.

import type { ObjectStore } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { type FeatureProfile, featureProfileKey } from '../../features/feature-profile.ts';
import { FEATURE_NAMES, FEATURE_SET_HASH } from '../../features/feature-set.ts';
import { parseFeatureProfile } from '../parse-document.ts';

export interface StoredProfile {
  readonly key: string;
  readonly body: Uint8Array;
  readonly profile: FeatureProfile;
}

/** undefined when there is none; a failure is one line for the operator. Throws StoreError. */
export async function readFeatureProfile(
  store: ObjectStore,
  ensembleId: string,
): Promise<Result<StoredProfile | undefined, string>> {
  const key = featureProfileKey(ensembleId);
  const stored = await store.get(key);
  if (stored === undefined) return success(undefined);
  const parsed = parseFeatureProfile(stored.body, key);
  if (!parsed.ok) return parsed;
  const problem = findProblem(parsed.value, ensembleId);
  if (problem !== undefined)
    return failure(`${key}: ${problem}; make it again with qtrader drift profile --force`);
  return success({ key, body: stored.body, profile: parsed.value });
}

function findProblem(profile: FeatureProfile, ensembleId: string): string | undefined {
  if (profile.ensembleId !== ensembleId) return `it is of ${profile.ensembleId}`;
  if (profile.featureSetHash !== FEATURE_SET_HASH) return 'it is of another feature set';
  const names = profile.features.map(({ name }) => name);
  if (names.join() !== FEATURE_NAMES.join())
    return 'its features are not those of the feature set, in its order';
  return undefined;
}
