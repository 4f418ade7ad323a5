// Which ensemble is active, and which runs in shadow; each way of having none has its code and its line. No change goes unrecorded.
import { beforeEach, describe, expect, test } from 'vitest';
import { success } from '../../lib/core/result.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import { type Ensemble, ensembleKey, POINTER_KEY, SHADOW_KEY } from '../../lib/models/ensemble.ts';
import { readCurrentEnsemble, readEnsemble, readShadowId } from '../../lib/models/use-cases/read-ensemble.ts';
import { catchStoreError, readPointer, writeAudited } from '../../lib/models/use-cases/release-pointer.ts';
import { buildModelFolder, DEFAULT_MEMBERS, toJson } from '../support/models/build-model-folder.ts';
import { sha256Of } from '../support/models/describe-model.ts';
import { createMemoryObjectStore, type MemoryObjectStore } from '../support/models/memory-object-store.ts';

const ID = 'e20240728_000000';
const OTHER = 'e20240801_000000';
const failed = (code: string, message: unknown) => ({ ok: false, error: { code, message } });

let store: MemoryObjectStore;
let ensemble: Ensemble;
beforeEach(async () => {
  store = createMemoryObjectStore({ versioned: true });
  ensemble = await buildModelFolder({ store, members: DEFAULT_MEMBERS.slice(0, 1) });
});

describe('the active ensemble', () => {
  test('is the one that the pointer names, with the hash of its bytes', async () => {
    const { body } = (await store.get(ensembleKey(ID)))!;
    expect(await readCurrentEnsemble(store)).toEqual({
      ok: true,
      value: { ensemble, sha256: sha256Of(body), pointer: { ensembleId: ID, previous: [] } },
    });
  });

  test('is none without a pointer, or with one that is none', async () => {
    await store.put(POINTER_KEY, toJson({}));
    expect(await readCurrentEnsemble(store)).toEqual(
      failed('pointer_invalid', `${POINTER_KEY}: ensembleId is missing; promote an ensemble again`),
    );
    await store.remove(POINTER_KEY);
    expect(await readCurrentEnsemble(store)).toEqual(
      failed('pointer_missing', `${POINTER_KEY} is not in the store; promote an ensemble`),
    );
  });

  test('is none where the store does not answer for the pointer or the ensemble', async () => {
    for (const key of [POINTER_KEY, ensembleKey(ID)]) {
      store.failReadsOf(key);
      expect(await readCurrentEnsemble(store)).toEqual(
        failed('store_unavailable', `${key}: 503 reading ${key}`),
      );
    }
  });
});

describe('an ensemble', () => {
  test('that is not there, is none, or bears another id is told as such', async () => {
    const key = ensembleKey(OTHER);
    expect(await readEnsemble(store, OTHER)).toEqual(
      failed('ensemble_missing', `${key} is not in the store; promote an ensemble that is`),
    );
    await store.put(key, toJson(ensemble));
    expect(await readEnsemble(store, OTHER)).toEqual(
      failed('ensemble_invalid', `${key}: holds ensemble ${ID}; publish the ensemble again`),
    );
    await store.put(key, toJson({}));
    expect(await readEnsemble(store, OTHER)).toEqual(
      failed('ensemble_invalid', expect.stringMatching(/; publish the ensemble again$/)),
    );
  });
});

describe('the shadow', () => {
  test('is none until it is named, and none again by null', async () => {
    expect(await readShadowId(store)).toEqual({ ok: true, value: undefined });
    await store.put(SHADOW_KEY, toJson({ ensembleId: OTHER, audit: 'a' }));
    expect(await readShadowId(store)).toEqual({ ok: true, value: OTHER });
    await store.put(SHADOW_KEY, toJson({ ensembleId: null, audit: 'a' }));
    expect(await readShadowId(store)).toEqual({ ok: true, value: undefined });
  });

  test('that is misspelt, or that cannot be read, is a failure and not none', async () => {
    await store.put(SHADOW_KEY, toJson({ ensembleId: 'x', audit: 'a' }));
    expect(await readShadowId(store)).toEqual(
      failed('pointer_invalid', expect.stringMatching(/name the shadow again, or none$/)),
    );
    store.failReadsOf(SHADOW_KEY);
    expect(await readShadowId(store)).toEqual(failed('store_unavailable', expect.stringMatching(/503/)));
  });
});

describe('a change of the pointer', () => {
  const actor = { by: 'ana', reason: 'better', atMs: Date.UTC(2024, 7, 5, 1, 2, 3, 4) };
  const AUDIT_KEY = `audit/models/2024-08-05T010203.004Z-promote-${OTHER}.json`;
  const change = (condition: Parameters<typeof writeAudited>[2]['condition']) =>
    writeAudited(
      store,
      { action: 'promote', subject: OTHER, actor, evidence: { trials: 1 } },
      { key: POINTER_KEY, condition, document: (audit) => ({ ensembleId: OTHER, audit }) },
    );
  const conflict = failed('conflict', `${POINTER_KEY} was changed concurrently: check it and try again`);
  const read = async (key: string) => JSON.parse(new TextDecoder().decode((await store.get(key))!.body));

  test('is on record before it takes effect, and names its record', async () => {
    const { pointer, condition } = await readPointer(store);
    expect(pointer).toEqual({ ok: true, value: { ensembleId: ID, previous: [] } });
    expect(await change(condition)).toEqual({ ok: true, value: AUDIT_KEY });
    expect(await read(POINTER_KEY)).toEqual({ ensembleId: OTHER, audit: AUDIT_KEY });
    expect(await read(AUDIT_KEY)).toEqual({
      ...{ schemaVersion: 1, action: 'promote', subject: OTHER, ...actor },
      evidence: { trials: 1 },
    });
  });

  test('that another one was quicker than changes nothing', async () => {
    const { condition } = await readPointer(store);
    await store.put(POINTER_KEY, toJson({ ensembleId: ID, previous: [OTHER] }));
    expect(await change(condition)).toEqual(conflict);
    expect(await read(POINTER_KEY)).toEqual({ ensembleId: ID, previous: [OTHER] });
  });

  test('never writes over a record', async () => {
    const { condition } = await readPointer(store);
    await store.put(AUDIT_KEY, toJson('theirs'));
    expect(await change(condition)).toEqual(conflict);
    expect(await read(AUDIT_KEY)).toBe('theirs');
    expect(await read(POINTER_KEY)).toEqual({ ensembleId: ID });
  });

  test('lays down the first one, and mends one that cannot be read', async () => {
    await store.put(POINTER_KEY, toJson({}));
    const broken = await readPointer(store);
    expect(broken.pointer).toEqual(
      failed('no_active_ensemble', expect.stringMatching(/ensembleId is missing/)),
    );
    expect((await change(broken.condition)).ok).toBe(true);
    await Promise.all([store.remove(POINTER_KEY), store.remove(AUDIT_KEY)]);
    const absent = await readPointer(store);
    expect(absent).toEqual({
      pointer: failed('no_active_ensemble', `${POINTER_KEY} is not in the store: promote an ensemble first`),
      condition: { ifAbsent: true },
    });
    expect((await change(absent.condition)).ok).toBe(true);
    await store.remove(AUDIT_KEY);
    expect(await change(absent.condition)).toEqual(conflict);
  });
});

test('a store that fails ends a change in one line, and any other error stays one', async () => {
  expect(await catchStoreError(async () => success(1))).toEqual({ ok: true, value: 1 });
  const failing = (error: Error) => catchStoreError(() => Promise.reject(error));
  expect(await failing(new StoreError('503\nlater', { retryable: true }))).toEqual(
    failed('store_unavailable', '503 later'),
  );
  await expect(failing(new Error('a fault of ours'))).rejects.toThrow('a fault of ours');
});
