// What is in a model store: lists its models and ensembles, and verifies every model.

import type { ObjectStore } from '../../core/ports.ts';
import { type Result, success } from '../../core/result.ts';
import { findFeatureMismatch, type ModelProblem } from '../check-manifest.ts';
import { type Ensemble, ensembleIdSchema, manifestKey, modelKey } from '../ensemble.ts';
import { modelNameSchema, modelVersionSchema } from '../manifest.ts';
import { parseManifest } from '../parse-document.ts';
import { type NamedPolicy, POLICIES_PREFIX, policyKey } from '../sizing-policy.ts';
import type { ModelIdentity } from '../vote.ts';
import { type ModelSource, proveModel, readQuarantine } from './load-model.ts';
import { type EnsembleFailure, readCurrentEnsemble, readShadowId } from './read-ensemble.ts';
import { readPointer } from './release-pointer.ts';
import { provePolicy } from './sizing-policies.ts';

export interface ListedModel extends ModelIdentity {
  /** Of model.onnx; null when it is not there. */
  readonly bytes: number | null;
  /** Weight in the active ensemble; null when the model is not part of it. */
  readonly weight: number | null;
  /** Why it is quarantined by an operator; null when it is not. */
  readonly quarantine: string | null;
  /** Does the model read this code's features? unknown when its manifest cannot be read. */
  readonly featureSet: 'ok' | 'mismatch' | 'unknown';
}

/** A version of a sizing policy. */
export interface ListedPolicy extends ModelIdentity {
  /** Of model.onnx; null when it is not there. */
  readonly bytes: number | null;
  /** Whether the active ensemble names it. */
  readonly isActive: boolean;
  readonly quarantine: string | null;
  /** Why it could not serve; null when it passed every check, or was only listed. */
  readonly problem: ModelProblem | null;
}

export interface VerifiedModelRow extends ListedModel {
  /** undefined: passed every check that loading makes. */
  readonly problem: ModelProblem | undefined;
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
  /** Every version of a sizing policy in the store, and the one that the ensemble names whether stored or not. */
  readonly policies: readonly ListedPolicy[];
}

/** Throws StoreError when the store cannot be read. */
export async function listModels(store: ObjectStore): Promise<ModelListing<ListedModel>> {
  const current = await readCurrentEnsemble(store);
  const ensemble = current.ok ? success(current.value.ensemble) : current;
  const ensembles = await listEnsembles(store);
  const identities = await findStored(store, 'models/', ensemble.ok ? ensemble.value.members : []);
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
  const policies = await listPolicies(store, ensemble, async () => null);
  return { ensemble, ensembles, models, policies };
}

async function listPolicies(
  store: ObjectStore,
  ensemble: Result<Ensemble, EnsembleFailure>,
  prove: (policy: ModelIdentity, named: NamedPolicy | undefined) => Promise<ModelProblem | null>,
): Promise<ListedPolicy[]> {
  const active = ensemble.ok ? ensemble.value.sizingPolicy : null;
  const rows: ListedPolicy[] = [];
  for (const { name, version } of await findStored(store, POLICIES_PREFIX, active === null ? [] : [active])) {
    const policy = { name, version };
    const isActive = active?.name === name && active.version === version;
    const info = await store.head(policyKey(policy));
    rows.push({
      ...policy,
      isActive,
      bytes: info?.bytes ?? null,
      quarantine: await readQuarantine(store, policy),
      problem: await prove(policy, isActive ? active : undefined),
    });
  }
  return rows;
}

/** Loads and proves every listed model, one after the other. Throws StoreError when the store cannot be read. */
export async function verifyModels(
  store: ObjectStore,
  runtime: ModelSource['runtime'],
): Promise<ModelListing<VerifiedModelRow>> {
  const { ensemble, ensembles, models } = await listModels(store);
  const source = { store, runtime };
  const rows: VerifiedModelRow[] = [];
  for (const model of models) {
    const member = memberOf(ensemble, model);
    const expectation =
      ensemble.ok && member !== undefined ? { member, ensemble: ensemble.value } : undefined;
    rows.push({ ...model, problem: await proveModel(source, model, expectation) });
  }
  const policies = await listPolicies(
    store,
    ensemble,
    async (policy, named) => (await provePolicy(source, policy, named)) ?? null,
  );
  return { ensemble, ensembles, models: rows, policies };
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

async function findStored(
  store: ObjectStore,
  prefix: string,
  named: readonly ModelIdentity[],
): Promise<ModelIdentity[]> {
  const found = new Map<string, ModelIdentity>();
  for (const { name, version } of named) found.set(`${name}/${version}`, { name, version });
  for (const { key } of await store.list(prefix)) {
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
