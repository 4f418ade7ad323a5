// What a release command asks for, refuses and leaves behind, of small ensembles and of comparisons that the test answers.
import { describe, expect, it } from 'vitest';
import { createOnnxModelRuntime } from '../../lib/adapters/onnx/onnx-model-runtime.ts';
import type { ObjectStore } from '../../lib/core/ports.ts';
import { failure, success } from '../../lib/core/result.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import { modelKey, POINTER_KEY, quarantineKey, SHADOW_KEY } from '../../lib/models/ensemble.ts';
import type { EnsembleComparison } from '../../lib/models/ensemble-comparison.ts';
import type { ModelRuntime } from '../../lib/models/ports.ts';
import { policyKey } from '../../lib/models/sizing-policy.ts';
import {
  type PromotionRequest,
  promoteEnsemble,
  rollbackEnsemble,
  setShadow,
} from '../../lib/models/use-cases/release-ensemble.ts';
import { setQuarantine } from '../../lib/models/use-cases/release-quarantine.ts';
import { buildModelFolder, DEFAULT_MEMBERS, toJson } from '../support/models/build-model-folder.ts';
import { writePolicy } from '../support/models/build-policy.ts';
import { createMemoryObjectStore } from '../support/models/memory-object-store.ts';

const CHAMPION = 'e20240801_000000';
const CANDIDATE = 'e20240802_000000';
const AT = '2024-08-02T120000.000Z';
const actor = { by: 'ana', reason: 'weekly release', atMs: Date.UTC(2024, 7, 2, 12) };
const BETTER: EnsembleComparison = {
  ...{ championId: CHAMPION, challengerId: CANDIDATE, fromMs: 1, toMs: null, problems: [] },
  ...{ championLogLoss: 0.9, challengerLogLoss: 0.8, championUnanswered: 0, challengerUnanswered: 0 },
  ...{ rows: 70, days: 7, meanDifference: -0.1, interval: { low: -0.2, high: -0.05 } },
  challengerIsBetter: true,
};

/** Every session that was opened, less those released. */
function countingRuntime() {
  const runtime = createOnnxModelRuntime();
  const open = { count: 0, opened: 0 };
  const counting: ModelRuntime = {
    createSession: async (model) => {
      const session = await runtime.createSession(model);
      if (!session.ok) return session;
      open.count++;
      open.opened++;
      const { answers, release } = session.value;
      return success({
        answers: (...given) => answers.apply(session.value, given),
        release: () => {
          open.count--;
          return release.call(session.value);
        },
      });
    },
  };
  return { open, runtime: counting };
}

/** The champion is active, the candidate published; each has as many models as asked for, and the candidate may have a policy. */
async function open({ members = 2, policyOf = undefined as string | undefined } = {}) {
  const store = createMemoryObjectStore({ versioned: true });
  const sizingPolicy = await writePolicy(store);
  for (const id of [CANDIDATE, CHAMPION]) {
    const version = `v${id.slice(1)}`;
    const plans = DEFAULT_MEMBERS.slice(0, members).map((member) => ({ ...member, version }));
    const ensemble = { id, sizingPolicy: policyOf === id ? sizingPolicy : null };
    await buildModelFolder({ store, members: plans, ensemble });
  }
  const { open: sessions, runtime } = countingRuntime();
  const source = { store, runtime };
  const read = async (key: string) => JSON.parse(new TextDecoder().decode((await store.get(key))!.body));
  const point = (document: object) => store.put(POINTER_KEY, toJson(document));
  const promote = (evidence: PromotionRequest['evidence'] = 'forced', ensembleId = CANDIDATE) =>
    promoteEnsemble(source, { ensembleId, actor, evidence });
  const spoil = (name: string, id: string) =>
    store.put(modelKey({ name, version: `v${id.slice(1)}` }), new Uint8Array(9));
  return { ...{ store, source, sessions, sizingPolicy, read, point, promote, spoil } };
}
const refusal = (code: string, message: string | RegExp) => ({
  ok: false,
  error: { code, message: typeof message === 'string' ? message : expect.stringMatching(message) },
});

describe('a promotion', () => {
  it('asks whether the candidate is better than the active one, and keeps the figures', async () => {
    const { promote, read, sessions } = await open();
    const asked: unknown[] = [];
    const promoted = await promote(async (compared) => {
      asked.push(compared);
      return success(BETTER);
    });
    const auditKey = `audit/models/${AT}-promote-${CANDIDATE}.json`;
    expect(promoted).toEqual({
      ok: true,
      value: { ensembleId: CANDIDATE, replaced: CHAMPION, auditKey, comparison: BETTER },
    });
    expect(asked).toEqual([{ championId: CHAMPION, challengerId: CANDIDATE }]);
    expect(await read(auditKey)).toEqual({
      ...{ schemaVersion: 1, action: 'promote', subject: CANDIDATE, ...actor },
      evidence: { replaced: CHAMPION, forced: false, comparison: BETTER },
    });
    expect(await read(POINTER_KEY)).toEqual({ ensembleId: CANDIDATE, previous: [CHAMPION], audit: auditKey });
    // Both models were opened, and neither is kept open.
    expect(sessions).toEqual({ count: 0, opened: 2 });
  });

  it('by force asks nobody, and says so', async () => {
    const { promote, read } = await open();
    const promoted = await promote();
    expect(promoted).toMatchObject({ ok: true, value: { comparison: null } });
    expect((await read(promoted.ok ? promoted.value.auditKey : '')).evidence).toEqual({
      ...{ replaced: CHAMPION, forced: true, comparison: null },
    });
  });

  it('of the first ensemble replaces none', async () => {
    const { store, promote, read } = await open();
    await store.remove(POINTER_KEY);
    const promoted = await promote();
    const auditKey = promoted.ok ? promoted.value.auditKey : '';
    expect(promoted).toMatchObject({ ok: true, value: { replaced: null } });
    expect((await read(auditKey)).evidence).toMatchObject({ replaced: null });
    expect(await read(POINTER_KEY)).toEqual({ ensembleId: CANDIDATE, previous: [], audit: auditKey });
  });

  it('of the first ensemble is refused where somebody else promotes another one meanwhile', async () => {
    const { store, source, point, read } = await open();
    await store.remove(POINTER_KEY);
    const racing: ObjectStore = {
      ...store,
      put: async (key, ...rest) => {
        if (key === POINTER_KEY) await point({ ensembleId: CHAMPION });
        return store.put(key, ...rest);
      },
    };
    const request = { ensembleId: CANDIDATE, actor, evidence: 'forced' } as const;
    expect(await promoteEnsemble({ ...source, store: racing }, request)).toMatchObject({
      error: { code: 'conflict' },
    });
    expect(await read(POINTER_KEY)).toEqual({ ensembleId: CHAMPION });
  });

  it('changes nothing where its audit entry is taken, which stays as it is', async () => {
    const { store, promote, read } = await open();
    const auditKey = `audit/models/${AT}-promote-${CANDIDATE}.json`;
    await store.put(auditKey, toJson({ by: 'grace' }));
    expect(await promote()).toEqual(
      refusal('conflict', `${POINTER_KEY} was changed concurrently: check it and try again`),
    );
    expect(await read(auditKey)).toEqual({ by: 'grace' });
    expect(await read(POINTER_KEY)).toEqual({ ensembleId: CHAMPION });
  });

  it('remembers the twenty ensembles before, the newest first', async () => {
    const { point, promote, read } = await open();
    const before = Array.from({ length: 20 }, (_, index) => `e202301${10 + index}_000000`);
    await point({ ensembleId: CHAMPION, previous: before });
    await promote();
    expect((await read(POINTER_KEY)).previous).toEqual([CHAMPION, ...before.slice(0, 19)]);
  });

  const WAY_OUT = 'promote it only with --force and a reason';
  it.each<[string, Partial<EnsembleComparison>, string]>([
    ['an interval', { interval: { low: -0.2, high: 0.123456 } }, '95 % interval -0.20000…0.12346'],
    ['too few days', { interval: undefined, days: 4 }, 'too few days for an interval'],
  ])('is refused where the candidate is not shown to be better by %s', async (_name, over, bounds) => {
    const { promote, read } = await open();
    const worse = { ...BETTER, challengerIsBetter: false, ...over };
    expect(await promote(async () => success(worse))).toEqual(
      refusal(
        'not_better',
        `${CANDIDATE} is not shown to be better than ${CHAMPION}: log-loss difference -0.10000 nats, ` +
          `${bounds}, 70 rows of ${worse.days} days; ${WAY_OUT}`,
      ),
    );
    expect((await read(POINTER_KEY)).ensembleId).toBe(CHAMPION);
  });

  it('is refused where the two cannot be compared, or nothing is active to compare with', async () => {
    const { store, promote } = await open();
    expect(await promote(async () => failure('no row'))).toEqual(refusal('comparison_impossible', 'no row'));
    await store.remove(POINTER_KEY);
    let asked = 0;
    const compare: PromotionRequest['evidence'] = async () => {
      asked++;
      return success(BETTER);
    };
    expect(await promote(compare)).toEqual(
      refusal('no_active_ensemble', `${POINTER_KEY} is not in the store: promote an ensemble first`),
    );
    expect(asked).toBe(0);
  });

  it('is refused where it is active already, before anything is looked at', async () => {
    const { promote, sessions } = await open();
    expect(await promote('forced', CHAMPION)).toEqual(refusal('already_so', `${CHAMPION} is active already`));
    expect(sessions.opened).toBe(0);
  });

  it('is refused, whatever forces it, where a model or its policy fails, and nothing stays open', async () => {
    const broken = await open({ policyOf: CANDIDATE });
    await broken.store.put(policyKey(broken.sizingPolicy), new Uint8Array(9));
    expect(await broken.promote()).toEqual(refusal('verification_failed', /^sizing policy sizing v2024/));
    await broken.spoil('xgboost', CANDIDATE);
    await broken.spoil('lightgbm', CANDIDATE);
    const line = (name: string) => `${name} v20240802_000000: object_changed: [^;]+`;
    expect(await broken.promote()).toEqual(
      refusal('verification_failed', new RegExp(`^${line('xgboost')}; ${line('lightgbm')}$`)),
    );
    expect(broken.sessions.count).toBe(0);
    expect((await broken.read(POINTER_KEY)).ensembleId).toBe(CHAMPION);
  });

  it('takes a policy that passes every check', async () => {
    const { promote } = await open({ policyOf: CANDIDATE });
    expect(await promote()).toMatchObject({ ok: true });
  });

  it('is refused of one model, or of an ensemble that is not there', async () => {
    const { promote } = await open({ members: 1 });
    expect(await promote()).toEqual(
      refusal('ensemble_unusable', `${CANDIDATE} has one model, a signal needs 2`),
    );
    expect(await promote('forced', 'e20990101_000000')).toEqual(
      refusal('ensemble_unusable', /e20990101_000000/),
    );
  });

  it('ends in an outcome where the store fails, and in an error where the program does', async () => {
    const { store, promote } = await open();
    store.failReadsOf(POINTER_KEY);
    expect(await promote()).toEqual(refusal('store_unavailable', `503 reading ${POINTER_KEY}`));
    store.failReadsOf(undefined);
    await expect(promote(() => Promise.reject(new TypeError('a fault')))).rejects.toThrow('a fault');
    const busy = new StoreError('busy', { retryable: true });
    expect(await promote(() => Promise.reject(busy))).toEqual(refusal('store_unavailable', 'busy'));
  });
});

describe('a rollback', () => {
  const rollback = ({ source }: Awaited<ReturnType<typeof open>>) => rollbackEnsemble(source, actor);
  /** The candidate is active, and the champion before it. */
  async function promoted(about: Parameters<typeof open>[0] = {}) {
    const opened = await open(about);
    await opened.point({ ensembleId: CANDIDATE, previous: [CHAMPION, 'e20230101_000000'] });
    return opened;
  }

  it('goes to the ensemble before, and remembers those before that', async () => {
    const opened = await promoted();
    const auditKey = `audit/models/${AT}-rollback-${CHAMPION}.json`;
    expect(await rollback(opened)).toEqual({
      ok: true,
      value: { ensembleId: CHAMPION, replaced: CANDIDATE, auditKey },
    });
    expect(await opened.read(POINTER_KEY)).toEqual({
      ...{ ensembleId: CHAMPION, previous: ['e20230101_000000'], audit: auditKey },
    });
    expect(await opened.read(auditKey)).toEqual({
      ...{ schemaVersion: 1, action: 'rollback', subject: CHAMPION, ...actor },
      evidence: { replaced: CANDIDATE, abstaining: [] },
    });
    expect(opened.sessions).toEqual({ count: 0, opened: 2 });
  });

  it('needs a pointer, one before, and that it is there', async () => {
    const opened = await open();
    expect(await rollback(opened)).toEqual(
      refusal('no_predecessor', `no earlier ensemble than ${CHAMPION} is known`),
    );
    await opened.point({ ensembleId: CHAMPION, previous: ['e20990101_000000'] });
    expect(await rollback(opened)).toEqual(refusal('ensemble_unusable', /e20990101_000000/));
    await opened.store.remove(POINTER_KEY);
    expect(await rollback(opened)).toEqual(refusal('no_active_ensemble', /promote an ensemble first/));
  });

  it('goes on with what fails named in the audit, as long as two models serve', async () => {
    const opened = await promoted({ members: 3, policyOf: CHAMPION });
    await opened.store.put(policyKey(opened.sizingPolicy), new Uint8Array(9));
    await opened.spoil('lightgbm', CHAMPION);
    const rolledBack = await rollback(opened);
    expect(rolledBack).toMatchObject({ ok: true });
    expect((await opened.read(rolledBack.ok ? rolledBack.value.auditKey : '')).evidence.abstaining).toEqual([
      expect.stringMatching(/^lightgbm v20240801_000000: object_changed: /),
      expect.stringMatching(/^sizing policy sizing /),
    ]);
    expect(opened.sessions.count).toBe(0);
  });

  it('changes nothing where fewer than two models would serve', async () => {
    const opened = await promoted({ policyOf: CHAMPION });
    await opened.store.put(policyKey(opened.sizingPolicy), new Uint8Array(9));
    await opened.spoil('lightgbm', CHAMPION);
    expect(await rollback(opened)).toEqual(
      refusal(
        'verification_failed',
        /^e20240801_000000 could not decide: lightgbm v20240801_000000: .*; sizing policy sizing /,
      ),
    );
    expect((await opened.read(POINTER_KEY)).ensembleId).toBe(CANDIDATE);
    expect(opened.sessions.count).toBe(0);
  });

  it('is refused where somebody else moves the pointer meanwhile', async () => {
    const opened = await promoted();
    const { store } = opened.source;
    const racing: ObjectStore = {
      ...store,
      put: async (key, ...rest) => {
        if (key === POINTER_KEY) await opened.point({ ensembleId: 'e20230101_000000' });
        return store.put(key, ...rest);
      },
    };
    expect(await rollbackEnsemble({ ...opened.source, store: racing }, actor)).toEqual(
      refusal('conflict', `${POINTER_KEY} was changed concurrently: check it and try again`),
    );
    expect((await opened.read(POINTER_KEY)).ensembleId).toBe('e20230101_000000');
  });
});

describe('a shadow', () => {
  const shadow = ({ source }: Awaited<ReturnType<typeof open>>, id: string | undefined, atMs = actor.atMs) =>
    setShadow(source, id, { ...actor, atMs });

  it('is named beside the active ensemble, and ended', async () => {
    const opened = await open();
    const auditKey = `audit/models/${AT}-shadow-${CANDIDATE}.json`;
    expect(await shadow(opened, CANDIDATE)).toEqual({ ok: true, value: auditKey });
    expect(await opened.read(SHADOW_KEY)).toEqual({ ensembleId: CANDIDATE, audit: auditKey });
    expect(await opened.read(auditKey)).toEqual({
      ...{ schemaVersion: 1, action: 'shadow', subject: CANDIDATE, ...actor },
      evidence: { replaced: null, beside: CHAMPION },
    });
    expect(opened.sessions).toEqual({ count: 0, opened: 2 });
    const ended = await shadow(opened, undefined);
    expect(ended).toEqual({ ok: true, value: `audit/models/${AT}-shadow-none.json` });
    expect(await opened.read(SHADOW_KEY)).toMatchObject({ ensembleId: null });
    expect((await opened.read(ended.ok ? ended.value : '')).evidence).toEqual({
      ...{ replaced: CANDIDATE, beside: CHAMPION },
    });
  });

  it('is refused where it is so already, on record or because none ever was', async () => {
    const opened = await open();
    const none = refusal('already_so', 'the shadow is none already');
    expect(await shadow(opened, undefined)).toEqual(none);
    await shadow(opened, CANDIDATE);
    expect(await shadow(opened, CANDIDATE, 1)).toEqual(
      refusal('already_so', `the shadow is ${CANDIDATE} already`),
    );
    await shadow(opened, undefined);
    expect(await shadow(opened, undefined, 1)).toEqual(none);
  });

  it('is refused of the active ensemble, of one that fails, and without a pointer', async () => {
    const opened = await open();
    expect(await shadow(opened, CHAMPION)).toEqual(
      refusal('already_so', `${CHAMPION} is active: it would be its own shadow`),
    );
    await opened.spoil('xgboost', CANDIDATE);
    expect(await shadow(opened, CANDIDATE)).toEqual(refusal('verification_failed', /^xgboost /));
    await opened.store.remove(POINTER_KEY);
    expect(await shadow(opened, CANDIDATE)).toEqual(
      refusal('no_active_ensemble', /promote an ensemble first/),
    );
    expect(await opened.store.head(SHADOW_KEY)).toBeUndefined();
  });

  it('that cannot be read is ended or replaced', async () => {
    for (const id of [undefined, CANDIDATE]) {
      const opened = await open();
      await opened.store.put(SHADOW_KEY, Buffer.from('<html>'));
      expect(await shadow(opened, id)).toMatchObject({ ok: true });
      expect((await opened.read(SHADOW_KEY)).ensembleId).toBe(id ?? null);
    }
  });

  it.each([
    ['the first one', undefined],
    ['another one', 'e20230101_000000'],
  ])('is refused where somebody else names %s meanwhile', async (_name, before) => {
    const opened = await open();
    if (before !== undefined) await opened.store.put(SHADOW_KEY, toJson({ ensembleId: before, audit: 'x' }));
    const { store } = opened.source;
    const theirs = toJson({ ensembleId: 'e20230202_000000', audit: 'y' });
    const racing: ObjectStore = {
      ...store,
      put: async (key, ...rest) => {
        if (key === SHADOW_KEY) await store.put(key, theirs);
        return store.put(key, ...rest);
      },
    };
    expect(await setShadow({ ...opened.source, store: racing }, CANDIDATE, actor)).toEqual(
      refusal('conflict', `${SHADOW_KEY} was changed concurrently: check it and try again`),
    );
    expect((await opened.read(SHADOW_KEY)).ensembleId).toBe('e20230202_000000');
  });
});

describe('a quarantine', () => {
  const model = { name: 'xgboost', version: 'v20240801_000000' };
  const set = (
    { store }: Pick<Awaited<ReturnType<typeof open>>, 'store'>,
    state: 'quarantined' | 'lifted',
    of = model,
  ) => setQuarantine(store, of, { state, actor });

  it('is an order with its reason, and is lifted by another one', async () => {
    const opened = await open();
    const about = (action: string) => `audit/models/${AT}-${action}-xgboost-v20240801_000000.json`;
    expect(await set(opened, 'quarantined')).toEqual({ ok: true, value: about('quarantine') });
    expect(await opened.read(quarantineKey(model))).toEqual({
      ...{ schemaVersion: 1, ...model, state: 'quarantined', ...actor, audit: about('quarantine') },
    });
    expect(await opened.read(about('quarantine'))).toEqual({
      ...{ schemaVersion: 1, action: 'quarantine', subject: 'xgboost-v20240801_000000', ...actor },
      evidence: {},
    });
    expect(await set(opened, 'quarantined')).toEqual(
      refusal('already_so', 'xgboost v20240801_000000 is in quarantine'),
    );
    expect(await set(opened, 'lifted')).toEqual({ ok: true, value: about('lift') });
    expect((await opened.read(quarantineKey(model))).state).toBe('lifted');
    expect((await opened.read(about('lift'))).action).toBe('lift');
    expect(await set(opened, 'lifted')).toEqual(
      refusal('already_so', 'xgboost v20240801_000000 is not in quarantine'),
    );
  });

  it('is of a sizing policy too, and of nothing that is not there', async () => {
    const opened = await open();
    expect(await set(opened, 'quarantined', opened.sizingPolicy)).toMatchObject({ ok: true });
    const unknown = { ...model, version: 'v20990101_000000' };
    expect(await set(opened, 'quarantined', unknown)).toEqual(
      refusal('model_unknown', `${modelKey(unknown)} is not in the store`),
    );
    expect(await opened.store.head(quarantineKey(unknown))).toBeUndefined();
  });

  it('is lifted of what is gone from the store', async () => {
    const opened = await open();
    await set(opened, 'quarantined');
    await opened.store.remove(modelKey(model));
    expect(await set(opened, 'lifted')).toMatchObject({ ok: true });
  });

  it.each(['quarantined', 'lifted'] as const)(
    'is refused where another order comes meanwhile: %s',
    async (state) => {
      const { store } = await open();
      if (state === 'lifted') await set({ store }, 'quarantined');
      const key = quarantineKey(model);
      const racing = {
        ...store,
        put: async (...given: Parameters<typeof store.put>) => {
          if (given[0] === key) await store.put(key, Buffer.from('theirs'));
          return store.put(...given);
        },
      };
      expect(await set({ store: racing }, state)).toEqual(
        refusal('conflict', `${key} was changed concurrently: check it and try again`),
      );
      expect(Buffer.from((await store.get(key))!.body).toString()).toBe('theirs');
    },
  );
});
