import { describe, expect, test } from 'vitest';
import { createOnnxModelRuntime } from '../../lib/adapters/onnx/onnx-model-runtime.ts';
import type { ObjectStore } from '../../lib/core/ports.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import { ensembleKey, manifestKey, modelKey, POINTER_KEY } from '../../lib/models/ensemble.ts';
import { parseEnsemble } from '../../lib/models/parse-document.ts';
import { type CopyRequest, copyEnsemble } from '../../lib/models/use-cases/copy-ensemble.ts';
import { listModels, verifyModels } from '../../lib/models/use-cases/model-registry.ts';
import { buildModelFolder, DEFAULT_MEMBERS, toJson } from '../support/models/build-model-folder.ts';
import { createMemoryObjectStore } from '../support/models/memory-object-store.ts';

const runtime = createOnnxModelRuntime();
const VERSION = 'v20240728_000000';
const ID = 'e20240728_000000';
const XGBOOST = { name: 'xgboost', version: VERSION };
const folder = () => createMemoryObjectStore({ versioned: false });
const bucket = () => createMemoryObjectStore({ versioned: true });

describe('list and verify', () => {
  test('show every version in the store, members or not, each with its verdict', async () => {
    const store = folder();
    await buildModelFolder({ store, members: [{ ...DEFAULT_MEMBERS[0]!, version: 'v20240101_000000' }] });
    await buildModelFolder({ store });
    await store.remove(modelKey({ name: 'nhits', version: VERSION }));
    await store.put(manifestKey({ name: 'patchtst', version: VERSION }), toJson({}));
    await store.put('models/README', toJson({}));
    const { ensemble, models } = await verifyModels(store, runtime);
    expect(ensemble).toMatchObject({ ok: true, value: { id: ID } });
    expect(models).toMatchObject([
      { name: 'lightgbm', weight: 1, featureSet: 'ok', problem: undefined },
      { name: 'nhits', bytes: null, featureSet: 'ok', problem: { reason: 'model_missing' } },
      { name: 'patchtst', featureSet: 'unknown', problem: { reason: 'sha256_mismatch' } },
      { name: 'xgboost', version: 'v20240101_000000', weight: null, featureSet: 'ok', problem: undefined },
      { name: 'xgboost', version: VERSION, weight: 1, bytes: 1055, featureSet: 'ok', problem: undefined },
    ]);
  });

  test('a manifest in the place of another model is told apart, in the ensemble or not', async () => {
    const store = folder();
    await buildModelFolder({ store });
    const stray = { name: 'catboost', version: VERSION };
    await store.put(modelKey(stray), (await store.get(modelKey(XGBOOST)))!.body);
    await store.put(manifestKey(stray), (await store.get(manifestKey(XGBOOST)))!.body);
    const { models } = await verifyModels(store, runtime);
    expect(models[0]).toMatchObject({
      name: 'catboost',
      weight: null,
      problem: { reason: 'manifest_mismatch' },
    });
  });

  test('an empty store lists nothing and says that there is no ensemble', async () => {
    expect(await listModels(folder())).toEqual({
      ensemble: { ok: false, error: { code: 'pointer_missing', message: expect.any(String) } },
      ensembles: [],
      models: [],
      policies: [],
    });
  });
});

describe('copying an ensemble', () => {
  const copy = (from: ObjectStore, to: ObjectStore, pointer: CopyRequest['pointer'] = 'set_first') =>
    copyEnsemble({ from, to, runtime, pointer });
  const prepared = async () => {
    const from = folder();
    await buildModelFolder({ store: from });
    return { from, to: bucket() };
  };

  test('names the VersionIds of the target, and what was copied verifies there', async () => {
    const { from, to } = await prepared();
    expect(await copy(from, to)).toEqual({
      ok: true,
      value: { ensembleId: ID, uploaded: 9, pointer: 'set' },
    });
    const ensemble = parseEnsemble((await to.get(ensembleKey(ID)))!.body, 'copy');
    const member = ensemble.ok && ensemble.value.members[0]!;
    expect(member).toMatchObject({
      name: 'xgboost',
      versionId: (await to.head(modelKey(XGBOOST)))!.versionId,
    });
    const { models } = await verifyModels(to, runtime);
    expect(models.map(({ problem }) => problem)).toEqual([undefined, undefined, undefined, undefined]);
  });

  test('again changes nothing, not even a version', async () => {
    const { from, to } = await prepared();
    await copy(from, to);
    const before = await to.list('');
    expect(await copy(from, to)).toEqual({
      ok: true,
      value: { ensembleId: ID, uploaded: 0, pointer: 'untouched' },
    });
    expect(await to.list('')).toEqual(before);
  });

  test('broken off half way it can be repeated', async () => {
    const { from, to } = await prepared();
    const breaking: ObjectStore = {
      ...to,
      put: (key, ...rest) =>
        key.startsWith('ensembles/')
          ? Promise.reject(new StoreError('503', { retryable: true }))
          : to.put(key, ...rest),
    };
    expect(await copy(from, breaking)).toMatchObject({ ok: false, error: { code: 'store_unavailable' } });
    expect(await copy(from, to)).toMatchObject({ ok: true, value: { uploaded: 1, pointer: 'set' } });
  });

  test('never replaces an active ensemble, and activates none unless it is told to set the first', async () => {
    const { from, to } = await prepared();
    const pointer = toJson({ ensembleId: 'e20230101_000000' });
    await to.put(POINTER_KEY, pointer);
    expect(await copy(from, to)).toMatchObject({ ok: true, value: { pointer: 'untouched' } });
    expect((await to.get(POINTER_KEY))!.body).toEqual(pointer);
    const empty = bucket();
    expect(await copy(from, empty, 'untouched')).toMatchObject({ ok: true, value: { uploaded: 9 } });
    expect(await empty.head(POINTER_KEY)).toBeUndefined();
  });

  test('is refused when one member fails, and nothing is written', async () => {
    const { from, to } = await prepared();
    await from.put(modelKey(XGBOOST), new Uint8Array(842));
    expect(await copy(from, to)).toMatchObject({
      ok: false,
      error: {
        code: 'verification_failed',
        message: expect.stringMatching(/^xgboost v.*: sha256_mismatch: /),
      },
    });
    expect(await to.list('')).toEqual([]);
  });

  test('never overwrites another object under the same key', async () => {
    const { from, to } = await prepared();
    await to.put(modelKey(XGBOOST), new Uint8Array(3));
    expect(await copy(from, to)).toMatchObject({ ok: false, error: { code: 'target_conflict' } });
    expect(await to.head(POINTER_KEY)).toBeUndefined();
    expect((await to.head(modelKey(XGBOOST)))!.bytes).toBe(3);
  });

  test('keeps the ensemble that someone else activated first', async () => {
    const { from, to } = await prepared();
    const theirs = toJson({ ensembleId: 'e20230101_000000' });
    const racing: ObjectStore = {
      ...to,
      async put(key, body, condition) {
        if (key === POINTER_KEY) await to.put(key, theirs);
        return to.put(key, body, condition);
      },
    };
    expect(await copy(from, racing)).toMatchObject({ ok: true, value: { pointer: 'untouched' } });
    expect((await to.get(POINTER_KEY))!.body).toEqual(theirs);
  });

  test('copies the bytes that it proved, not what stands there a moment later', async () => {
    const { from, to } = await prepared();
    let reads = 0;
    const changing: ObjectStore = {
      ...from,
      async get(key) {
        const object = (await from.get(key))!;
        const changed = key === modelKey(XGBOOST) && reads++ > 0;
        return changed ? { ...object, body: new Uint8Array(object.bytes) } : object;
      },
    };
    expect(await copy(changing, to)).toMatchObject({ ok: false, error: { code: 'verification_failed' } });
    expect(await to.head(modelKey(XGBOOST))).toBeUndefined();
  });

  test('without a source ensemble says so', async () => {
    expect(await copy(folder(), bucket())).toMatchObject({ ok: false, error: { code: 'source_invalid' } });
  });
});
