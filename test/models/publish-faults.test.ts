// The fault table again, at publishing: nothing of a faulty ensemble reaches the store, and the active ensemble stays.
import { describe, expect, test } from 'vitest';
import { createOnnxModelRuntime } from '../../lib/adapters/onnx/onnx-model-runtime.ts';
import { ensembleKey, manifestKey, modelKey, POINTER_KEY } from '../../lib/models/ensemble.ts';
import { copyEnsemble } from '../../lib/models/use-cases/copy-ensemble.ts';
import { promoteEnsemble } from '../../lib/models/use-cases/release-ensemble.ts';
import {
  buildModelFolder,
  DEFAULT_MEMBERS,
  type MemberPlan,
  toJson,
} from '../support/models/build-model-folder.ts';
import { createMemoryObjectStore, type MemoryObjectStore } from '../support/models/memory-object-store.ts';
import { DESCRIBED_FAULTS, STORED_FAULTS, withXgboost } from '../support/models/model-faults.ts';

const runtime = createOnnxModelRuntime();
const CANDIDATE = 'e20240801_000000';
const ACTOR = { by: 'ana', reason: 'test', atMs: 1_722_500_000_000 };

/** A store in which another ensemble is active, and all that stands in it. */
async function inForce() {
  const to = createMemoryObjectStore({ versioned: true });
  const members = DEFAULT_MEMBERS.map((member) => ({ ...member, version: 'v20240101_000000' }));
  await buildModelFolder({ store: to, members, ensemble: { id: 'e20240101_000000' } });
  return { to, before: await to.list('') };
}

async function folderWith(members: readonly MemberPlan[]) {
  const from = createMemoryObjectStore({ versioned: false });
  await buildModelFolder({ store: from, members, ensemble: { id: CANDIDATE } });
  return from;
}

const publish = (from: MemoryObjectStore, to: MemoryObjectStore) =>
  copyEnsemble({ from, to, runtime, pointer: 'untouched' });

describe('publishing refuses, and writes nothing:', () => {
  test.each(DESCRIBED_FAULTS)('%s', async (_, plan, reason, message) => {
    const { to, before } = await inForce();
    const published = await publish(await folderWith(withXgboost(plan)), to);
    if (published.ok) throw new Error('published');
    expect(published.error.code).toBe('verification_failed');
    expect(published.error.message).toContain(`xgboost v20240728_000000: ${reason}: `);
    expect(published.error.message).toMatch(message);
    expect(await to.list('')).toEqual(before);
  });

  // A folder has no versions: what S3 calls changed shows in its bytes.
  test.each(STORED_FAULTS)('%s', async (_, __, harm, reason) => {
    const { to, before } = await inForce();
    const from = await folderWith(DEFAULT_MEMBERS);
    await harm(from);
    const shown = reason === 'object_changed' ? 'sha256_mismatch' : reason;
    const published = await publish(from, to);
    if (published.ok) throw new Error('published');
    expect(published.error.code).toBe('verification_failed');
    expect(published.error.message).toContain(`xgboost v20240728_000000: ${shown}: `);
    expect(await to.list('')).toEqual(before);
  });

  test.each<[string, (from: MemoryObjectStore) => Promise<unknown>]>([
    ['no pointer', (from) => from.remove(POINTER_KEY)],
    ['no ensemble', (from) => from.remove(ensembleKey(CANDIDATE))],
    ['an ensemble of HTML', (from) => from.put(ensembleKey(CANDIDATE), new TextEncoder().encode('<html>'))],
  ])('%s', async (_, harm) => {
    const { to, before } = await inForce();
    const from = await folderWith(DEFAULT_MEMBERS);
    await harm(from);
    expect(await publish(from, to)).toMatchObject({ ok: false, error: { code: 'source_invalid' } });
    expect(await to.list('')).toEqual(before);
  });
});

describe('a fault that reached the store anyway is not promoted, not even by force:', () => {
  test.each(DESCRIBED_FAULTS)('%s', async (_, plan, reason) => {
    const { to } = await inForce();
    const pointer = await to.get(POINTER_KEY);
    await buildModelFolder({ store: to, members: withXgboost(plan), ensemble: { id: CANDIDATE } });
    await to.put(POINTER_KEY, pointer!.body);
    const before = await to.list('');
    const promoted = await promoteEnsemble(
      { store: to, runtime },
      { ensembleId: CANDIDATE, actor: ACTOR, evidence: 'forced' },
    );
    expect(promoted).toMatchObject({
      ok: false,
      error: { code: 'verification_failed', message: expect.stringContaining(`: ${reason}: `) },
    });
    expect(await to.list('')).toEqual(before);
  });
});

test('what was published under a version stays: other bytes under it are refused, and the candidate with them', async () => {
  const { to } = await inForce();
  await publish(await folderWith(DEFAULT_MEMBERS), to);
  const model = { name: 'xgboost', version: 'v20240728_000000' };
  const [manifest, bytes] = [await to.get(manifestKey(model)), await to.get(modelKey(model))];
  const from = await folderWith(withXgboost({ gain: 0.3 }));
  expect(await publish(from, to)).toMatchObject({ ok: false, error: { code: 'target_conflict' } });
  expect([await to.get(manifestKey(model)), await to.get(modelKey(model))]).toEqual([manifest, bytes]);
  expect((await to.get(POINTER_KEY))!.body).toEqual(toJson({ ensembleId: 'e20240101_000000' }));
});
