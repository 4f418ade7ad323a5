// How an ensemble comes into force and out of it, over real models and real rows: who wins, who is refused, what is kept.
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createOnnxModelRuntime } from '../../lib/adapters/onnx/onnx-model-runtime.ts';
import type { ObjectStore } from '../../lib/core/ports.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { ensembleKey, modelKey, POINTER_KEY, quarantineKey, SHADOW_KEY } from '../../lib/models/ensemble.ts';
import type { ModelManifest } from '../../lib/models/manifest.ts';
import { createEnsembleProvider, type EnsembleProvider } from '../../lib/models/use-cases/load-ensemble.ts';
import { listModels } from '../../lib/models/use-cases/model-registry.ts';
import { readEnsembleCard, readModelCard } from '../../lib/models/use-cases/release-card.ts';
import { promoteEnsemble, rollbackEnsemble, setShadow } from '../../lib/models/use-cases/release-ensemble.ts';
import { setQuarantine } from '../../lib/models/use-cases/release-quarantine.ts';
import { compareEnsembles, type TestCandles } from '../../lib/research/use-cases/compare-ensembles.ts';
import { randomWalk, WALK_START_MS } from '../support/market/random-walk.ts';
import { buildModelFolder, DEFAULT_MEMBERS, toJson } from '../support/models/build-model-folder.ts';
import { createMemoryObjectStore, type MemoryObjectStore } from '../support/models/memory-object-store.ts';

const runtime = createOnnxModelRuntime();
const DAY_BARS = 288;
/** Last bar of every model's training; the walk has 7 days of rows after it. */
const TRAINED_TO_MS = WALK_START_MS + 900 * BAR_MS;
const BOLD = 'e20240801_000000';
const CALM = 'e20240802_000000';
const actor = { by: 'ana', reason: 'weekly release', atMs: 1_722_600_000_000 };

let store: MemoryObjectStore;
let provider: EnsembleProvider;

/** On a random walk nothing is worth being sure of: the smaller the gain, the better the log-loss. */
async function publishEnsemble(id: string, gain: number, label = {}) {
  const members = DEFAULT_MEMBERS.map((member) => ({
    ...member,
    gain,
    version: `v${id.slice(1)}`,
    manifest: (manifest: ModelManifest) => ({
      ...manifest,
      training: { ...manifest.training, fromMs: WALK_START_MS, toMs: TRAINED_TO_MS },
    }),
  }));
  const base = { kind: 'triple_barrier', horizonBars: 12, atrMultiple: 2, minBarrierBps: 30 } as const;
  await buildModelFolder({ store, members, ensemble: { id, label: { ...base, ...label } } });
}

const pointTo = (ensembleId: string) => store.put(POINTER_KEY, toJson({ ensembleId }));

beforeEach(async () => {
  store = createMemoryObjectStore({ versioned: true });
  await publishEnsemble(CALM, 0.005);
  await publishEnsemble(BOLD, 0.1);
  provider = createEnsembleProvider({ store, runtime });
});
afterEach(() => provider.close());

const source = () => ({ store, runtime });
const promote = (ensembleId: string, candles: TestCandles | 'forced' = 'forced') =>
  promoteEnsemble(source(), {
    ensembleId,
    actor: { ...actor, atMs: actor.atMs++ },
    evidence:
      candles === 'forced' ? candles : (compared) => compareEnsembles(source(), { ...compared, candles }),
  });
const rollback = () => rollbackEnsemble(source(), { ...actor, atMs: actor.atMs++ });
const shadow = (id: string | undefined) => setShadow(source(), id, { ...actor, atMs: actor.atMs++ });
const read = async (key: string) => JSON.parse(new TextDecoder().decode((await store.get(key))!.body));

function candles(days: number, change: Partial<TestCandles> = {}): TestCandles {
  const generator = xoroshiro128plus(11);
  return {
    source: {
      read: async (symbol) => ({
        ok: true,
        value: randomWalk({ seed: symbol.length, bars: 901 + days * DAY_BARS }),
      }),
    },
    symbols: ['BTCUSDT', 'ETHUSDTX'],
    range: { fromMs: undefined, toMs: undefined },
    drawIndex: (count) => uniformInt(generator, 0, count - 1),
    onProgress: () => {},
    ...change,
  };
}

async function serving(): Promise<string> {
  const current = await provider.current();
  if (!current.ok) throw new Error(current.error.message);
  await current.value.release();
  return current.value.ensemble.id;
}

describe('promotion by comparison', () => {
  test('takes the better one, with the figures in the audit, and names what it replaced', async () => {
    await pointTo(BOLD);
    const promoted = await promote(CALM, candles(7));
    if (!promoted.ok) throw new Error(promoted.error.message);
    const { comparison, auditKey, replaced } = promoted.value;
    expect(replaced).toBe(BOLD);
    expect(comparison).toMatchObject({ championId: BOLD, challengerId: CALM, challengerIsBetter: true });
    expect(comparison!.fromMs).toBe(TRAINED_TO_MS + BAR_MS);
    // Two symbols, one row per 12 bars, less the horizon at the end.
    expect(comparison!.rows).toBe(2 * (7 * 24 - 1));
    expect(comparison!.challengerLogLoss - comparison!.championLogLoss).toBeCloseTo(
      comparison!.meanDifference,
      10,
    );
    expect(await read(auditKey)).toMatchObject({
      action: 'promote',
      subject: CALM,
      by: 'ana',
      reason: 'weekly release',
      evidence: { replaced: BOLD, forced: false, comparison: { challengerIsBetter: true } },
    });
    expect(await read(POINTER_KEY)).toEqual({ ensembleId: CALM, previous: [BOLD], audit: auditKey });
    expect(await serving()).toBe(CALM);
  });

  test.each<[string, () => TestCandles, string, RegExp]>([
    ['worse', () => candles(7), 'not_better', /log-loss difference 0\.\d+ nats, 95 % interval 0\.\d+…0\.\d+/],
    ['too few days', () => candles(3), 'not_better', /too few days for an interval/],
    ['no rows', () => candles(0), 'comparison_impossible', /no row in that range/],
    [
      'rows of the training',
      () => candles(7, { range: { fromMs: TRAINED_TO_MS, toMs: undefined } }),
      'comparison_impossible',
      /trained on bars up to 2024-01-04T03:00/,
    ],
    [
      'no readable candles',
      () => candles(7, { source: { read: async () => ({ ok: false, error: 'line 7' }) } }),
      'comparison_impossible',
      /no row/,
    ],
  ])('refuses what is not shown to be better: %s', async (_, evidence, code, message) => {
    await pointTo(CALM);
    const before = await store.list('');
    expect(await promote(BOLD, evidence())).toMatchObject({
      ok: false,
      error: { code, message: expect.stringMatching(message) },
    });
    expect(await store.list('')).toEqual(before);
  });

  test('refuses to compare different labels, and an equal ensemble is not better', async () => {
    await publishEnsemble('e20240803_000000', 0.005, { horizonBars: 6 });
    await publishEnsemble('e20240804_000000', 0.1);
    await pointTo(BOLD);
    expect(await promote('e20240803_000000', candles(7))).toMatchObject({
      error: { code: 'comparison_impossible', message: expect.stringContaining('(horizonBars)') },
    });
    expect(await promote('e20240804_000000', candles(7))).toMatchObject({ error: { code: 'not_better' } });
  });

  test('a pointer that moves during the comparison is not overwritten', async () => {
    await pointTo(BOLD);
    await publishEnsemble('e20240804_000000', 0.01);
    await pointTo(BOLD);
    const slow = candles(7, { onProgress: () => void pointTo('e20240804_000000') });
    expect(await promote(CALM, slow)).toMatchObject({ ok: false, error: { code: 'conflict' } });
    expect(await serving()).toBe('e20240804_000000');
  });
});

describe('promotion by force', () => {
  test('the first ensemble needs it, and can then not be rolled back', async () => {
    await store.remove(POINTER_KEY);
    expect(await promote(CALM, candles(7))).toMatchObject({ error: { code: 'no_active_ensemble' } });
    expect(await promote(CALM)).toMatchObject({ ok: true, value: { replaced: null, comparison: null } });
    expect(await serving()).toBe(CALM);
    expect(await rollback()).toMatchObject({ error: { code: 'no_predecessor' } });
    expect(await promote(CALM)).toMatchObject({ error: { code: 'already_so' } });
  });

  test('repairs a pointer that cannot be read', async () => {
    await store.put(POINTER_KEY, new TextEncoder().encode('<html>'));
    expect(await promote(CALM)).toMatchObject({ ok: true });
    expect(await serving()).toBe(CALM);
  });

  test('does not waive the checks: unknown, of one model, quarantined', async () => {
    await buildModelFolder({
      store,
      members: DEFAULT_MEMBERS.slice(0, 1),
      ensemble: { id: 'e20240805_000000' },
    });
    await pointTo(BOLD);
    const model = { name: 'nhits', version: 'v20240802_000000' };
    await setQuarantine(store, model, { state: 'quarantined', actor });
    expect(await promote('e20990101_000000')).toMatchObject({ error: { code: 'ensemble_unusable' } });
    expect(await promote('e20240805_000000')).toMatchObject({ error: { code: 'ensemble_unusable' } });
    expect(await promote(CALM)).toMatchObject({
      error: { code: 'verification_failed', message: expect.stringContaining('quarantined_by_operator') },
    });
    expect(await serving()).toBe(BOLD);
  });

  test('of two at the same moment one wins, the other changes nothing and says so', async () => {
    await publishEnsemble('e20240804_000000', 0.02);
    await pointTo(BOLD);
    // The second one promotes in full between the first one's read and its write.
    let isSecondDone = false;
    const racing: ObjectStore = {
      ...store,
      async put(key, ...rest) {
        if (key === POINTER_KEY && !isSecondDone) {
          isSecondDone = true;
          expect(await promote('e20240804_000000')).toMatchObject({ ok: true });
        }
        return store.put(key, ...rest);
      },
    };
    expect(
      await promoteEnsemble({ store: racing, runtime }, { ensembleId: CALM, actor, evidence: 'forced' }),
    ).toMatchObject({
      ok: false,
      error: { code: 'conflict', message: expect.stringContaining(POINTER_KEY) },
    });
    expect(await read(POINTER_KEY)).toMatchObject({ ensembleId: 'e20240804_000000', previous: [BOLD] });
  });

  test('a store that fails is an outcome, and nothing becomes active unaudited', async () => {
    await pointTo(BOLD);
    const failing: ObjectStore = {
      ...store,
      put: (key, ...rest) =>
        key.startsWith('audit/') ? Promise.resolve({ outcome: 'conflict' }) : store.put(key, ...rest),
    };
    expect(
      await promoteEnsemble({ store: failing, runtime }, { ensembleId: CALM, actor, evidence: 'forced' }),
    ).toMatchObject({ error: { code: 'conflict' } });
    expect(await serving()).toBe(BOLD);
    store.failReadsOf(POINTER_KEY);
    expect(await promote(CALM)).toMatchObject({ error: { code: 'store_unavailable' } });
    expect(await rollback()).toMatchObject({ error: { code: 'store_unavailable' } });
  });
});

describe('rollback', () => {
  test('takes effect at the next bar, step by step to the oldest; a bar in flight keeps its own ensemble', async () => {
    await pointTo(BOLD);
    await promote(CALM);
    await publishEnsemble('e20240804_000000', 0.02);
    await store.put(POINTER_KEY, toJson({ ensembleId: CALM, previous: [BOLD] }));
    await promote('e20240804_000000');
    const inFlight = await provider.current();
    if (!inFlight.ok) throw new Error(inFlight.error.message);
    expect(await rollback()).toMatchObject({
      ok: true,
      value: { ensembleId: CALM, replaced: 'e20240804_000000' },
    });
    expect(await serving()).toBe(CALM);
    expect(inFlight.value.ensemble.id).toBe('e20240804_000000');
    expect(new Set(inFlight.value.serving.map(({ version }) => version))).toEqual(
      new Set(['v20240804_000000']),
    );
    const { votes } = await inFlight.value.serving[0]!.predict(new Float32Array(49).fill(90), 1);
    expect(votes[0]).toMatchObject({ version: 'v20240804_000000', action: 'BUY' });
    await inFlight.value.release();
    expect(await rollback()).toMatchObject({ ok: true });
    expect(await serving()).toBe(BOLD);
    expect(await rollback()).toMatchObject({ error: { code: 'no_predecessor' } });
  });

  test('goes back with a faulty member, which abstains; with fewer than 2 that serve it changes nothing', async () => {
    await pointTo(BOLD);
    await promote(CALM);
    const harm = (name: string) =>
      store.put(modelKey({ name, version: 'v20240801_000000' }), new Uint8Array(9));
    for (const name of ['xgboost', 'lightgbm', 'nhits']) await harm(name);
    expect(await rollback()).toMatchObject({ error: { code: 'verification_failed' } });
    expect(await serving()).toBe(CALM);
    await publishEnsemble(BOLD, 0.1);
    await store.put(POINTER_KEY, toJson({ ensembleId: CALM, previous: [BOLD] }));
    await harm('xgboost');
    const rolledBack = await rollback();
    if (!rolledBack.ok) throw new Error(rolledBack.error.message);
    expect((await read(rolledBack.value.auditKey)).evidence.abstaining).toEqual([
      expect.stringMatching(/^xgboost v20240801_000000: /),
    ]);
  });

  test('does not go back to an ensemble that is gone', async () => {
    await pointTo(BOLD);
    await promote(CALM);
    await store.remove(ensembleKey(BOLD));
    expect(await rollback()).toMatchObject({ error: { code: 'ensemble_unusable' } });
  });
});

describe('shadow', () => {
  const inShadow = async () => (await read(SHADOW_KEY)).ensembleId;
  const statuses = async () => {
    const { ensembles } = await listModels(store);
    return Object.fromEntries(ensembles.map(({ id, status }) => [id, status]));
  };

  test('is named apart from the pointer, and outlives promotions; once active it is no shadow', async () => {
    await publishEnsemble('e20240804_000000', 0.02);
    await pointTo(BOLD);
    const pointer = await store.get(POINTER_KEY);
    expect(await shadow(BOLD)).toMatchObject({ error: { code: 'already_so' } });
    expect(await shadow(undefined)).toMatchObject({ error: { code: 'already_so' } });
    expect(await shadow('e20990101_000000')).toMatchObject({ error: { code: 'ensemble_unusable' } });
    expect(await shadow(CALM)).toMatchObject({ ok: true });
    expect(await store.get(POINTER_KEY)).toEqual(pointer);
    expect(await inShadow()).toBe(CALM);
    await promote('e20240804_000000');
    expect(await statuses()).toMatchObject({ [CALM]: 'shadow', [BOLD]: 'previous' });
    await promote(CALM);
    expect(await statuses()).toMatchObject({ [CALM]: 'active' });
    await shadow(BOLD);
    expect(await shadow(undefined)).toMatchObject({ ok: true });
    expect(await inShadow()).toBe(null);
    expect(await read(POINTER_KEY)).toMatchObject({
      ensembleId: CALM,
      previous: ['e20240804_000000', BOLD],
    });
  });

  test('named by two at once is one of them, and a malformed name is replaced', async () => {
    await publishEnsemble('e20240804_000000', 0.02);
    await pointTo(BOLD);
    const outcomes = await Promise.all([shadow(CALM), shadow('e20240804_000000')]);
    expect(outcomes.map(({ ok }) => ok).sort()).toEqual([false, true]);
    await store.put(SHADOW_KEY, new TextEncoder().encode('<html>'));
    expect(await shadow(undefined)).toMatchObject({ ok: true });
    expect(await inShadow()).toBe(null);
  });
});

describe('quarantine', () => {
  const model = { name: 'xgboost', version: 'v20240801_000000' };
  const set = (state: 'quarantined' | 'lifted') =>
    setQuarantine(store, model, { state, actor: { ...actor, atMs: actor.atMs++ } });
  const abstaining = async () => {
    const current = await provider.current();
    if (!current.ok) throw new Error(current.error.message);
    await current.value.release();
    return current.value.quarantined.map(({ reason, message }) => `${reason}: ${message}`);
  };

  test('silences a version in the warm function, keeps it out, and is lifted by a word as well', async () => {
    await pointTo(BOLD);
    expect(await abstaining()).toEqual([]);
    expect(await set('lifted')).toMatchObject({ error: { code: 'already_so' } });
    expect(await set('quarantined')).toMatchObject({ ok: true });
    expect(await abstaining()).toEqual(['quarantined_by_operator: weekly release (ana)']);
    expect(await set('quarantined')).toMatchObject({ error: { code: 'already_so' } });
    const { models } = await listModels(store);
    expect(models.map(({ name }) => name)).toContain('xgboost');
    expect(await set('lifted')).toMatchObject({ ok: true });
    expect(await abstaining()).toEqual([]);
    expect(await store.list('audit/models/')).toHaveLength(2);
  });

  test('an order that cannot be read still stands, until it is lifted', async () => {
    await pointTo(BOLD);
    await store.put(quarantineKey(model), new TextEncoder().encode('{'));
    expect(await abstaining()).toEqual([expect.stringMatching(/^quarantined_by_operator: .*not JSON/)]);
    expect(await set('lifted')).toMatchObject({ ok: true });
    expect(await abstaining()).toEqual([]);
  });

  test('knows only versions that are there', async () => {
    const unknown = { name: 'xgboost', version: 'v20990101_000000' };
    expect(await setQuarantine(store, unknown, { state: 'quarantined', actor })).toMatchObject({
      error: { code: 'model_unknown' },
    });
  });
});

describe('cards and list', () => {
  test('say what an ensemble and a model are, and where they stand', async () => {
    await pointTo(BOLD);
    await promote(CALM);
    const model = { name: 'xgboost', version: 'v20240801_000000' };
    await setQuarantine(store, model, { state: 'quarantined', actor });
    expect((await listModels(store)).ensembles).toEqual([
      { id: BOLD, status: 'previous' },
      { id: CALM, status: 'active' },
    ]);
    expect(await readEnsembleCard(store, BOLD)).toMatchObject({
      ok: true,
      value: {
        status: 'previous',
        quarantined: [{ ...model, reason: 'weekly release (ana)' }],
        shadowBars: 0,
        pointer: null,
      },
    });
    expect(await readEnsembleCard(store, CALM)).toMatchObject({
      value: { status: 'active', pointer: { previous: [BOLD] } },
    });
    const card = await readModelCard(store, model);
    if (!card.ok) throw new Error(card.error.message);
    expect(card.value).toMatchObject({
      manifest: { ...model, goldenRows: 32, calibration: { kind: 'none' } },
      quarantine: 'weekly release (ana)',
      ensembles: [{ id: BOLD, status: 'previous', weight: 1 }],
    });
    expect(card.value.manifest).not.toHaveProperty('goldenVectors');
    expect(await readModelCard(store, { ...model, version: 'v20990101_000000' })).toMatchObject({
      error: { code: 'model_unknown' },
    });
    expect(await readEnsembleCard(store, '../x')).toMatchObject({ error: { code: 'ensemble_unusable' } });
  });
});
