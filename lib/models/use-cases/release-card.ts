// What is known of one model version or one ensemble, read from the store: what an operator looks at before activating it.

import { sha256Of } from '../../core/hash.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { type Result, success } from '../../core/result.ts';
import { type Ensemble, type EnsemblePointer, ensembleIdSchema, manifestKey } from '../ensemble.ts';
import type { ModelManifest } from '../manifest.ts';
import { parseManifest } from '../parse-document.ts';
import type { ModelIdentity } from '../vote.ts';
import { readQuarantine } from './load-model.ts';
import { type EnsembleStatus, type ListedEnsemble, listEnsembles } from './model-registry.ts';
import { readEnsemble } from './read-ensemble.ts';
import { catchStoreError, type ReleaseFailure, readPointer, refuse } from './release-pointer.ts';
import { countShadowBars } from './shadow-bars.ts';

export interface ModelCard {
  /** All of it but the golden vectors, of which only the number of rows is of interest. */
  readonly manifest: Omit<ModelManifest, 'goldenVectors'> & { readonly goldenRows: number };
  readonly manifestSha256: string;
  /** Why an operator took it out of service; null when nobody did. */
  readonly quarantine: string | null;
  /** The ensembles that name this version. */
  readonly ensembles: readonly (ListedEnsemble & { readonly weight: number })[];
}

export interface EnsembleCard {
  readonly ensemble: Ensemble;
  readonly status: EnsembleStatus;
  /** Members, and the policy, that an operator took out of service, and why. */
  readonly quarantined: readonly (ModelIdentity & { readonly reason: string })[];
  /** Bars (times shards) that it has decided as a shadow. */
  readonly shadowBars: number;
  /** Of the pointer, when this is the active ensemble: where rollback leads, and the audit entry of the last change. */
  readonly pointer: EnsemblePointer | null;
}

/** Reads what the store says; proves nothing (`verify` does). */
export function readModelCard(
  store: ObjectStore,
  model: ModelIdentity,
): Promise<Result<ModelCard, ReleaseFailure>> {
  return catchStoreError(async () => {
    const key = manifestKey(model);
    const stored = await store.get(key);
    if (stored === undefined) return refuse('model_unknown', `${key} is not in the store`);
    const parsed = parseManifest(stored.body, key);
    if (!parsed.ok) return refuse('model_unknown', parsed.error);
    const { goldenVectors, ...manifest } = parsed.value;
    return success({
      manifest: { ...manifest, goldenRows: goldenVectors.rows },
      manifestSha256: sha256Of(stored.body),
      quarantine: await readQuarantine(store, model),
      ensembles: await ensemblesWith(store, model),
    });
  });
}

export function readEnsembleCard(
  store: ObjectStore,
  id: string,
): Promise<Result<EnsembleCard, ReleaseFailure>> {
  return catchStoreError(async () => {
    if (!ensembleIdSchema.safeParse(id).success)
      return refuse('ensemble_unusable', `${id} is no ensemble id such as e20240728_000000`);
    const stored = await readEnsemble(store, id);
    if (!stored.ok) return refuse('ensemble_unusable', stored.error.message);
    const listed = (await listEnsembles(store)).find((ensemble) => ensemble.id === id);
    const { pointer } = await readPointer(store);
    const reasons = await Promise.all(
      [
        ...stored.value.ensemble.members,
        ...(stored.value.ensemble.sizingPolicy === null ? [] : [stored.value.ensemble.sizingPolicy]),
      ].map(async ({ name, version }) => {
        const reason = await readQuarantine(store, { name, version });
        return reason === null ? [] : [{ name, version, reason }];
      }),
    );
    return success({
      ensemble: stored.value.ensemble,
      status: listed?.status ?? 'candidate',
      quarantined: reasons.flat(),
      shadowBars: await countShadowBars(store, id),
      pointer: pointer.ok && pointer.value.ensembleId === id ? pointer.value : null,
    });
  });
}

async function ensemblesWith(store: ObjectStore, model: ModelIdentity): Promise<ModelCard['ensembles']> {
  const found: ModelCard['ensembles'][number][] = [];
  for (const listed of await listEnsembles(store)) {
    const stored = await readEnsemble(store, listed.id);
    const member = stored.ok
      ? stored.value.ensemble.members.find(
          ({ name, version }) => name === model.name && version === model.version,
        )
      : undefined;
    if (member !== undefined) found.push({ ...listed, weight: member.weight });
  }
  return found;
}
