// How an ensemble is copied to another store: what is proven before anything is written, in which order it is, and what stands there
// already.
import { describe, expect, it } from 'vitest';
import { createOnnxModelRuntime } from '../../lib/adapters/onnx/onnx-model-runtime.ts';
import type { ObjectStore } from '../../lib/core/ports.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import { type FeatureProfile, featureProfileKey } from '../../lib/features/feature-profile.ts';
import { FEATURE_NAMES, FEATURE_SET_HASH } from '../../lib/features/feature-set.ts';
import { ensembleKey, manifestKey, modelKey, POINTER_KEY } from '../../lib/models/ensemble.ts';
import { policyKey, policyManifestKey } from '../../lib/models/sizing-policy.ts';
import { type CopyRequest, copyEnsemble } from '../../lib/models/use-cases/copy-ensemble.ts';
import { buildModelFolder, DEFAULT_MEMBERS, toJson } from '../support/models/build-model-folder.ts';
import { writePolicy } from '../support/models/build-policy.ts';
import { createMemoryObjectStore } from '../support/models/memory-object-store.ts';

const runtime = createOnnxModelRuntime();
const ID = 'e20240728_000000';
const member = (name: string) => ({ name, version: 'v20240728_000000' });
const [XGBOOST, LIGHTGBM] = [member('xgboost'), member('lightgbm')];
const PROFILE_KEY = featureProfileKey(ID);

/** A folder with an ensemble of two models and a policy, and an empty bucket. */
async function prepared() {
  const from = createMemoryObjectStore({ versioned: false });
  const sizingPolicy = await writePolicy(from);
  await buildModelFolder({ store: from, members: DEFAULT_MEMBERS.slice(0, 2), ensemble: { sizingPolicy } });
  return { from, sizingPolicy, to: createMemoryObjectStore({ versioned: true }) };
}
const copy = (from: ObjectStore, to: ObjectStore, pointer: CopyRequest['pointer'] = 'set_first') =>
  copyEnsemble({ from, to, runtime, pointer });

/** The keys that are written, in order. */
function watched(to: ObjectStore) {
  const keys: string[] = [];
  const store: ObjectStore = {
    ...to,
    put: (key, ...rest) => {
      keys.push(key);
      return to.put(key, ...rest);
    },
  };
  return { keys, store };
}
const read = async (store: ObjectStore, key: string) =>
  JSON.parse(new TextDecoder().decode((await store.get(key))!.body));

const profile: FeatureProfile = {
  ...{ schemaVersion: 1, ensembleId: ID, featureSetHash: FEATURE_SET_HASH },
  ...{ fromMs: 0, toMs: 9, symbols: ['BTCUSDT'], rows: 10 },
  features: FEATURE_NAMES.map((name) => ({
    ...{ name, bins: { kind: 'quantiles', edges: [0] }, counts: [4, 6] },
  })),
};

describe('a copy', () => {
  it('is written from what is named to what names it, the pointer last', async () => {
    const { from, to, sizingPolicy } = await prepared();
    const { keys, store } = watched(to);
    expect(await copy(from, store)).toEqual({
      ok: true,
      value: { ensembleId: ID, uploaded: 7, pointer: 'set' },
    });
    expect(keys).toEqual([
      ...[XGBOOST, LIGHTGBM].flatMap((model) => [manifestKey(model), modelKey(model)]),
      ...[policyManifestKey(sizingPolicy), policyKey(sizingPolicy)],
      ...[ensembleKey(ID), POINTER_KEY],
    ]);
    expect(await read(to, POINTER_KEY)).toEqual({ ensembleId: ID, previous: [] });
  });

  it('names what it copied by its versions there, also where it stood there already', async () => {
    const { from, to, sizingPolicy } = await prepared();
    await to.put(modelKey(LIGHTGBM), (await from.get(modelKey(LIGHTGBM)))!.body);
    expect(await copy(from, to)).toMatchObject({ ok: true, value: { uploaded: 6 } });
    const versionOf = async (key: string) => (await to.head(key))?.versionId;
    const ensemble = await read(to, ensembleKey(ID));
    expect(ensemble.members.map(({ versionId }: { versionId: string }) => versionId)).toEqual([
      await versionOf(modelKey(XGBOOST)),
      await versionOf(modelKey(LIGHTGBM)),
    ]);
    expect(ensemble.sizingPolicy.versionId).toBe(await versionOf(policyKey(sizingPolicy)));
    expect(ensemble).toMatchObject({ ...(await read(from, ensembleKey(ID))), ...ensemble });
  });

  it('names no versions where the target keeps none', async () => {
    const { from } = await prepared();
    const to = createMemoryObjectStore({ versioned: false });
    await copy(from, to);
    const ensemble = await read(to, ensembleKey(ID));
    expect(ensemble.members.map(({ versionId }: { versionId: unknown }) => versionId)).toEqual([null, null]);
    expect(ensemble.sizingPolicy.versionId).toBeNull();
  });

  it('of an ensemble without a policy has none', async () => {
    const from = createMemoryObjectStore({ versioned: false });
    await buildModelFolder({ store: from, members: DEFAULT_MEMBERS.slice(0, 2) });
    const to = createMemoryObjectStore({ versioned: true });
    expect(await copy(from, to)).toMatchObject({ ok: true, value: { uploaded: 5 } });
    expect((await read(to, ensembleKey(ID))).sizingPolicy).toBeNull();
  });

  it('again writes nothing, and leaves what is active there', async () => {
    const { from, to } = await prepared();
    await copy(from, to);
    await to.put(POINTER_KEY, toJson({ ensembleId: 'e20230101_000000' }));
    expect(await copy(from, to)).toEqual({
      ok: true,
      value: { ensembleId: ID, uploaded: 0, pointer: 'untouched' },
    });
    expect(await read(to, POINTER_KEY)).toEqual({ ensembleId: 'e20230101_000000' });
  });

  it('leaves the pointer alone where it is not to set the first', async () => {
    const { from, to } = await prepared();
    const { keys, store } = watched(to);
    expect(await copy(from, store, 'untouched')).toMatchObject({
      value: { uploaded: 7, pointer: 'untouched' },
    });
    expect(keys).not.toContain(POINTER_KEY);
  });
});

describe('a copy is refused', () => {
  /** Nothing names it there: neither the ensemble nor the pointer is written. */
  async function refused(
    answer: ReturnType<typeof copy>,
    to: ObjectStore,
    code: string,
    message: RegExp | string,
  ): Promise<void> {
    expect(await answer).toEqual({
      ok: false,
      error: { code, message: typeof message === 'string' ? message : expect.stringMatching(message) },
    });
    expect(await to.head(ensembleKey(ID))).toBeUndefined();
    expect(await to.head(POINTER_KEY)).toBeUndefined();
  }

  it('where there is nothing to copy', async () => {
    const { from, to } = await prepared();
    await from.remove(POINTER_KEY);
    await refused(copy(from, to), to, 'source_invalid', new RegExp(POINTER_KEY));
  });

  it('with one line that says what of it fails', async () => {
    const { from, to, sizingPolicy } = await prepared();
    await from.put(policyKey(sizingPolicy), new Uint8Array(9));
    await refused(copy(from, to), to, 'verification_failed', /^sizing policy sizing v20240805_000000: /);
    expect(await to.list('')).toEqual([]);
    await from.put(modelKey(LIGHTGBM), new Uint8Array(9));
    await refused(copy(from, to), to, 'verification_failed', /^lightgbm v20240728_000000: sha256_mismatch: /);
    expect(await to.list('')).toEqual([]);
  });

  it('where its profile cannot be read', async () => {
    const { from, to } = await prepared();
    await from.put(PROFILE_KEY, toJson({ ...profile, ensembleId: 'e20200101_000000' }));
    await refused(copy(from, to), to, 'source_invalid', new RegExp(PROFILE_KEY));
    expect(await to.list('')).toEqual([]);
  });

  it.each<[string, (policy: { name: string; version: string }) => string]>([
    ['a manifest', () => manifestKey(XGBOOST)],
    ['a model', () => modelKey(LIGHTGBM)],
    ['the manifest of a policy', policyManifestKey],
    ['a policy', policyKey],
  ])('where %s stands there with other bytes', async (_name, keyOf) => {
    const { from, to, sizingPolicy } = await prepared();
    const key = keyOf(sizingPolicy);
    await to.put(key, new Uint8Array(3));
    const message = `${key} stands in the target with other bytes; publish under a new version`;
    await refused(copy(from, to), to, 'target_conflict', message);
    expect((await to.get(key))!.bytes).toBe(3);
  });

  it('where the ensemble stands there with other bytes, and nothing becomes active', async () => {
    const { from, to } = await prepared();
    await to.put(ensembleKey(ID), toJson({}));
    expect(await copy(from, to)).toMatchObject({ error: { code: 'target_conflict' } });
    expect(await read(to, ensembleKey(ID))).toEqual({});
    expect(await to.head(POINTER_KEY)).toBeUndefined();
  });

  it('where what stood there is gone when it is looked at', async () => {
    const { from, to } = await prepared();
    const store: ObjectStore = {
      ...to,
      put: async (key, ...rest) =>
        key === modelKey(XGBOOST) ? { outcome: 'conflict' } : to.put(key, ...rest),
    };
    await refused(copy(from, store), to, 'target_conflict', /^models\/xgboost/);
  });

  it.each<[string, (policy: { name: string; version: string }) => string, 'changed' | 'gone']>([
    ['a model is changed', () => modelKey(XGBOOST), 'changed'],
    ['a model is gone', () => modelKey(XGBOOST), 'gone'],
    ['a manifest is changed', () => manifestKey(LIGHTGBM), 'changed'],
    ['a policy is changed', policyKey, 'changed'],
  ])('where %s after it was proven', async (_name, keyOf, how) => {
    const { from, to, sizingPolicy } = await prepared();
    const key = keyOf(sizingPolicy);
    let isProven = false;
    const { keys, store } = watched(to);
    const changing: ObjectStore = {
      ...from,
      get: async (at, versionId) => {
        const object = await from.get(at, versionId);
        // The profile is asked for when all is proven.
        if (at === PROFILE_KEY) isProven = true;
        if (at !== key || !isProven || object === undefined) return object;
        return how === 'gone' ? undefined : { ...object, body: new Uint8Array(object.bytes) };
      },
    };
    const message = `${key} changed while it was copied; try again`;
    await refused(copy(changing, store), to, 'verification_failed', message);
    expect(keys).not.toContain(key);
  });

  it('where a store fails, with its line; another error is a fault of the program', async () => {
    const { from, to } = await prepared();
    const failing = (error: Error): ObjectStore => ({ ...to, put: () => Promise.reject(error) });
    const busy = new StoreError('503\nbusy', { retryable: true });
    await refused(copy(from, failing(busy)), to, 'store_unavailable', '503 busy');
    await expect(copy(from, failing(new TypeError('a fault')))).rejects.toThrow('a fault');
  });
});

describe('a profile', () => {
  it('is copied as it is, before the ensemble that it belongs to', async () => {
    const { from, to } = await prepared();
    await from.put(PROFILE_KEY, toJson(profile));
    const { keys, store } = watched(to);
    expect(await copy(from, store)).toMatchObject({ ok: true, value: { uploaded: 8, pointer: 'set' } });
    expect(keys.slice(-3)).toEqual([PROFILE_KEY, ensembleKey(ID), POINTER_KEY]);
    expect((await to.get(PROFILE_KEY))!.body).toEqual((await from.get(PROFILE_KEY))!.body);
  });

  it('that stands there with other bytes keeps the ensemble from being written', async () => {
    const { from, to } = await prepared();
    await from.put(PROFILE_KEY, toJson(profile));
    await to.put(PROFILE_KEY, toJson({}));
    expect(await copy(from, to)).toMatchObject({ ok: false, error: { code: 'target_conflict' } });
    expect(await to.head(ensembleKey(ID))).toBeUndefined();
  });
});
