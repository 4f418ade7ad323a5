// Stored documents, events and requests, damaged in every way: taken only as what they say they are, else refused in one line or by a
// refusal of their own.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { API_ROUTES, type ApiRouteName } from '../../lib/api/api-contract.ts';
import { ApiRefusal, type ApiRefusal as Refusal } from '../../lib/api/api-error.ts';
import { findRoute, readInput } from '../../lib/api/read-request.ts';
import { featureProfileKey, featureProfileSchema } from '../../lib/features/feature-profile.ts';
import { executeEventSchema, inferEventSchema } from '../../lib/inference/infer-events.ts';
import { universeSchema } from '../../lib/market/universe.ts';
import { ensembleSchema, pointerSchema, shadowSchema } from '../../lib/models/ensemble.ts';
import { decodeGoldenVectors } from '../../lib/models/golden-vectors.ts';
import { manifestSchema } from '../../lib/models/manifest.ts';
import {
  parseEnsemble,
  parseFeatureProfile,
  parseManifest,
  parsePointer,
  parsePolicyManifest,
  parseQuarantine,
  parseShadow,
} from '../../lib/models/parse-document.ts';
import { policyManifestKey } from '../../lib/models/sizing-policy.ts';
import { FLAG_NAMES, FLAGS, parseFlags } from '../../lib/risk/flags.ts';
import { reportGoNoGo } from '../../lib/rollout/use-cases/assess-rollout.ts';
import { verifyEvidence } from '../../lib/rollout/use-cases/evidence-bundle.ts';
import { expectCheap } from '../support/expect-cheap.ts';
import { writePolicy } from '../support/models/build-policy.ts';
import { createMemoryObjectStore } from '../support/models/memory-object-store.ts';
import { goodDay, memoryStores, NOW_MS, record } from '../support/trading/paper-day.ts';
import { damaged, damagedBytes, overflowing } from './damage.ts';

const STARTER = resolve(import.meta.dirname, '../../models/starter');
const starter = (path: string): unknown => JSON.parse(readFileSync(join(STARTER, path), 'utf8'));
const pointer = pointerSchema.parse(starter('ensembles/current.json'));
const ensemble = ensembleSchema.parse(starter(`ensembles/${pointer.ensembleId}.json`));
const [member] = ensemble.members;
const manifest = manifestSchema.parse(starter(`models/${member!.name}/${member!.version}/manifest.json`));
/** Of a size that can be damaged thousands of times. */
const smallManifest = {
  ...manifest,
  goldenVectors: {
    ...manifest.goldenVectors,
    inputsBase64: manifest.goldenVectors.inputsBase64.slice(0, 400),
  },
  metrics: { ...manifest.metrics, folds: manifest.metrics.folds.slice(0, 1) },
};
const stored = createMemoryObjectStore({ versioned: false });
const { body: policyBytes } = (await stored.get(policyManifestKey(await writePolicy(stored))))!;
const policy: unknown = JSON.parse(Buffer.from(policyBytes).toString());
const profile = featureProfileSchema.parse(starter(featureProfileKey(ensemble.id)));
const quarantine = {
  schemaVersion: 1,
  name: 'xgboost',
  version: 'v20240728_000000',
  state: 'quarantined',
  reason: 'drifted',
  by: 'ada',
  atMs: NOW_MS,
  audit: 'audit/1',
};

type Parse = (
  bytes: Uint8Array,
  subject: string,
) => { ok: true; value: unknown } | { ok: false; error: string };

const DOCUMENTS: Readonly<Record<string, readonly [document: unknown, parse: Parse]>> = {
  'a manifest': [
    smallManifest,
    (bytes, subject) => {
      const parsed = parseManifest(bytes, subject);
      // What was taken may still be no golden vectors: said, not thrown.
      if (parsed.ok) decodeGoldenVectors(parsed.value);
      return parsed;
    },
  ],
  'an ensemble': [ensemble, parseEnsemble],
  'a pointer': [pointer, parsePointer],
  'a shadow': [shadowSchema.parse({ ensembleId: ensemble.id, audit: 'audit/1' }), parseShadow],
  'a quarantine': [quarantine, parseQuarantine],
  'a profile': [profile, parseFeatureProfile],
  'a policy': [policy, parsePolicyManifest],
};

describe.each(Object.entries(DOCUMENTS))('%s', (_, [document, parse]) => {
  const expectJudged = (bytes: Uint8Array) => {
    const parsed = parse(bytes, 'document');
    if (!parsed.ok) {
      expect(parsed.error).toMatch(/^document: [^\n]+$/);
      expect(parsed.error.length).toBeLessThan(120_000);
      return;
    }
    // What is taken is taken again, as the same.
    expect(parse(Buffer.from(JSON.stringify(parsed.value)), 'document')).toEqual(parsed);
  };

  it('is taken as it is', () => {
    expect(parse(Buffer.from(JSON.stringify(document)), 'document')).toEqual({ ok: true, value: document });
  });

  it('with values damaged is refused in one line, or is one', async () => {
    await expectCheap(() =>
      fc.assert(
        fc.property(damaged(document), (changed) => expectJudged(Buffer.from(JSON.stringify(changed) ?? ''))),
        { numRuns: 500 },
      ),
    );
  });

  it('with a number beyond what a double holds is refused, wherever it stands', () => {
    for (const text of overflowing(document)) {
      const where = text.slice(0, text.indexOf('1e999')).slice(-40);
      expect(parse(Buffer.from(text), 'document').ok, where).toBe(false);
    }
  });

  it('with unknown fields nested without end is refused', () => {
    const nested = `{"more":${'['.repeat(50_000)}${']'.repeat(50_000)},`;
    const text = JSON.stringify(document);
    for (const { index } of text.matchAll(/\{/g)) {
      const { ok } = parse(
        Buffer.from(`${text.slice(0, index)}${nested}${text.slice(index + 1)}`),
        'document',
      );
      expect(ok).toBe(false);
    }
  });

  it('with bytes damaged or cut off is too', () => {
    fc.assert(fc.property(damagedBytes(Buffer.from(JSON.stringify(document))), expectJudged), {
      numRuns: 300,
    });
  });
});

it('a universe holds symbols only, each once', () => {
  const universe = { schemaVersion: 1, asOf: '2024-08-05', symbols: ['BTCUSDT', 'ETHUSDT'] };
  expect(universeSchema.safeParse(universe).success).toBe(true);
  fc.assert(
    fc.property(damaged(universe), (changed) => {
      const parsed = universeSchema.safeParse(changed);
      if (!parsed.success) return;
      expect(new Set(parsed.data.symbols).size).toBe(parsed.data.symbols.length);
      for (const symbol of parsed.data.symbols) expect(symbol).toMatch(/^[A-Z0-9]+USDT$/);
    }),
    { numRuns: 1_000 },
  );
});

it('evidence with any byte changed proves nothing', async () => {
  const stores = memoryStores();
  await record(goodDay(), stores);
  const { stored } = await reportGoNoGo(stores, { hours: 24, nowMs: NOW_MS });
  const { body } = (await stores.objects.get(stored.key))!;
  expect(await verifyEvidence(stores.objects, stored)).toMatchObject({ ok: true });
  await fc.assert(
    fc.asyncProperty(damagedBytes(body), async (changed) => {
      fc.pre(Buffer.compare(changed, body) !== 0);
      await stores.objects.put(stored.key, changed);
      expect(await verifyEvidence(stores.objects, stored)).toMatchObject({ ok: false });
      expect(await verifyEvidence(stores.objects, { ...stored, sha256: undefined })).toMatchObject({
        ok: false,
      });
    }),
    { numRuns: 300 },
  );
});

it('a flag is open by its exact text alone', () => {
  const near = fc.constantFrom(
    'true',
    'True',
    'true ',
    ' true',
    'true\n',
    'TRUE',
    '1',
    'yes',
    'trueish',
    'tru',
    'ｔrue',
    'true\0',
  );
  const texts = fc.record(Object.fromEntries(FLAG_NAMES.map((name) => [name, fc.oneof(near, fc.string())])));
  fc.assert(
    fc.property(texts, (given) => {
      const states = parseFlags(
        new Map(
          Object.entries(given).map(([name, text]) => [name, { kind: 'text' as const, text: String(text) }]),
        ),
      );
      for (const name of FLAG_NAMES) {
        const state = states[name];
        if (FLAGS[name].kind === 'boolean')
          expect(state.state === 'value' && state.value === true).toBe(given[name] === 'true');
        else if (state.state === 'value') expect(Number(given[name])).toBe(state.value);
      }
    }),
    { numRuns: 1_000 },
  );
});

describe('an event', () => {
  const decided = {
    barOpenTimeMs: NOW_MS - (NOW_MS % 300_000),
    ...{ shard: 0, shardCount: 1, ensembleId: ensemble.id, featureSetHash: ensemble.featureSetHash },
    ...{ written: 1, alreadyDecided: 0, symbols: ['BTCUSDT'] },
  };
  it.each([
    ['that starts infer', { shard: 1, shardCount: 3 }, inferEventSchema],
    ['that starts execute', decided, executeEventSchema],
    [
      'that starts execute, as Lambda wraps it',
      { version: '1.0', responsePayload: decided },
      executeEventSchema,
    ],
  ] as const)('%s is refused, or names a shard that there is', (_, event, schema) => {
    expect(schema.safeParse(event).success).toBe(true);
    fc.assert(
      fc.property(fc.oneof(damaged(event), fc.anything()), (changed) => {
        const parsed = (schema as z.ZodType).safeParse(changed);
        if (!parsed.success) return;
        const { shard, shardCount } = z.object({ shard: z.int(), shardCount: z.int() }).parse(parsed.data);
        expect(shard >= 0 && shardCount >= 1 && shardCount <= 100).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('a request of the API', () => {
  const body = fc.oneof(
    damaged({ reason: 'a drill', keepPositions: false }).map((value) => JSON.stringify(value) ?? ''),
    damaged({ action: 'flags_set', name: 'EMERGENCY_MODE', text: 'true' }).map(
      (value) => JSON.stringify(value) ?? '',
    ),
    fc.string({ maxLength: 5_000 }),
    fc.constantFrom('{"__proto__":1}', '['.repeat(4_000), '\u0000'),
  );
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom('500', '-1', '1e9', 'NaN', 'BTCUSDT', '../..', 'paper', '2024-08-05T00:00Z'),
  );
  const request = fc.record({
    method: fc.constantFrom('GET', 'POST', 'get', 'PUT', 'OPTIONS', ''),
    path: fc.oneof(
      fc.constantFrom(...Object.values(API_ROUTES).map(({ path }) => path as string)),
      fc.constantFrom('/api/status/', '/x/../api/status', '//api/status', '/API/STATUS'),
      fc.string(),
    ),
    query: fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('count', 'symbol', 'scope', 'from', 'to', 'before')),
      word,
    ),
    headers: fc.record({
      'content-type': fc.oneof(fc.constantFrom('application/json', 'application/jsonp', ''), fc.string()),
    }),
    body,
  });
  const rest = {
    sourceIp: '127.0.0.1',
    requestId: 'r',
    origin: 'http://127.0.0.1:1',
    iamPrincipal: undefined,
  };

  it('is routed by its exact path and method, and refused with a reason where it is not as the contract says', () => {
    const seen = new Set<ApiRouteName>();
    fc.assert(
      fc.property(request, (asked) => {
        try {
          const name = findRoute(asked);
          expect(API_ROUTES[name].path).toBe(asked.path);
          readInput(name, { ...asked, ...rest });
          seen.add(name);
        } catch (error) {
          if (!(error instanceof ApiRefusal)) throw error;
          expect((error satisfies Refusal).message).not.toContain('\n');
        }
      }),
      { numRuns: 5_000 },
    );
    expect(seen.size).toBeGreaterThan(3);
  });
});
