// The ensemble in shadow, loaded beside the active one: its sessions live and die with its use, and its failures stay its own.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createOnnxModelRuntime } from '../../lib/adapters/onnx/onnx-model-runtime.ts';
import { ensembleKey, POINTER_KEY, SHADOW_KEY } from '../../lib/models/ensemble.ts';
import type { ModelRuntime } from '../../lib/models/ports.ts';
import {
  createEnsembleProvider,
  type EnsembleProvider,
  openEnsemble,
} from '../../lib/models/use-cases/load-ensemble.ts';
import { acquire, refreshEnsemble, releaseSessions } from '../../lib/models/use-cases/loaded-ensemble.ts';
import { readEnsemble } from '../../lib/models/use-cases/read-ensemble.ts';
import { buildModelFolder, toJson } from '../support/models/build-model-folder.ts';
import { createMemoryObjectStore, type MemoryObjectStore } from '../support/models/memory-object-store.ts';
import { flipByte, withXgboost } from '../support/models/model-faults.ts';

const ACTIVE = 'e20240728_000000';
const BESIDE = 'e20240801_000000';
const BESIDE_VERSION = 'v20240801_000000';
const MEMBERS = withXgboost({}).slice(0, 2);
const onnx = createOnnxModelRuntime();

let store: MemoryObjectStore;
let provider: EnsembleProvider;
let created: number;
let open: number;
/** The real one, counting what is open. */
const runtime: ModelRuntime = {
  async createSession(model) {
    const session = await onnx.createSession(model);
    if (!session.ok) return session;
    created++;
    open++;
    const { answers, release } = session.value;
    const countedRelease = () => {
      open--;
      return release();
    };
    return { ok: true, value: { answers, release: countedRelease } };
  },
};

const name = (ensembleId: string | null) => store.put(SHADOW_KEY, toJson({ ensembleId, audit: 'a' }));
const promote = (ensembleId: string) => store.put(POINTER_KEY, toJson({ ensembleId }));
beforeEach(async () => {
  created = 0;
  open = 0;
  store = createMemoryObjectStore({ versioned: true });
  const beside = MEMBERS.map((member) => ({ ...member, version: BESIDE_VERSION }));
  await buildModelFolder({ store, members: beside, ensemble: { id: BESIDE } });
  await buildModelFolder({ store, members: MEMBERS });
  provider = createEnsembleProvider({ store, runtime });
});
afterEach(() => provider.close());

async function served(from = provider) {
  const current = await from.current();
  if (!current.ok) throw new Error(current.error.message);
  return current.value;
}
/** As a bar does that works with it for a moment. */
async function shadowOf(from = provider) {
  const { release, shadow } = await served(from);
  await release();
  return shadow;
}
const failed = (ensembleId: string, code: string, message: unknown) => ({
  ensembleId,
  loaded: { ok: false, error: { code, message } },
});
/** The store, of which the object of this key breaks whoever parses it. */
const breaking = (key: string): MemoryObjectStore => ({
  ...store,
  async get(asked, version) {
    const object = await store.get(asked, version);
    if (asked !== key || object === undefined) return object;
    return Object.defineProperty({ ...object }, 'body', {
      get: () => {
        throw new Error('broken\nbytes');
      },
    });
  },
});

test('is loaded beside the active one, and freed with the last bar that holds both', async () => {
  await name(BESIDE);
  const held = await served();
  expect(held.ensemble.id).toBe(ACTIVE);
  expect(held.shadow?.ensembleId).toBe(BESIDE);
  const loaded = held.shadow?.loaded;
  if (!loaded?.ok) throw new Error('the shadow is not loaded');
  expect(loaded.value.ensemble.id).toBe(BESIDE);
  expect(loaded.value.serving.map(({ version }) => version)).toEqual([BESIDE_VERSION, BESIDE_VERSION]);
  await provider.close();
  expect([created, open]).toEqual([4, 4]);
  await held.release();
  expect(open).toBe(0);
});

test('is none where none is named, or the active one is', async () => {
  expect(await shadowOf()).toBeUndefined();
  await name(null);
  expect(await shadowOf()).toBeUndefined();
  await name(ACTIVE);
  expect(await shadowOf()).toBeUndefined();
  expect([created, open]).toEqual([2, 2]);
});

test('keeps its sessions when it is promoted, and frees them when it is named no more', async () => {
  await name(BESIDE);
  await shadowOf();
  await promote(BESIDE);
  const promoted = await served();
  expect(promoted.ensemble.id).toBe(BESIDE);
  expect(promoted.shadow).toBeUndefined();
  await promoted.release();
  expect([created, open]).toEqual([4, 2]);
  await name(ACTIVE);
  expect((await shadowOf())?.ensembleId).toBe(ACTIVE);
  expect([created, open]).toEqual([6, 4]);
  await name(null);
  expect(await shadowOf()).toBeUndefined();
  expect([created, open]).toEqual([6, 2]);
});

test('is not loaded again while it stays the same, and as a bar needs it though another has released it', async () => {
  await name(BESIDE);
  const held = await served();
  await shadowOf();
  await held.release();
  expect(await shadowOf()).toMatchObject({ loaded: { ok: true } });
  expect([created, open]).toEqual([4, 4]);
});

describe('the shadow’s failure stays its own', () => {
  const activeServes = async (from = provider) => {
    const { serving, release } = await served(from);
    await release();
    expect(serving).toHaveLength(2);
  };

  test.each([
    ['a name that is none', () => store.put(SHADOW_KEY, toJson('x')), 'unknown', 'pointer_invalid'],
    [
      'a name that cannot be read',
      async () => store.failReadsOf(SHADOW_KEY),
      ...(['unknown', 'store_unavailable'] as const),
    ],
    [
      'an ensemble that is not there',
      () => name('e20990101_000000'),
      ...(['e20990101_000000', 'ensemble_missing'] as const),
    ],
  ])('%s', async (_, harm, id, code) => {
    await harm();
    expect(await shadowOf()).toEqual(failed(id, code, expect.any(String)));
    await activeServes();
    await provider.close();
    expect(open).toBe(0);
  });

  test.each([
    ['a name', SHADOW_KEY, 'unknown'],
    ['an ensemble', ensembleKey(BESIDE), BESIDE],
  ])('%s that breaks whoever reads it', async (_, key, id) => {
    await name(BESIDE);
    const broken = createEnsembleProvider({ store: breaking(key), runtime });
    expect(await shadowOf(broken)).toEqual(failed(id, 'ensemble_invalid', 'broken bytes'));
    await activeServes(broken);
    await broken.close();
    expect(open).toBe(0);
  });

  test('a model of it alone does not serve', async () => {
    await name(BESIDE);
    await flipByte(store, `models/xgboost/${BESIDE_VERSION}/model.onnx`);
    const loaded = (await shadowOf())?.loaded;
    expect(loaded).toMatchObject({ ok: true, value: { quarantined: [{ model: 'xgboost' }] } });
    await activeServes();
    expect(open).toBe(3);
  });
});

test('is gone, with every vote, while the store does not answer, and back without another load', async () => {
  await name(BESIDE);
  await shadowOf();
  store.failReadsOf(POINTER_KEY);
  const silent = await served();
  expect(silent.shadow).toBeUndefined();
  expect(silent.serving).toEqual([]);
  expect(silent.quarantined).toMatchObject([
    { model: 'xgboost', reason: 'store_unavailable', message: expect.stringContaining('503') },
    { model: 'lightgbm', reason: 'store_unavailable' },
  ]);
  await silent.release();
  store.failReadsOf(undefined);
  expect((await shadowOf())?.loaded.ok).toBe(true);
  expect([created, open]).toEqual([4, 4]);
});

test('a provider that is closed while it loads frees what it has loaded', async () => {
  await name(BESIDE);
  const loading = provider.current();
  await provider.close();
  const loaded = await loading;
  if (loaded.ok) await loaded.value.release();
  expect([created, open]).toEqual([4, 0]);
});

test('a session that is freed is given to nobody', async () => {
  const stored = await readEnsemble(store, ACTIVE);
  if (!stored.ok) throw new Error(stored.error.message);
  const state = await refreshEnsemble({ store, runtime }, stored.value, []);
  await releaseSessions(state.members);
  expect(open).toBe(0);
  expect(() => acquire(state)).toThrow('the session of xgboost is already released');
});

describe('one ensemble, opened for one piece of work', () => {
  test('is freed with it, active or not', async () => {
    const opened = await openEnsemble({ store, runtime }, BESIDE);
    if (!opened.ok) throw new Error(opened.error.message);
    expect(opened.value.ensemble.id).toBe(BESIDE);
    expect(opened.value.serving).toHaveLength(2);
    expect(open).toBe(2);
    await opened.value.release();
    await opened.value.release();
    expect(open).toBe(0);
  });

  test('fails where it is not in the store', async () => {
    expect(await openEnsemble({ store, runtime }, 'e20990101_000000')).toMatchObject({
      ...{ ok: false, error: { code: 'ensemble_missing' } },
    });
  });
});
