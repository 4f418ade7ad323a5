// Every way in which a stored model can be wrong, against the real runtime: it gives its reason, and the others serve.
import { afterEach, describe, expect, test } from 'vitest';
import { createOnnxModelRuntime } from '../../lib/adapters/onnx/onnx-model-runtime.ts';
import { FEATURE_COUNT } from '../../lib/features/feature-set.ts';
import { decideSignal } from '../../lib/inference/decide-signal.ts';
import { ensembleKey, modelKey, POINTER_KEY } from '../../lib/models/ensemble.ts';
import type { ModelRuntime } from '../../lib/models/ports.ts';
import { createEnsembleProvider, type EnsembleProvider } from '../../lib/models/use-cases/load-ensemble.ts';
import type { LoadedEnsemble } from '../../lib/models/use-cases/loaded-ensemble.ts';
import { abstain } from '../../lib/models/vote.ts';
import {
  buildModelFolder,
  DEFAULT_MEMBERS,
  type MemberPlan,
  toJson,
} from '../support/models/build-model-folder.ts';
import { createMemoryObjectStore, type MemoryObjectStore } from '../support/models/memory-object-store.ts';
import { DESCRIBED_FAULTS, flipByte, STORED_FAULTS, withXgboost } from '../support/models/model-faults.ts';

const VERSION = 'v20240728_000000';
const XGBOOST = { name: 'xgboost', version: VERSION };
const NAMES = ['xgboost', 'lightgbm', 'nhits', 'patchtst'];

/** The real runtime, counting what it opened and what was released. */
function countingRuntime() {
  const onnx = createOnnxModelRuntime();
  const counts = { created: 0, released: 0 };
  const runtime: ModelRuntime = {
    async createSession(model) {
      const session = await onnx.createSession(model);
      if (!session.ok) return session;
      counts.created++;
      const { answers, release } = session.value;
      const countedRelease = () => {
        counts.released++;
        return release();
      };
      return { ok: true, value: { answers, release: countedRelease } };
    },
  };
  return { runtime, counts };
}

const providers: EnsembleProvider[] = [];
afterEach(async () => {
  for (const provider of providers.splice(0)) await provider.close();
});

function provide(store: MemoryObjectStore) {
  const { runtime, counts } = countingRuntime();
  const provider = createEnsembleProvider({ store, runtime });
  providers.push(provider);
  return { provider, counts };
}

async function currentOf(provider: EnsembleProvider): Promise<LoadedEnsemble> {
  const current = await provider.current();
  if (!current.ok) throw new Error(`${current.error.code}: ${current.error.message}`);
  return current.value;
}

const serves = (loaded: LoadedEnsemble) => loaded.serving.map(({ name }) => name);
const reasons = (loaded: LoadedEnsemble) =>
  Object.fromEntries(loaded.quarantined.map(({ model, reason }) => [model, reason]));

describe('a fault that was published with its own checksums', () => {
  test.each(DESCRIBED_FAULTS)('%s', async (_, plan, reason, message) => {
    const store = createMemoryObjectStore({ versioned: true });
    await buildModelFolder({ store, members: withXgboost(plan) });
    const { provider, counts } = provide(store);
    const loaded = await currentOf(provider);
    expect(reasons(loaded)).toEqual({ xgboost: reason });
    expect(loaded.quarantined[0]!.message).toMatch(message);
    expect(loaded.quarantined[0]!.message).not.toContain('\n');
    expect(serves(loaded)).toEqual(NAMES.slice(1));
    await loaded.release();
    expect(counts.created - counts.released, 'open sessions').toBe(3);
  });
});

describe('a fault behind the back of the ensemble', () => {
  test.each(STORED_FAULTS)('%s, before the first load', async (_, versions, harm, reason) => {
    const store = createMemoryObjectStore(versions);
    await buildModelFolder({ store });
    await harm(store);
    const loaded = await currentOf(provide(store).provider);
    expect(reasons(loaded)).toEqual({ xgboost: reason });
    expect(serves(loaded)).toEqual(NAMES.slice(1));
    await loaded.release();
  });

  test.each(STORED_FAULTS)('%s, while it serves: gone within one call', async (_, versions, harm, reason) => {
    const store = createMemoryObjectStore(versions);
    await buildModelFolder({ store });
    const { provider, counts } = provide(store);
    const before = await currentOf(provider);
    expect(serves(before)).toEqual(NAMES);
    await before.release();
    await harm(store);
    const after = await currentOf(provider);
    expect(reasons(after)).toEqual({ xgboost: reason });
    expect(serves(after)).toEqual(NAMES.slice(1));
    await after.release();
    expect(counts.created - counts.released, 'open sessions').toBe(3);
  });

  test('once it is right again it serves again', async () => {
    const store = createMemoryObjectStore({ versioned: false });
    await buildModelFolder({ store });
    const { provider } = provide(store);
    const right = (await store.get(modelKey(XGBOOST)))!.body;
    await flipByte(store, modelKey(XGBOOST));
    expect(reasons(await currentOf(provider))).toEqual({ xgboost: 'sha256_mismatch' });
    await store.put(modelKey(XGBOOST), right);
    expect(serves(await currentOf(provider))).toEqual(NAMES);
    store.failReadsOf('xgboost');
    expect(reasons(await currentOf(provider))).toEqual({ xgboost: 'store_unavailable' });
    store.failReadsOf(undefined);
    expect(serves(await currentOf(provider))).toEqual(NAMES);
  });

  test('a quarantined model that did not change is not loaded again', async () => {
    const store = createMemoryObjectStore({ versioned: true });
    await buildModelFolder({ store });
    await flipByte(store, modelKey(XGBOOST));
    const { provider } = provide(store);
    await currentOf(provider);
    store.reads.length = 0;
    expect(reasons(await currentOf(provider))).toEqual({ xgboost: 'object_changed' });
    const modelReads = store.reads.filter((key) => key.startsWith('models/'));
    expect(modelReads).toEqual([]);
  });

  test('an ensemble of another feature set serves no model at all', async () => {
    const store = createMemoryObjectStore({ versioned: true });
    await buildModelFolder({ store, ensemble: { featureSetHash: 'a'.repeat(64) } });
    const loaded = await currentOf(provide(store).provider);
    expect(serves(loaded)).toEqual([]);
    expect(new Set(loaded.quarantined.map(({ reason }) => reason))).toEqual(
      new Set(['feature_set_mismatch']),
    );
  });
});

test('an ensemble and models that agree with each other, but not with this code, do not serve', async () => {
  const store = createMemoryObjectStore({ versioned: true });
  const featureSetHash = 'a'.repeat(64);
  const members = DEFAULT_MEMBERS.map(
    (member): MemberPlan => ({
      ...member,
      manifest: (manifest) => ({ ...manifest, featureSetHash }),
    }),
  );
  await buildModelFolder({ store, members, ensemble: { featureSetHash } });
  const loaded = await currentOf(provide(store).provider);
  expect(serves(loaded)).toEqual([]);
  expect(loaded.quarantined[0]).toMatchObject({
    reason: 'feature_set_mismatch',
    message: expect.stringMatching(/^featureSetHash is a{12}…, this code's is /),
  });
});

test('a store that still answers GET, but no HEAD, silences the model it does not answer for', async () => {
  const store = createMemoryObjectStore({ versioned: true });
  await buildModelFolder({ store });
  let refusing = false;
  const provider = createEnsembleProvider({
    runtime: createOnnxModelRuntime(),
    store: {
      ...store,
      head: (key) =>
        refusing && key.includes('xgboost') ? Promise.reject(new Error('403\nForbidden')) : store.head(key),
    },
  });
  providers.push(provider);
  expect(serves(await currentOf(provider))).toEqual(NAMES);
  refusing = true;
  expect((await currentOf(provider)).quarantined).toEqual([
    { model: 'xgboost', version: VERSION, reason: 'store_unavailable', message: '403 Forbidden' },
  ]);
});

describe('no ensemble', () => {
  const id = 'e20240728_000000';
  const put = (key: string, text: string) => (store: MemoryObjectStore) =>
    store.put(key, new TextEncoder().encode(text));
  const rewrite =
    (edit: (ensemble: Record<string, unknown>) => object) => async (store: MemoryObjectStore) => {
      const ensemble = JSON.parse(new TextDecoder().decode((await store.get(ensembleKey(id)))!.body));
      await store.put(ensembleKey(id), toJson({ ...ensemble, ...edit(ensemble) }));
    };
  const table: [string, (store: MemoryObjectStore) => Promise<unknown>, string, RegExp][] = [
    ['no pointer', (store) => store.remove(POINTER_KEY), 'pointer_missing', /promote an ensemble/],
    ['pointer of HTML', put(POINTER_KEY, '<html>'), 'pointer_invalid', /not JSON, it starts with "<html>"/],
    [
      'pointer to a path',
      put(POINTER_KEY, '{"ensembleId":"../x"}'),
      'pointer_invalid',
      /must look like e2024/,
    ],
    ['empty pointer', put(POINTER_KEY, ''), 'pointer_invalid', /0 bytes/],
    [
      'pointer to nothing',
      put(POINTER_KEY, '{"ensembleId":"e20990101_000000"}'),
      'ensemble_missing',
      /e20990101/,
    ],
    ['ensemble removed', (store) => store.remove(ensembleKey(id)), 'ensemble_missing', /e20240728/],
    ['cut ensemble', put(ensembleKey(id), '{"schemaVersion":1,'), 'ensemble_invalid', /not JSON/],
    [
      'another id',
      rewrite(() => ({ id: 'e20240728_000001' })),
      'ensemble_invalid',
      /holds ensemble e20240728_000001/,
    ],
    ['no members', rewrite(() => ({ members: [] })), 'ensemble_invalid', /members/],
    [
      'a model twice',
      rewrite(({ members }) => ({ members: [...(members as object[]), (members as object[])[0]] })),
      'ensemble_invalid',
      /names a model twice/,
    ],
    ['unknown field', rewrite(() => ({ leverage: 50 })), 'ensemble_invalid', /unknown field leverage/],
  ];
  test.each(table)('%s: a typed failure, cold and warm', async (_, harm, code, message) => {
    const store = createMemoryObjectStore({ versioned: true });
    await buildModelFolder({ store });
    const warm = provide(store).provider;
    await (await currentOf(warm)).release();
    await harm(store);
    for (const provider of [provide(store).provider, warm]) {
      const current = await provider.current();
      expect(current).toMatchObject({ ok: false, error: { code, message: expect.stringMatching(message) } });
    }
  });

  test('a store that never answered is a failure; one that stops answering silences every model until it is back', async () => {
    const store = createMemoryObjectStore({ versioned: true });
    await buildModelFolder({ store });
    store.failReadsOf('ensembles/');
    const { provider, counts } = provide(store);
    expect(await provider.current()).toMatchObject({ ok: false, error: { code: 'store_unavailable' } });
    store.failReadsOf(undefined);
    expect(serves(await currentOf(provider))).toEqual(NAMES);
    store.failReadsOf('ensembles/');
    const silent = await currentOf(provider);
    expect(serves(silent)).toEqual([]);
    expect(silent.quarantined.map(({ reason }) => reason)).toEqual(NAMES.map(() => 'store_unavailable'));
    store.failReadsOf(undefined);
    expect(serves(await currentOf(provider))).toEqual(NAMES);
    expect(counts.created, 'the verified sessions were kept').toBe(4);
  });
});

describe('a switch', () => {
  test('takes effect at the next call; a bar in flight keeps its sessions, the last holder frees them', async () => {
    const store = createMemoryObjectStore({ versioned: true });
    await buildModelFolder({ store });
    const { provider, counts } = provide(store);
    const inFlight = await currentOf(provider);
    await buildModelFolder({
      store,
      members: DEFAULT_MEMBERS.slice(0, 2).map((member) => ({ ...member, version: 'v20240801_000000' })),
      ensemble: { id: 'e20240801_000000' },
    });
    const next = await currentOf(provider);
    expect(next.ensemble.id).toBe('e20240801_000000');
    expect(next.serving.map(({ version }) => version)).toEqual(['v20240801_000000', 'v20240801_000000']);
    expect(counts).toEqual({ created: 6, released: 0 });
    const { votes } = await inFlight.serving[0]!.predict(new Float32Array(FEATURE_COUNT), 1);
    expect(votes[0]).toMatchObject({ model: 'xgboost', version: VERSION, action: 'SELL' });
    await inFlight.release();
    expect(counts.released).toBe(4);

    await store.put(POINTER_KEY, toJson({ ensembleId: 'e20240728_000000' }));
    const rolledBack = await currentOf(provider);
    expect(serves(rolledBack)).toEqual(NAMES);
    await Promise.all([next.release(), rolledBack.release()]);
    await provider.close();
    expect(counts.released).toBe(counts.created);
  });

  test('to the same models under other weights and another label is a new ensemble, checked anew', async () => {
    const store = createMemoryObjectStore({ versioned: true });
    const { members, label } = await buildModelFolder({ store });
    const { provider } = provide(store);
    await currentOf(provider);
    const promote = async (id: string, change: object) => {
      const ensemble = JSON.parse(
        new TextDecoder().decode((await store.get(ensembleKey('e20240728_000000')))!.body),
      );
      await store.put(ensembleKey(id), toJson({ ...ensemble, id, ...change }));
      await store.put(POINTER_KEY, toJson({ ensembleId: id }));
    };
    await promote('e20240729_000000', { members: members.map((member) => ({ ...member, weight: 3 })) });
    expect((await currentOf(provider)).serving.map(({ weight }) => weight)).toEqual([3, 3, 3, 3]);
    await promote('e20240730_000000', { label: { ...label, horizonBars: 3 } });
    const relabelled = await currentOf(provider);
    expect(relabelled.quarantined.map(({ reason }) => reason)).toEqual(NAMES.map(() => 'manifest_mismatch'));
  });

  test('concurrent calls share one load, and each holds it', async () => {
    const store = createMemoryObjectStore({ versioned: true });
    await buildModelFolder({ store });
    const { provider, counts } = provide(store);
    const loads = await Promise.all(Array.from({ length: 8 }, () => currentOf(provider)));
    expect(counts.created).toBe(4);
    expect(store.reads.filter((key) => key === POINTER_KEY)).toHaveLength(1);
    const closing = provider.close();
    // Twice: releasing again must not take another bar's hold away.
    for (const load of [...loads.slice(1), ...loads.slice(1)]) await load.release();
    await closing;
    expect(counts.released).toBe(0);
    expect((await loads[0]!.serving[0]!.predict(new Float32Array(49), 1)).failed).toBeUndefined();
    await loads[0]!.release();
    expect(counts.released).toBe(4);
    await expect(provider.current()).rejects.toThrow('closed');
  });
});

describe('predictions', () => {
  test('a row that is no probability vector abstains alone; when all are, the model failed', async () => {
    const store = createMemoryObjectStore({ versioned: true });
    await buildModelFolder({ store });
    const loaded = await currentOf(provide(store).provider);
    const member = loaded.serving[0]!;
    const rows = new Float32Array(2 * FEATURE_COUNT).fill(50);
    rows[FEATURE_COUNT] = Number.NaN;
    const mixed = await member.predict(rows, 2);
    expect(mixed.votes).toMatchObject([{ action: 'HOLD' }, { abstained: 'invalid_output' }]);
    expect(mixed.failed).toBeUndefined();
    const none = await member.predict(rows.subarray(FEATURE_COUNT), 1);
    expect(none.failed).toMatchObject({ model: 'xgboost', reason: 'invalid_output' });
  });

  test('a runtime that fails makes every row abstain, and says why', async () => {
    const store = createMemoryObjectStore({ versioned: true });
    await buildModelFolder({ store });
    const onnx = createOnnxModelRuntime();
    let broken = false;
    const provider = createEnsembleProvider({
      store,
      runtime: {
        async createSession(model) {
          const session = await onnx.createSession(model);
          if (!session.ok) return session;
          const { answers, release } = session.value;
          const fail = () => Promise.reject(new Error('out of\nmemory'));
          return {
            ok: true,
            value: { release, answers: (...args) => (broken ? fail() : answers(...args)) },
          };
        },
      },
    });
    providers.push(provider);
    const loaded = await currentOf(provider);
    broken = true;
    expect(await loaded.serving[1]!.predict(new Float32Array(98), 2)).toEqual({
      votes: [1, 2].map(() => ({ model: 'lightgbm', version: VERSION, abstained: 'inference_failed' })),
      failed: { model: 'lightgbm', version: VERSION, reason: 'inference_failed', message: 'out of memory' },
    });
  });

  test('fewer than 2 models left: HOLD, insufficient_models', async () => {
    const store = createMemoryObjectStore({ versioned: true });
    await buildModelFolder({ store });
    for (const name of NAMES.slice(1)) await flipByte(store, modelKey({ name, version: VERSION }));
    const loaded = await currentOf(provide(store).provider);
    const answered = await Promise.all(
      loaded.serving.map(
        async (member) => (await member.predict(new Float32Array(49).fill(90), 1)).votes[0]!,
      ),
    );
    const abstained = loaded.quarantined.map(({ model, version, reason }) =>
      abstain({ name: model, version }, reason),
    );
    const signal = decideSignal({
      symbol: 'BTCUSDT',
      barOpenTimeMs: 0,
      close: 100,
      atr: 1,
      stopAtr: 1,
      atrRatio: 1,
      spreadBps: 2,
      betaToBitcoin: () => null,
      votes: [...answered, ...abstained],
      ensemble: loaded.ensemble,
    });
    expect(signal).toMatchObject({
      action: 'HOLD',
      confidence: 0,
      probabilities: null,
      activeModels: 1,
      reasons: ['insufficient_models'],
    });
  });
});
