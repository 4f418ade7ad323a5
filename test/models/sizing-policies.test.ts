// A sizing policy serves only when it passes every check that a model passes, and gives a share from 0 to 1 or none.
import { afterEach, describe, expect, it } from 'vitest';
import { createLazyModelRuntime } from '../../lib/adapters/onnx/lazy-model-runtime.ts';
import type { ModelRuntime } from '../../lib/models/ports.ts';
import {
  type NamedPolicy,
  type PolicyManifest,
  policyKey,
  readShare,
  SIZING_COLUMNS,
  type SizingState,
} from '../../lib/models/sizing-policy.ts';
import { copyEnsemble } from '../../lib/models/use-cases/copy-ensemble.ts';
import { verifyModels } from '../../lib/models/use-cases/model-registry.ts';
import { readCurrentEnsemble } from '../../lib/models/use-cases/read-ensemble.ts';
import { promoteEnsemble } from '../../lib/models/use-cases/release-ensemble.ts';
import { setQuarantine } from '../../lib/models/use-cases/release-quarantine.ts';
import {
  createSizingPolicies,
  describePolicyProblem,
  provePolicy,
  type SizingPolicies,
} from '../../lib/models/use-cases/sizing-policies.ts';
import { buildModelFolder } from '../support/models/build-model-folder.ts';
import { POLICY_FAULTS, writePolicy } from '../support/models/build-policy.ts';
import { createMemoryObjectStore } from '../support/models/memory-object-store.ts';

const runtime = createLazyModelRuntime();
const actor = { by: 'olga', reason: 'test', atMs: 1 };
const stateOf = (over: Partial<SizingState> = {}) =>
  ({ ...Object.fromEntries(SIZING_COLUMNS.map((column) => [column, 0.5])), ...over }) as SizingState;

let opened: SizingPolicies | undefined;
afterEach(() => opened?.close());

function openPolicies() {
  const store = createMemoryObjectStore({ versioned: false });
  opened = createSizingPolicies({ store, runtime });
  return { store, policies: opened };
}

async function shareIn(
  policies: SizingPolicies,
  sizingPolicy: Parameters<typeof policies.of>[0]['sizingPolicy'],
  state = stateOf(),
) {
  const policy = await policies.of({ sizingPolicy });
  if (!policy.ok) return policy;
  const share = await policy.value!.shareOf(state);
  await policy.value!.release();
  return share;
}

it('is none where none is named', async () => {
  const { store, policies } = openPolicies();
  expect(await policies.of({ sizingPolicy: null })).toEqual({ ok: true, value: undefined });
  expect(store.reads).toEqual([]);
});

it('answers with its share, for a state cut to what training has seen', async () => {
  const { store, policies } = openPolicies();
  const named = await writePolicy(store);
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const share = async (spread_bps: number) => {
    const answer = await shareIn(policies, named, stateOf({ spread_bps }));
    return answer.ok ? answer.value : Number.NaN;
  };
  expect(await share(0)).toBeCloseTo(0.5, 6);
  expect(await share(20)).toBeCloseTo(sigmoid(-2), 6);
  expect(await share(1e9)).toBeCloseTo(sigmoid(-10), 6);
});

describe('a policy that cannot be verified gives a reason and no share', () => {
  it.each(POLICY_FAULTS)('$fault: $reason', async ({ reason, plan, spoil }) => {
    const { store, policies } = openPolicies();
    const named = await writePolicy(store, plan);
    await spoil?.(store, named);
    expect(await policies.of({ sizingPolicy: named })).toMatchObject({ ok: false, error: { reason } });
  });

  it('when the store does not answer', async () => {
    const { store, policies } = openPolicies();
    const named = await writePolicy(store);
    store.failReadsOf('policies/');
    const failed = { ok: false, error: { reason: 'store_unavailable' } };
    expect(await policies.of({ sizingPolicy: named })).toMatchObject(failed);
    store.failReadsOf(undefined);
    expect((await shareIn(policies, named)).ok).toBe(true);
    // What is in memory may have been withdrawn since.
    store.failReadsOf('policies/');
    expect(await policies.of({ sizingPolicy: named })).toMatchObject(failed);
  });
});

it.each([
  ['above 1', { shape: 'relu', weights: { spread_bps: 1 } } as const, stateOf({ spread_bps: 3 })],
  ['that is no number', { shape: 'divided' } as const, stateOf({ drawdown: 0 })],
])('gives no share for an answer %s', async (_, plan, state) => {
  const { store, policies } = openPolicies();
  const named = await writePolicy(store, plan);
  expect(await shareIn(policies, named, stateOf())).toMatchObject({ ok: true });
  expect(await shareIn(policies, named, state)).toMatchObject({
    ok: false,
    error: expect.stringContaining('no share'),
  });
});

it('is loaded once while its objects stay, and stops and serves again with its quarantine', async () => {
  const { store, policies } = openPolicies();
  const named = await writePolicy(store);
  await shareIn(policies, named);
  const reads = store.reads.filter((key) => key.endsWith('model.onnx')).length;
  await shareIn(policies, named);
  expect(store.reads.filter((key) => key.endsWith('model.onnx'))).toHaveLength(reads);
  expect(await setQuarantine(store, named, { state: 'quarantined', actor })).toMatchObject({ ok: true });
  expect(await policies.of({ sizingPolicy: named })).toMatchObject({
    ok: false,
    error: { reason: 'quarantined_by_operator' },
  });
  expect(await setQuarantine(store, named, { state: 'lifted', actor })).toMatchObject({ ok: true });
  expect((await shareIn(policies, named)).ok).toBe(true);
});

it('goes on answering a run that holds it while another takes its place', async () => {
  const { store, policies } = openPolicies();
  const [old, next] = [
    await writePolicy(store),
    await writePolicy(store, { version: 'v20240901_000000', bias: 2 }),
  ];
  const held = await policies.of({ sizingPolicy: old });
  const share = await shareIn(policies, next, stateOf({ spread_bps: 0 }));
  expect(share).toMatchObject({ ok: true, value: expect.closeTo(1 / (1 + Math.exp(-2)), 6) });
  expect(await (held.ok ? held.value?.shareOf(stateOf({ spread_bps: 0 })) : undefined)).toMatchObject({
    ok: true,
    value: expect.closeTo(0.5, 6),
  });
  await (held.ok ? held.value?.release() : undefined);
});

/** The real runtime, counting what it has loaded and what is open; its sessions fail on demand. */
function countingRuntime() {
  const counts = { loaded: 0, open: 0, isFailing: false };
  const counting: ModelRuntime = {
    async createSession(model) {
      const session = await runtime.createSession(model);
      if (!session.ok) return session;
      counts.loaded++;
      counts.open++;
      const { answers, release } = session.value;
      return {
        ok: true,
        value: {
          answers: (...asked) =>
            counts.isFailing ? Promise.reject(new Error('out of\nmemory')) : answers(...asked),
          release: () => {
            counts.open--;
            return release();
          },
        },
      };
    },
  };
  return { counts, counting };
}

it('a share is from 0 to 1, both included, and nothing else is one', () => {
  for (const share of [0, 0.5, 1]) expect(readShare(share)).toBe(share);
  for (const output of [-0.001, 1.001, Number.NaN, undefined]) expect(readShare(output)).toBeUndefined();
});

describe('its session', () => {
  const NEXT = 'v20240901_000000';
  async function openCounted() {
    const store = createMemoryObjectStore({ versioned: false });
    const { counts, counting } = countingRuntime();
    opened = createSizingPolicies({ store, runtime: counting });
    return { store, counts, counting, policies: opened, named: await writePolicy(store) };
  }
  const held = async (policies: SizingPolicies, sizingPolicy: NamedPolicy) => {
    const policy = await policies.of({ sizingPolicy });
    if (!policy.ok) throw new Error(policy.error.message);
    return policy.value!;
  };

  it('is shared by runs side by side, and freed by the last that holds it', async () => {
    const { policies, counts, named } = await openCounted();
    const [first, second] = await Promise.all([held(policies, named), held(policies, named)]);
    expect(counts).toMatchObject({ loaded: 1, open: 1 });
    await policies.close();
    // Twice: releasing again must not take the other run's hold away.
    await first.release();
    await first.release();
    expect(counts.open).toBe(1);
    expect(await second.shareOf(stateOf())).toMatchObject({ ok: true });
    await second.release();
    expect(counts.open).toBe(0);
  });

  it('is freed when another takes its place, and when all is closed, even while it loads', async () => {
    const { store, policies, counts, named } = await openCounted();
    await shareIn(policies, named);
    await shareIn(policies, await writePolicy(store, { version: NEXT, bias: 2 }));
    expect(counts).toMatchObject({ loaded: 2, open: 1 });
    const loading = held(policies, named);
    await policies.close();
    await (await loading).release();
    expect(counts).toMatchObject({ loaded: 3, open: 0 });
  });

  it('is loaded again where the ensemble names it otherwise', async () => {
    const { store, policies, counts, named } = await openCounted();
    await shareIn(policies, named);
    const other = { ...named, sha256: 'a'.repeat(64) };
    expect(await policies.of({ sizingPolicy: other })).toEqual({
      ok: false,
      error: {
        reason: 'manifest_mismatch',
        message: `manifest says sha256 ${named.sha256}, the ensemble ${other.sha256}`,
      },
    });
    expect(counts.open).toBe(0);
    expect((await shareIn(policies, named)).ok).toBe(true);
    // What was found wrong is looked at again only once its objects have changed.
    await policies.of({ sizingPolicy: other });
    store.reads.length = 0;
    await policies.of({ sizingPolicy: other });
    expect(store.reads.filter((key) => key.endsWith('model.onnx'))).toEqual([]);
  });

  it('that fails says so in one line, and gives no share', async () => {
    const { policies, counts, named } = await openCounted();
    const policy = await held(policies, named);
    counts.isFailing = true;
    expect(await policy.shareOf(stateOf())).toEqual({
      ...{ ok: false, error: 'the policy failed: out of memory' },
    });
    counts.isFailing = false;
    expect(await policy.shareOf(stateOf())).toMatchObject({ ok: true });
    await policy.release();
  });

  it('is none where the store breaks whoever reads it, and there again with the store', async () => {
    const { store, counting, named } = await openCounted();
    let isBroken = true;
    const broken: typeof store = {
      ...store,
      get: async (key, version) => {
        const object = await store.get(key, version);
        if (!isBroken || object === undefined) return object;
        return Object.defineProperty({ ...object }, 'body', {
          get: () => {
            throw new Error('broken\nbytes');
          },
        });
      },
    };
    const policies = createSizingPolicies({ store: broken, runtime: counting });
    expect(await policies.of({ sizingPolicy: named })).toEqual({
      ...{ ok: false, error: { reason: 'session_failed', message: 'broken bytes' } },
    });
    isBroken = false;
    expect((await shareIn(policies, named)).ok).toBe(true);
    await policies.close();
  });

  it('is not left open by a proof', async () => {
    const { store, counts, counting, named } = await openCounted();
    expect(await provePolicy({ store, runtime: counting }, named, named)).toBeUndefined();
    expect(await provePolicy({ store, runtime: counting }, named)).toBeUndefined();
    expect(counts).toMatchObject({ loaded: 2, open: 0 });
    await store.remove(policyKey(named));
    const problem = await provePolicy({ store, runtime: counting }, named);
    expect(problem?.reason).toBe('model_missing');
    expect(describePolicyProblem(named, problem!)).toBe(
      `sizing policy sizing ${named.version}: model_missing: ${problem!.message}`,
    );
  });

  it('is refused with what its manifest says and has to say', async () => {
    const { store, policies } = await openCounted();
    const saying = async (manifest: (of: PolicyManifest) => unknown) => {
      const policy = await policies.of({ sizingPolicy: await writePolicy(store, { manifest }) });
      return policy.ok ? undefined : policy.error.message;
    };
    const columns = SIZING_COLUMNS.toReversed();
    expect(await saying((of) => ({ ...of, input: { ...of.input, columns } }))).toBe(
      `input.columns are ${columns.join(', ')}, must be ${SIZING_COLUMNS.join(', ')}`,
    );
    expect(await saying((of) => ({ ...of, bounds: of.bounds.slice(1) }))).toBe(
      'bounds has 12 entries, must be 13',
    );
    expect(await saying((of) => ({ ...of, bounds: [...of.bounds, of.bounds[0]] }))).toBe(
      'bounds has 14 entries, must be 13',
    );
    expect(await saying(() => ({}))).toMatch(/^manifest of sizing v20240805_000000: /);
    const bounded = (min: number, max: number) => (of: PolicyManifest) => ({
      ...of,
      bounds: of.bounds.map((bound, index) => (index === 0 ? { min, max } : bound)),
    });
    expect(await saying(bounded(1, 0))).toContain('min is above max');
    expect(await saying(bounded(0.2, 0.2))).toBeUndefined();
    const trained = (more: object) => (of: PolicyManifest) => ({
      ...of,
      training: { ...of.training, ...more },
    });
    expect(await saying(trained({ episodesSha256: ['0'.repeat(64), '1'.repeat(64)] }))).toBeUndefined();
    expect(await saying(trained({ episodesSha256: [] }))).toContain('episodesSha256');
    expect(await saying(trained({ candidates: 0 }))).toContain('candidates');
    expect(await saying((of) => ({ ...of, evidence: { trials: 0 } }))).toContain('trials');
  });
});

describe('released with its ensemble', () => {
  async function publishable() {
    const from = createMemoryObjectStore({ versioned: false });
    const sizingPolicy = await writePolicy(from);
    await buildModelFolder({ store: from, ensemble: { sizingPolicy } });
    return { from, sizingPolicy, to: createMemoryObjectStore({ versioned: true }) };
  }

  it('is copied, named by its version of the store, and verified there', async () => {
    const { from, to, sizingPolicy } = await publishable();
    expect(await copyEnsemble({ from, to, runtime, pointer: 'set_first' })).toMatchObject({ ok: true });
    const current = await readCurrentEnsemble(to);
    const named = current.ok ? current.value.ensemble.sizingPolicy : null;
    expect(named).toMatchObject({ ...sizingPolicy, versionId: expect.stringMatching(/^v\d+$/) });
    opened = createSizingPolicies({ store: to, runtime });
    expect((await shareIn(opened, named)).ok).toBe(true);
    const { policies } = await verifyModels(to, runtime);
    expect(policies).toMatchObject([{ name: 'sizing', isActive: true, problem: null, quarantine: null }]);
  });

  it.each(POLICY_FAULTS)(
    'is neither published nor promoted, but listed, when $fault',
    async ({ reason, plan, spoil }) => {
      const from = createMemoryObjectStore({ versioned: false });
      const sizingPolicy = await writePolicy(from, plan);
      await spoil?.(from, sizingPolicy);
      const { id } = await buildModelFolder({ store: from, ensemble: { sizingPolicy } });
      const to = createMemoryObjectStore({ versioned: true });
      const refused = {
        ok: false,
        error: {
          code: 'verification_failed',
          message: expect.stringContaining(`sizing policy sizing ${sizingPolicy.version}: ${reason}`),
        },
      };
      expect(await copyEnsemble({ from, to, runtime, pointer: 'set_first' })).toMatchObject(refused);
      expect(await to.list('')).toEqual([]);
      await from.remove('ensembles/current.json');
      expect(
        await promoteEnsemble({ store: from, runtime }, { ensembleId: id, actor, evidence: 'forced' }),
      ).toMatchObject(refused);
    },
  );
});
