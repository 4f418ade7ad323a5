// The evidence of a decision as it is stored: whole, under a key that holds its hash, and proven before anybody relies on it.
import { describe, expect, it } from 'vitest';
import { sha256Of } from '../../lib/core/hash.ts';
import { encodeJson } from '../../lib/core/json.ts';
import { decideGoNoGo, type GoNoGoEvidence } from '../../lib/rollout/go-no-go.ts';
import type { CollectedEvidence } from '../../lib/rollout/use-cases/collect-evidence.ts';
import {
  type EvidenceBundle,
  packEvidence,
  storeEvidence,
  verifyEvidence,
} from '../../lib/rollout/use-cases/evidence-bundle.ts';
import { createMemoryObjectStore } from '../support/models/memory-object-store.ts';
import { collectDay } from '../support/trading/paper-day.ts';

const AT_MS = Date.UTC(2024, 7, 6, 12, 0, 10, 7);
const good = await collectDay();

function pack(
  evidence: Partial<GoNoGoEvidence> = {},
  over: Partial<Parameters<typeof packEvidence>[0]> = {},
  more: Partial<CollectedEvidence> = {},
) {
  const collected = { ...good, evidence: { ...good.evidence, ...evidence }, ...more };
  const decision = decideGoNoGo(collected.evidence);
  return packEvidence({ collected, decision, level: 'PAPER', atMs: AT_MS, ...over });
}
const read = ({ body }: { readonly body: Uint8Array }): EvidenceBundle =>
  JSON.parse(new TextDecoder().decode(body));

describe('a bundle', () => {
  it('holds all that was decided on, and what was decided', () => {
    const drift = { outcome: 'unmeasured', atMs: 1, code: 'no_rows', message: 'none' } as const;
    const bundle = read(pack({}, {}, { drift, unreadable: ['a line'] }));
    expect(bundle).toEqual({
      ...{ schemaVersion: 1, decidedAtMs: AT_MS, level: 'PAPER', verdict: 'GO', window: good.window },
      ...{ evidence: good.evidence, drift, unreadable: ['a line'] },
      results: decideGoNoGo(good.evidence).results,
    });
    expect(Object.keys(bundle.evidence)).toHaveLength(14);
  });

  it('says null for what was not measured, and for what is no number', () => {
    const unmeasured = {
      profitUsdt: undefined,
      meanConfidence: Number.NaN,
      memoryBytesMax: Number.POSITIVE_INFINITY,
    };
    const bundle = read(pack(unmeasured, { level: undefined }, { drift: undefined }));
    expect(bundle).toMatchObject({
      ...{ level: null, drift: null, verdict: 'NO_GO' },
      evidence: { profitUsdt: null, meanConfidence: null, memoryBytesMax: null, barsDecided: 288 },
    });
    expect(bundle.results.find(({ criterion }) => criterion === 'profit')).toEqual({
      ...{ criterion: 'profit', status: 'unknown', value: null },
    });
    expect(read(pack({ profitUsdt: 0 })).evidence.profitUsdt).toBe(0);
  });

  it('lies under its time and the first digits of its hash', () => {
    const { reference, body } = pack();
    expect(reference.sha256).toBe(sha256Of(body));
    expect(reference.key).toBe(`evidence/2024-08-06T120010.007Z-${reference.sha256.slice(0, 12)}.json`);
  });

  it('is written once', async () => {
    const objects = createMemoryObjectStore({ versioned: true });
    const packed = pack();
    await objects.put(packed.reference.key, Buffer.from('there'));
    await storeEvidence(objects, packed);
    expect(Buffer.from((await objects.get(packed.reference.key))!.body).toString()).toBe('there');
  });
});

describe('the proof of a bundle', () => {
  /** What is said of these bytes, under the key and hash that they would have. */
  async function verify(
    body: Uint8Array,
    { key, sha256 }: { key?: string; sha256?: string | undefined } = {},
  ) {
    const objects = createMemoryObjectStore({ versioned: true });
    const hash = sha256Of(body);
    const at = key ?? `evidence/x-${hash.slice(0, 12)}.json`;
    await objects.put(at, body);
    return verifyEvidence(objects, { key: at, sha256 });
  }
  const store = async (packed = pack()) => {
    const objects = createMemoryObjectStore({ versioned: true });
    await storeEvidence(objects, packed);
    return { objects, ...packed.reference, bundle: read(packed) };
  };
  const forge = (change: (bundle: Record<string, unknown>) => void) => {
    const bundle = structuredClone(read(pack())) as unknown as Record<string, unknown>;
    change(bundle);
    return encodeJson(bundle);
  };

  it('is its hash, or the digits of it in the key, and that its verdict follows', async () => {
    const { objects, key, sha256, bundle } = await store();
    expect(await verifyEvidence(objects, { key, sha256 })).toEqual({ ok: true, value: bundle });
    expect(await verifyEvidence(objects, { key, sha256: undefined })).toEqual({ ok: true, value: bundle });
    const unmeasured = await store(pack({ profitUsdt: undefined }));
    expect(await verifyEvidence(unmeasured.objects, unmeasured)).toEqual({
      ok: true,
      value: unmeasured.bundle,
    });
  });

  it('fails under another hash, and under a key of other digits', async () => {
    const { objects, key, sha256 } = await store();
    const wrong = `${sha256.slice(0, 63)}${sha256.endsWith('0') ? '1' : '0'}`;
    expect(await verifyEvidence(objects, { key, sha256: wrong })).toEqual({
      ok: false,
      error: `${key} was changed: its sha256 begins ${sha256.slice(0, 12)}`,
    });
    expect(await verify(pack().body, { key: 'evidence/x-000000000000.json' })).toMatchObject({ ok: false });
  });

  it('fails under a key that is none of evidence', async () => {
    const { body } = pack();
    const digits = sha256Of(body).slice(0, 12);
    for (const key of [
      `other/x-${digits}.json`,
      `an/evidence/x-${digits}.json`,
      `evidence/a/x-${digits}.json`,
      `evidence/-${digits}.json`,
      `evidence/x-${digits.slice(1)}.json`,
      `evidence/x-${digits}xjson`,
      `evidence/x-${digits}.json.bak`,
      `evidence/x-${digits.toUpperCase()}.JSON`,
    ])
      expect(await verify(body, { key })).toEqual({ ok: false, error: `${key} is not a key of evidence` });
  });

  it('fails where there is nothing under the key', async () => {
    const { key, sha256 } = pack().reference;
    const objects = createMemoryObjectStore({ versioned: true });
    expect(await verifyEvidence(objects, { key, sha256 })).toEqual({
      ok: false,
      error: `${key} is not in the store`,
    });
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['are no JSON', Buffer.from('{'), /is not evidence: {2}is not JSON$/],
    ['lack a part', forge((bundle) => delete bundle.window), /is not evidence: window /],
    [
      'lack a figure',
      forge((bundle) => delete (bundle.evidence as Record<string, unknown>).profitUsdt),
      /is not evidence: evidence\.profitUsdt /,
    ],
    [
      'have a part that nobody knows',
      forge((bundle) => Object.assign(bundle, { more: 1 })),
      /is not evidence: .*more/,
    ],
    [
      'have a figure that nobody knows',
      forge((bundle) => Object.assign(bundle.evidence as object, { more: 1 })),
      /is not evidence: evidence .*more/,
    ],
    [
      'are of another version',
      forge((bundle) => Object.assign(bundle, { schemaVersion: 2 })),
      /schemaVersion/,
    ],
    ['are of no known level', forge((bundle) => Object.assign(bundle, { level: 'ALL' })), /level/],
    [
      'say otherwise than their evidence',
      forge((bundle) => Object.assign(bundle.evidence as object, { profitUsdt: -1 })),
      /says GO, but its evidence says NO_GO$/,
    ],
    [
      'say NO_GO of what would be a GO',
      forge((bundle) => Object.assign(bundle, { verdict: 'NO_GO' })),
      /says NO_GO, but its evidence says GO$/,
    ],
  ])('fails where the bytes %s', async (_name, body, message) => {
    const proven = await verify(body);
    expect(proven.ok ? 'proven' : proven.error).toMatch(message);
  });

  it('takes a bundle of before drift was watched', async () => {
    expect(await verify(forge((bundle) => delete bundle.drift))).toMatchObject({ ok: true });
  });
});
