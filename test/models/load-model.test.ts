// One model from the store to its session, by the real runtime: each step that fails is the reason, and leaves no session open.
import { beforeEach, describe, expect, test } from 'vitest';
import { createOnnxModelRuntime } from '../../lib/adapters/onnx/onnx-model-runtime.ts';
import { type Ensemble, manifestKey, modelKey, quarantineKey } from '../../lib/models/ensemble.ts';
import type { ModelManifest } from '../../lib/models/manifest.ts';
import type { ModelRuntime } from '../../lib/models/ports.ts';
import { createEnsembleProvider } from '../../lib/models/use-cases/load-ensemble.ts';
import {
  findChange,
  fingerprintModel,
  loadModel,
  proveModel,
  readQuarantine,
} from '../../lib/models/use-cases/load-model.ts';
import { buildModelFolder, toJson } from '../support/models/build-model-folder.ts';
import { sha256Of } from '../support/models/describe-model.ts';
import { createMemoryObjectStore, type MemoryObjectStore } from '../support/models/memory-object-store.ts';
import { withXgboost } from '../support/models/model-faults.ts';

const XGBOOST = { name: 'xgboost', version: 'v20240728_000000' };
const KEYS = [manifestKey(XGBOOST), modelKey(XGBOOST), quarantineKey(XGBOOST)] as const;
const [MANIFEST, MODEL, QUARANTINE] = KEYS;
const onnx = createOnnxModelRuntime();

let store: MemoryObjectStore;
let ensemble: Ensemble;
let open = 0;
let failing: string | undefined;
/** The real one, counting what is open; its sessions fail on demand. */
const runtime: ModelRuntime = {
  async createSession(model) {
    const created = await onnx.createSession(model);
    if (!created.ok) return created;
    open++;
    const { answers, release } = created.value;
    return {
      ok: true,
      value: {
        answers: (...input) =>
          failing === undefined ? answers(...input) : Promise.reject(new Error(failing)),
        release: () => {
          open--;
          return release();
        },
      },
    };
  },
};

beforeEach(async () => {
  open = 0;
  failing = undefined;
  store = createMemoryObjectStore({ versioned: true });
  ensemble = await buildModelFolder({ store, members: withXgboost({}).slice(0, 2) });
});

test('a model that the runtime had no memory for serves at the next bar', async () => {
  const provider = createEnsembleProvider({ store, runtime });
  const serving = async () => {
    const current = await provider.current();
    if (!current.ok) throw new Error(current.error.message);
    await current.value.release();
    return [current.value.serving.length, ...current.value.quarantined.map(({ reason }) => reason)];
  };
  failing = 'out of memory';
  expect(await serving()).toEqual([0, 'inference_failed', 'inference_failed']);
  failing = undefined;
  expect(await serving()).toEqual([2]);
  await provider.close();
  expect(open).toBe(0);
});

const load = (model = XGBOOST) => loadModel({ store, runtime }, model);
const loadMember = () => loadModel({ store, runtime }, XGBOOST, { member: ensemble.members[0]!, ensemble });
const refusal = (reason: string, message: string | RegExp) => ({
  ok: false,
  error: { reason, message: typeof message === 'string' ? message : expect.stringMatching(message) },
});
const order = (state: 'quarantined' | 'lifted') =>
  store.put(
    QUARANTINE,
    toJson({ schemaVersion: 1, ...XGBOOST, state, reason: 'drift', by: 'ana', atMs: 1, audit: 'a' }),
  );
const rewriteManifest = async (change: (manifest: ModelManifest) => object) => {
  const manifest = JSON.parse(new TextDecoder().decode((await store.get(MANIFEST))!.body));
  await store.put(MANIFEST, toJson({ ...manifest, ...change(manifest) }));
};

describe('a model', () => {
  test('that passes every step serves, alone or as a member', async () => {
    for (const loadOne of [load, loadMember]) {
      const loaded = await loadOne();
      if (!loaded.result.ok) throw new Error(loaded.result.error.message);
      expect(loaded.result.value.manifest).toMatchObject(XGBOOST);
      expect(open).toBe(1);
      await loaded.result.value.session.release();
    }
  });

  test('is proven without leaving a session open', async () => {
    expect(await proveModel({ store, runtime }, XGBOOST)).toBeUndefined();
    expect(open).toBe(0);
    await store.remove(MODEL);
    expect(await proveModel({ store, runtime }, XGBOOST)).toEqual({
      reason: 'model_missing',
      message: `${MODEL} is not in the store`,
    });
  });

  test.each([MANIFEST, MODEL])('without %s is missing', async (key) => {
    await store.remove(key);
    const { result, fingerprint } = await load();
    expect(result).toEqual(refusal('model_missing', `${key} is not in the store`));
    expect(fingerprint).toEqual(expect.any(String));
  });

  test('in a store that does not answer is unavailable, and nothing is known of its objects', async () => {
    store.failReadsOf('xgboost');
    expect(await load()).toEqual({
      result: refusal('store_unavailable', /^503 reading /),
      fingerprint: undefined,
    });
    expect(await fingerprintModel(store, XGBOOST)).toEqual({
      ok: false,
      error: expect.stringMatching(/^503/),
    });
  });

  test('in quarantine does not serve, even with its objects gone, until that is lifted', async () => {
    await order('quarantined');
    expect((await load()).result).toEqual(refusal('quarantined_by_operator', 'drift (ana)'));
    expect(await readQuarantine(store, XGBOOST)).toBe('drift (ana)');
    await store.remove(MODEL);
    expect((await load()).result).toEqual(refusal('quarantined_by_operator', 'drift (ana)'));
    await order('lifted');
    expect((await load()).result).toMatchObject(refusal('model_missing', /./));
    expect(await readQuarantine(store, XGBOOST)).toBeNull();
  });

  test('under an order that cannot be read does not serve', async () => {
    expect(await readQuarantine(store, XGBOOST)).toBeNull();
    await store.put(QUARANTINE, toJson({}));
    expect((await load()).result).toEqual(refusal('quarantined_by_operator', /^quarantine\/xgboost\//));
    expect(await readQuarantine(store, XGBOOST)).toMatch(/^quarantine\/xgboost\//);
  });

  test.each([{ name: 'nhits' }, { version: 'v20240101_000000' }])(
    'whose manifest is that of another one, %j, does not serve',
    async (change) => {
      await rewriteManifest(() => change);
      const { name, version } = { ...XGBOOST, ...change };
      const message = `manifest of ${name} ${version} stands at ${MANIFEST}`;
      expect((await load()).result).toEqual(refusal('manifest_mismatch', message));
    },
  );

  test('of other bytes than its manifest says does not serve', async () => {
    const { body } = (await store.get(MODEL))!;
    const flipped = Uint8Array.from(body);
    flipped[10]! ^= 1;
    await store.put(MODEL, flipped);
    const [is, must] = [sha256Of(flipped).slice(0, 12), sha256Of(body).slice(0, 12)];
    const hashes = `sha256 of model.onnx is ${is}…, must be ${must}…`;
    expect((await load()).result).toEqual(refusal('sha256_mismatch', hashes));
    await store.put(MODEL, body);
    await rewriteManifest(({ bytes }) => ({ bytes: bytes + 1 }));
    const lengths = `model.onnx has ${body.length} bytes, its manifest says ${body.length + 1}`;
    expect((await load()).result).toEqual(refusal('sha256_mismatch', lengths));
  });

  test('of another feature set does not serve, whoever asks', async () => {
    await rewriteManifest(() => ({ featureSetHash: 'f'.repeat(64) }));
    expect((await load()).result).toEqual(refusal('feature_set_mismatch', /^featureSetHash is f{12}…/));
  });

  test('of another manifest than the ensemble names does not serve as its member', async () => {
    await rewriteManifest(() => ({ libraries: {} }));
    expect((await loadMember()).result).toEqual(
      refusal('sha256_mismatch', /^sha256 of manifest\.json is [0-9a-f]{12}…, must be [0-9a-f]{12}…$/),
    );
  });

  test('with a manifest that is none, or with golden vectors that are none, does not serve', async () => {
    await rewriteManifest(({ goldenVectors }) => ({ goldenVectors: { ...goldenVectors, answers: [] } }));
    expect((await load()).result).toEqual(refusal('manifest_invalid', /answers has 0 rows/));
    await store.put(MANIFEST, toJson(null));
    expect((await load()).result).toEqual(
      refusal('manifest_invalid', /^manifest of xgboost v20240728_000000: /),
    );
  });

  test('that the runtime refuses does not serve', async () => {
    const bytes = new TextEncoder().encode('<html>');
    await store.put(MODEL, bytes);
    await rewriteManifest(() => ({ bytes: bytes.length, sha256: sha256Of(bytes) }));
    expect((await load()).result).toEqual(refusal('session_failed', /./));
  });

  test('that answers otherwise than its trainer, or not at all, is closed again', async () => {
    await rewriteManifest(({ goldenVectors }) => ({
      goldenVectors: { ...goldenVectors, answers: goldenVectors.answers.toReversed() },
    }));
    expect((await load()).result).toEqual(refusal('golden_mismatch', /^golden row 0, sell: /));
    expect(open).toBe(0);
    failing = 'out of\nmemory';
    expect((await load()).result).toEqual(refusal('inference_failed', 'golden vectors: out of memory'));
    expect(open).toBe(0);
  });
});

describe('the fingerprint of a model', () => {
  const now = async () => {
    const fingerprint = await fingerprintModel(store, XGBOOST);
    return fingerprint.ok ? fingerprint.value : fingerprint.error;
  };

  test('is the same by a look as by a load', async () => {
    expect((await load()).fingerprint).toBe(await now());
    await order('lifted');
    expect((await load()).fingerprint).toBe(await now());
  });

  test('changes with each of its objects, and with a version of the same bytes', async () => {
    const seen = [await now()];
    for (const key of KEYS.slice(0, 2)) {
      await store.put(key, (await store.get(key))!.body);
      seen.push(await now());
    }
    await order('quarantined');
    seen.push(await now());
    await order('lifted');
    seen.push(await now());
    await store.remove(MODEL);
    seen.push(await now());
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('tells other bytes apart where there are no versions', async () => {
    store = createMemoryObjectStore({ versioned: false });
    await store.put(MODEL, toJson(1));
    const before = await now();
    await store.put(MODEL, toJson(2));
    expect(await now()).not.toBe(before);
  });
});

describe('what stands in the place of a model', () => {
  const bytes = toJson({});
  const named = { manifestSha256: sha256Of(bytes), versionId: 'v1' };
  const object = { key: MODEL, bytes: 1, etag: 'e' };

  test.each([
    [named, 'v1'],
    [named, undefined],
    [{ ...named, versionId: null }, 'v2'],
  ])('is what %j names, as version %j', (one, versionId) => {
    expect(findChange(one, bytes, { ...object, versionId })).toBeUndefined();
  });

  test('is another version, whatever its manifest', () => {
    for (const manifest of [bytes, toJson(1)])
      expect(findChange(named, manifest, { ...object, versionId: 'v2' })).toEqual({
        reason: 'object_changed',
        message: 'model.onnx is version v2, the ensemble names v1',
      });
  });
});
