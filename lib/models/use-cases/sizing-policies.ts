// The sizing policy of an ensemble: loaded and proven like a model, kept warm, and asked for every entry. What cannot be proven, or
// answers anything but a share, gives a reason and no share: nothing stands in for it.

import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { ModelProblem } from '../check-manifest.ts';
import { type Ensemble, quarantineKey } from '../ensemble.ts';
import { parsePolicyManifest } from '../parse-document.ts';
import {
  type NamedPolicy,
  type PolicyManifest,
  policyInput,
  policyKey,
  policyManifestKey,
  readShare,
  SIZING_COLUMNS,
  type SizingState,
} from '../sizing-policy.ts';
import type { ModelIdentity } from '../vote.ts';
import {
  findChange,
  fingerprintProven,
  loadProven,
  type ModelSource,
  type Proven,
  problem,
} from './load-model.ts';

/** The policy of one ensemble, acquired for one run. */
export interface SizingPolicy {
  /** The share of the full size, 0…1; fails with one line where there is none. Never throws. */
  shareOf(state: SizingState): Promise<Result<number, string>>;
  /** To be called once when the run is done: a session that was replaced meanwhile is freed by its last user. */
  release(): Promise<void>;
}

export interface SizingPolicies {
  /** The policy that the ensemble names, as the store holds it now; undefined where it names none. Never throws. */
  of(ensemble: Pick<Ensemble, 'sizingPolicy'>): Promise<Result<SizingPolicy | undefined, ModelProblem>>;
  /** Frees the session, one in use when its run is done. */
  close(): Promise<void>;
}

/** A session and how many use it: the provider, and every run in flight. */
interface Shared extends Proven<PolicyManifest> {
  users: number;
}

interface LoadedPolicy {
  readonly named: NamedPolicy;
  readonly fingerprint: string | undefined;
  readonly result: Result<Shared, ModelProblem>;
}

export function createSizingPolicies(source: ModelSource): SizingPolicies {
  let loaded: LoadedPolicy | undefined;
  // One after the other: of two loads at once, one would be lost and never freed.
  let last: Promise<unknown> = Promise.resolve();

  const replace = async (next: LoadedPolicy | undefined) => {
    const replaced = loaded;
    loaded = next;
    if (replaced?.result.ok) await releaseOne(replaced.result.value);
  };

  const acquire = async (named: NamedPolicy): Promise<Result<SizingPolicy, ModelProblem>> => {
    if (!(await isUnchanged(source, loaded, named))) {
      const { result, fingerprint } = await loadPolicy(source, named, named);
      const shared = result.ok ? success({ ...result.value, users: 1 }) : result;
      await replace({ named, fingerprint, result: shared });
    }
    const { result } = loaded!;
    return result.ok ? success(serve(result.value)) : result;
  };

  return {
    async of({ sizingPolicy }) {
      if (sizingPolicy === null) return success(undefined);
      const acquired = last.then(() => acquire(sizingPolicy));
      last = acquired.catch(() => undefined);
      return acquired.catch((error) => problem('session_failed', messageOf(error)));
    },
    async close() {
      await last;
      await replace(undefined);
    },
  };
}

/** Whether what was loaded is named again, and its objects are the same in the store. */
async function isUnchanged(
  { store }: ModelSource,
  loaded: LoadedPolicy | undefined,
  named: NamedPolicy,
): Promise<boolean> {
  if (loaded?.fingerprint === undefined) return false;
  if (JSON.stringify(loaded.named) !== JSON.stringify(named)) return false;
  const now = await fingerprintProven(store, keysOf(named));
  return now.ok && now.value === loaded.fingerprint;
}

function serve(shared: Shared): SizingPolicy {
  shared.users++;
  const { manifest, session } = shared;
  let isReleased = false;
  return {
    async shareOf(state) {
      let output: Float32Array;
      try {
        output = await session.answers(policyInput(state, manifest.bounds), 1);
      } catch (error) {
        return failure(`the policy failed: ${messageOf(error)}`);
      }
      const share = readShare(output[0]);
      return share === undefined
        ? failure(`the policy answered ${output[0]}, which is no share from 0 to 1`)
        : success(share);
    },
    async release() {
      if (isReleased) return;
      isReleased = true;
      await releaseOne(shared);
    },
  };
}

async function releaseOne(shared: Shared): Promise<void> {
  shared.users--;
  if (shared.users === 0) await shared.session.release();
}

const keysOf = (policy: ModelIdentity) => ({
  manifest: policyManifestKey(policy),
  model: policyKey(policy),
  quarantine: quarantineKey(policy),
});

const loadPolicy = (source: ModelSource, policy: ModelIdentity, named: NamedPolicy | undefined) =>
  loadProven(source, policy, {
    keys: keysOf(policy),
    check: (bytes, modelObject) => {
      const changed = named && findChange(named, bytes, modelObject);
      if (changed !== undefined) return failure(changed);
      const manifest = parsePolicyManifest(bytes, `manifest of ${policy.name} ${policy.version}`);
      if (!manifest.ok) return problem('manifest_invalid', manifest.error);
      const mismatch = findPolicyMismatch(manifest.value, named);
      return mismatch === undefined ? manifest : failure(mismatch);
    },
  });

function findPolicyMismatch(
  { sha256, input, bounds }: PolicyManifest,
  named: NamedPolicy | undefined,
): ModelProblem | undefined {
  if (named !== undefined && sha256 !== named.sha256)
    return {
      reason: 'manifest_mismatch',
      message: `manifest says sha256 ${sha256}, the ensemble ${named.sha256}`,
    };
  if (input.columns.join() !== SIZING_COLUMNS.join())
    return {
      reason: 'feature_set_mismatch',
      message: `input.columns are ${input.columns.join(', ')}, must be ${SIZING_COLUMNS.join(', ')}`,
    };
  if (bounds.length === SIZING_COLUMNS.length) return undefined;
  return {
    reason: 'manifest_invalid',
    message: `bounds has ${bounds.length} entries, must be ${SIZING_COLUMNS.length}`,
  };
}

/** Loads a policy to see whether it could serve. @returns why it could not; undefined when it passed every check */
export async function provePolicy(
  source: ModelSource,
  policy: ModelIdentity,
  named?: NamedPolicy,
): Promise<ModelProblem | undefined> {
  const { result } = await loadPolicy(source, policy, named);
  if (!result.ok) return result.error;
  await result.value.session.release();
  return undefined;
}

export const describePolicyProblem = (
  { name, version }: ModelIdentity,
  { reason, message }: ModelProblem,
): string => `sizing policy ${name} ${version}: ${reason}: ${message}`;
