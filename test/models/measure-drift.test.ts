// Drift against the profile of training: nothing drifts from itself, a changed market does, and a bad profile is refused.
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, test } from 'vitest';
import { createOnnxModelRuntime } from '../../lib/adapters/onnx/onnx-model-runtime.ts';
import { failure, success } from '../../lib/core/result.ts';
import { type FeatureProfile, featureProfileKey } from '../../lib/features/feature-profile.ts';
import { FEATURE_NAMES } from '../../lib/features/feature-set.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import type { CandleSeries } from '../../lib/market/candle-series.ts';
import { copyEnsemble } from '../../lib/models/use-cases/copy-ensemble.ts';
import { measureDrift } from '../../lib/models/use-cases/measure-drift.ts';
import { writeFeatureProfile } from '../../lib/models/use-cases/write-profile.ts';
import { randomWalk, WALK_START_MS } from '../support/market/random-walk.ts';
import { buildModelFolder, membersTrainedOn, toJson } from '../support/models/build-model-folder.ts';
import { createMemoryObjectStore } from '../support/models/memory-object-store.ts';

const BARS = 4_000;
const CALM = randomWalk({ seed: 11, bars: BARS });
/** The same walk with bars three times as long from bar 2500 on. */
const WILD: CandleSeries = {
  ...CALM,
  high: CALM.high.map((high, bar) => (bar < 2_500 ? high : high * 1.006)),
  low: CALM.low.map((low, bar) => (bar < 2_500 ? low : low * 0.994)),
};
const PROFILE_END_MS = WALK_START_MS + 2_400 * BAR_MS;
const KEY = featureProfileKey('e20240728_000000');

const sourceOf = (series: CandleSeries) => ({
  read: async (symbol: string) => (symbol === 'AUSDT' ? success(series) : failure('no such file')),
});

async function buildStore() {
  const store = createMemoryObjectStore({ versioned: false });
  const members = membersTrainedOn({
    fromMs: WALK_START_MS,
    toMs: PROFILE_END_MS - BAR_MS,
    symbols: ['AUSDT'],
  });
  await buildModelFolder({ store, members });
  return store;
}

type Store = Awaited<ReturnType<typeof buildStore>>;
type ProfileRequest = Parameters<typeof writeFeatureProfile>[1];

const writeProfile = (store: Store, request: Partial<ProfileRequest> = {}) =>
  writeFeatureProfile(
    { source: sourceOf(CALM), store },
    {
      available: ['AUSDT'],
      symbols: undefined,
      range: { fromMs: undefined, toMs: undefined },
      replace: false,
      ...request,
    },
  );

const generator = xoroshiro128plus(3);
const drawIndex = (count: number) => uniformInt(generator, 0, count - 1);
const measure = (store: Store, series: CandleSeries, bars: number, toMs?: number) =>
  measureDrift({ source: sourceOf(series), store, drawIndex }, { symbols: ['AUSDT'], bars, toMs });

async function measured(...call: Parameters<typeof measure>) {
  const report = await measure(...call);
  if (!report.ok) throw new Error(report.error.message);
  return report.value;
}

async function readProfile(store: Store): Promise<FeatureProfile> {
  return JSON.parse(new TextDecoder().decode((await store.get(KEY))!.body));
}

describe('profile', () => {
  test("covers the models' own training range and symbols, every feature, one count per bin", async () => {
    const store = await buildStore();
    const written = await writeProfile(store);
    expect(written).toMatchObject({ ok: true, value: { key: KEY, stored: 'written' } });
    const profile = await readProfile(store);
    expect(profile.symbols).toEqual(['AUSDT']);
    expect(profile.fromMs).toBeGreaterThanOrEqual(WALK_START_MS + 879 * BAR_MS);
    expect(profile.toMs).toBeLessThan(PROFILE_END_MS);
    expect(profile.features.map(({ name }) => name)).toEqual([...FEATURE_NAMES]);
    for (const { counts } of profile.features)
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(profile.rows);
    // One bar in seven of the 1521 that have a row.
    expect(Math.abs(profile.rows - (2_400 - 879) / 7)).toBeLessThan(1);
  });

  test('is never replaced unasked; the same again is no change', async () => {
    const store = await buildStore();
    await writeProfile(store);
    expect(await writeProfile(store)).toMatchObject({ value: { stored: 'same_as_before' } });
    const range = { fromMs: WALK_START_MS + 1_500 * BAR_MS, toMs: undefined };
    const before = await readProfile(store);
    expect(await writeProfile(store, { range })).toMatchObject({ error: { code: 'profile_differs' } });
    expect(await readProfile(store)).toEqual(before);
    expect(await writeProfile(store, { range, replace: true })).toMatchObject({
      value: { stored: 'written' },
    });
    expect((await readProfile(store)).fromMs).toBeGreaterThan(before.fromMs);
  });

  test('says which training symbols the folder lacks', async () => {
    const result = await writeProfile(await buildStore(), { available: ['BUSDT'] });
    expect(result).toMatchObject({ ok: false, error: { code: 'no_rows' } });
    expect(!result.ok && result.error.message).toMatch(/AUSDT/);
  });
});

describe('drift', () => {
  test('the training bars themselves are stable in every feature', async () => {
    const store = await buildStore();
    await writeProfile(store);
    const report = await measured(store, CALM, 1_500, PROFILE_END_MS);
    expect(report.readings.significant).toBe(0);
    expect(report.recent.toMs).toBe(PROFILE_END_MS - BAR_MS);
    expect(report.recent.rows).toBe(1_500);
  });

  test('longer bars show in the features of range, the most drifted first, with bounds', async () => {
    const store = await buildStore();
    await writeProfile(store);
    const report = await measured(store, WILD, 1_440);
    const range = report.features.find(({ name }) => name === 'price_range')!;
    expect(range).toMatchObject({ reading: 'significant' });
    expect(range.interval!.low).toBeGreaterThan(0.25);
    expect(report.recent).toMatchObject({ rows: 1_440, days: 5, symbols: ['AUSDT'] });
    const psis = report.features.map(({ psi }) => psi);
    expect(psis).toEqual([...psis].sort((a, b) => b - a));
    // A return is made of closes alone, which are the same.
    const calm = await measured(store, CALM, 1_440);
    const returnOf = ({ features }: typeof report) => features.find(({ name }) => name === 'log_return_1')!;
    expect(returnOf(report).psi).toBe(returnOf(calm).psi);
  });

  test('fewer than five days have no bounds: undefined, not equal ones', async () => {
    const store = await buildStore();
    await writeProfile(store);
    const report = await measured(store, CALM, 288);
    expect(report.recent.days).toBe(1);
    expect(report.features.every(({ interval }) => interval === undefined)).toBe(true);
  });

  test('no bar of that time has a row', async () => {
    const store = await buildStore();
    await writeProfile(store);
    expect(await measure(store, CALM, 100, WALK_START_MS + 500 * BAR_MS)).toMatchObject({
      error: { code: 'no_rows' },
    });
  });

  test('no profile, no drift', async () => {
    expect(await measure(await buildStore(), CALM, 288)).toMatchObject({ error: { code: 'no_profile' } });
  });

  const spoil: [string, (profile: FeatureProfile) => unknown][] = [
    [
      'a count too few',
      (profile) => ({
        ...profile,
        features: profile.features.map((f) => ({ ...f, counts: f.counts.slice(1) })),
      }),
    ],
    ['another feature set', (profile) => ({ ...profile, featureSetHash: '0'.repeat(64) })],
    ['features in another order', (profile) => ({ ...profile, features: [...profile.features].reverse() })],
    ['a feature missing', (profile) => ({ ...profile, features: profile.features.slice(0, -1) })],
    ['an array', () => []],
  ];
  test.each(spoil)('a profile with %s is refused', async (_, change) => {
    const store = await buildStore();
    await writeProfile(store);
    await store.put(KEY, toJson(change(await readProfile(store))));
    expect(await measure(store, CALM, 288)).toMatchObject({ error: { code: 'profile_unusable' } });
  });

  test('a truncated profile is refused', async () => {
    const store = await buildStore();
    await writeProfile(store);
    await store.put(KEY, (await store.get(KEY))!.body.slice(0, 1_000));
    expect(await measure(store, CALM, 288)).toMatchObject({ error: { code: 'profile_unusable' } });
  });
});

describe('publishing', () => {
  const publish = (from: Store, to: Store) =>
    copyEnsemble({ from, to, runtime: createOnnxModelRuntime(), pointer: 'set_first' });

  test('takes the profile along, so that drift can be measured where the ensemble serves', async () => {
    const from = await buildStore();
    await writeProfile(from);
    const to = createMemoryObjectStore({ versioned: true });
    expect(await publish(from, to)).toMatchObject({ ok: true });
    expect((await to.get(KEY))!.body).toEqual((await from.get(KEY))!.body);
    expect(await measure(to, CALM, 288)).toMatchObject({ ok: true });
  });

  test('is refused with a profile of another ensemble, and nothing is written', async () => {
    const from = await buildStore();
    await writeProfile(from);
    await from.put(KEY, toJson({ ...(await readProfile(from)), ensembleId: 'e20200101_000000' }));
    const to = createMemoryObjectStore({ versioned: true });
    expect(await publish(from, to)).toMatchObject({ ok: false, error: { code: 'source_invalid' } });
    expect(await to.list('')).toEqual([]);
  });
});
