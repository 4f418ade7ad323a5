// A candidate in shadow: it sees what the active ensemble sees, its decisions are kept, and nothing it does is noticed.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFolderMarketData } from '../../lib/adapters/files/folder-market-data.ts';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { createOnnxModelRuntime } from '../../lib/adapters/onnx/onnx-model-runtime.ts';
import type { ObjectStore } from '../../lib/core/ports.ts';
import { inferRunSchema } from '../../lib/inference/infer-run.ts';
import type { SignalStore } from '../../lib/inference/ports.ts';
import { signalSchema } from '../../lib/inference/signal.ts';
import { infer } from '../../lib/inference/use-cases/infer.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { createCandleWindows } from '../../lib/market/use-cases/candle-windows.ts';
import { ensembleKey, modelKey, POINTER_KEY, SHADOW_KEY } from '../../lib/models/ensemble.ts';
import type { ModelRuntime } from '../../lib/models/ports.ts';
import { createEnsembleProvider, type EnsembleProvider } from '../../lib/models/use-cases/load-ensemble.ts';
import { randomWalk, WALK_START_MS } from '../support/market/random-walk.ts';
import { buildModelFolder, DEFAULT_MEMBERS, toJson } from '../support/models/build-model-folder.ts';
import { createMemoryObjectStore, type MemoryObjectStore } from '../support/models/memory-object-store.ts';

const CHAMPION = 'e20240801_000000';
const SHADOW = 'e20240802_000000';
const BARS = 1_000;
const BAR = WALK_START_MS + (BARS - 1) * BAR_MS;
const SYMBOLS = ['AAAUSDT', 'BBUSDT', 'CUSDT'];
const RECORD = `shadow/${SHADOW}/${BAR}-0-of-1.json`;

let store: MemoryObjectStore;
let signals: SignalStore;
let sessions: { open: number; runtime: ModelRuntime };
let provider: EnsembleProvider;

function countedRuntime() {
  const onnx = createOnnxModelRuntime();
  const counted = {
    open: 0,
    runtime: {
      async createSession(model) {
        const created = await onnx.createSession(model);
        if (!created.ok) return created;
        counted.open++;
        const { answers, release } = created.value;
        const countedRelease = () => {
          counted.open--;
          return release();
        };
        return { ok: true, value: { answers, release: countedRelease } };
      },
    } satisfies ModelRuntime,
  };
  return counted;
}

const publish = (id: string, gain: number) =>
  buildModelFolder({
    store,
    members: DEFAULT_MEMBERS.map((member) => ({ ...member, gain, version: `v${id.slice(1)}` })),
    ensemble: { id },
  });
async function point({ ensembleId, shadow }: { ensembleId: string; shadow: string }) {
  await store.put(POINTER_KEY, toJson({ ensembleId }));
  await store.put(SHADOW_KEY, toJson({ ensembleId: shadow, audit: 'audit/models/1.json' }));
}

beforeEach(async () => {
  store = createMemoryObjectStore({ versioned: true });
  signals = createMemorySignalStore();
  sessions = countedRuntime();
  provider = createEnsembleProvider({ store, runtime: sessions.runtime });
  await publish(CHAMPION, 0.1);
  // It leans the other way at every RSI.
  await publish(SHADOW, -0.1);
  await point({ ensembleId: CHAMPION, shadow: SHADOW });
});
afterEach(async () => {
  await provider.close();
  expect(sessions.open, 'every session is released').toBe(0);
});

const folder = {
  symbols: SYMBOLS,
  read: async (symbol: string) => ({
    ok: true as const,
    value: randomWalk({ seed: symbol.length, bars: BARS }),
  }),
};

const market = createFolderMarketData(folder, BAR + BAR_MS);

const run = (options: { ensembles?: EnsembleProvider; shadowRecords?: ObjectStore | undefined } = {}) =>
  infer(
    {
      market,
      windows: createCandleWindows(market),
      ensembles: provider,
      signals,
      clock: { nowMs: () => BAR + BAR_MS },
      stopwatchMs: () => 0,
      residentBytes: () => 1,
      codeVersion: 'local',
      shadowRecords: store,
      ...options,
    },
    { symbols: SYMBOLS, shard: 0, shardCount: 1 },
  );

/** What the champion decides when nothing runs beside it. */
async function alone() {
  const lonely = createMemoryObjectStore({ versioned: true });
  await buildModelFolder({
    store: lonely,
    members: DEFAULT_MEMBERS.map((member) => ({ ...member, gain: 0.1, version: `v${CHAMPION.slice(1)}` })),
    ensemble: { id: CHAMPION },
  });
  const ensembles = createEnsembleProvider({ store: lonely, runtime: createOnnxModelRuntime() });
  const outcome = await infer(
    {
      market,
      windows: createCandleWindows(market),
      ensembles,
      signals: createMemorySignalStore(),
      clock: { nowMs: () => BAR + BAR_MS },
      stopwatchMs: () => 0,
      residentBytes: () => 1,
      codeVersion: 'local',
    },
    { symbols: SYMBOLS, shard: 0, shardCount: 1 },
  );
  await ensembles.close();
  return outcome;
}

const readRecord = async () => JSON.parse(new TextDecoder().decode((await store.get(RECORD))!.body));

test('its votes are recorded and not counted: the active ensemble decides as if it were alone', async () => {
  const expected = await alone();
  const outcome = await run();
  expect(outcome.signals).toEqual(expected.signals);
  expect(outcome.signals).toHaveLength(SYMBOLS.length);
  const { shadow, ...rest } = outcome.run;
  expect(rest).toEqual(expected.run);
  expect(shadow).toEqual({
    ensembleId: SHADOW,
    failed: null,
    signals: 3,
    agreement: expect.any(Number),
    quarantined: [],
  });
  expect(inferRunSchema.parse(outcome.run)).toEqual(outcome.run);
  expect(await signals.lastRuns({ shard: 0, shardCount: 1, count: 1 })).toEqual([outcome.run]);

  const record = await readRecord();
  expect(record).toMatchObject({ barOpenTimeMs: BAR, shard: 0, shardCount: 1, championEnsembleId: CHAMPION });
  expect(record.signals.map((signal: unknown) => signalSchema.parse(signal).symbol)).toEqual(SYMBOLS);
  for (const [index, signal] of outcome.signals.entries()) {
    const beside = record.signals[index];
    expect(beside.ensembleId).toBe(SHADOW);
    expect(beside.probabilities.buy).toBeCloseTo(signal.probabilities!.sell, 5);
  }
});

test('a repeated run changes nothing of what was recorded', async () => {
  await run();
  const before = await store.head(RECORD);
  await run();
  expect(await store.head(RECORD)).toEqual(before);
});

test.each<[string, () => Promise<unknown>, RegExp]>([
  ['it is not in the store', () => store.remove(ensembleKey(SHADOW)), /^ensemble_missing: /],
  [
    'it is HTML',
    () => store.put(ensembleKey(SHADOW), new TextEncoder().encode('<html>')),
    /^ensemble_invalid: /,
  ],
  ['it cannot be read', async () => store.failReadsOf(ensembleKey(SHADOW)), /^store_unavailable: /],
  ['who it is cannot be read', async () => store.failReadsOf(SHADOW_KEY), /^store_unavailable: /],
  [
    'who it is is HTML',
    () => store.put(SHADOW_KEY, new TextEncoder().encode('<html>')),
    /^pointer_invalid: /,
  ],
])('when %s, cold and warm, the active ensemble does not notice', async (_, harm, failed) => {
  const expected = await alone();
  await run();
  await harm();
  const cold = createEnsembleProvider({ store, runtime: sessions.runtime });
  for (const ensembles of [provider, cold]) {
    const outcome = await run({ ensembles });
    expect(outcome.signals).toEqual(expected.signals);
    expect(outcome.run.quarantined).toEqual([]);
    expect(outcome.run.shadow).toMatchObject({ failed: expect.stringMatching(failed), signals: 0 });
  }
  await cold.close();
});

test('a shadow whose models are damaged holds, and says which', async () => {
  for (const { name } of DEFAULT_MEMBERS)
    await store.put(modelKey({ name, version: `v${SHADOW.slice(1)}` }), new Uint8Array(9));
  const { run: record } = await run();
  expect(record.quarantined).toEqual([]);
  expect(record.shadow).toMatchObject({ failed: null, signals: 3 });
  expect(record.shadow!.quarantined.map(({ reason }) => reason)).toEqual(
    DEFAULT_MEMBERS.map(() => 'object_changed'),
  );
  expect((await readRecord()).signals[0]).toMatchObject({ action: 'HOLD', reasons: ['insufficient_models'] });
});

test('records that cannot be written are told, not thrown', async () => {
  const shadowRecords: ObjectStore = { ...store, put: () => Promise.reject(new Error('403\nForbidden')) };
  const outcome = await run({ shadowRecords });
  expect(outcome.run).toMatchObject({ written: 3, shadow: { failed: '403 Forbidden' } });
  expect((await run({ shadowRecords: undefined })).run.shadow).toMatchObject({ failed: null, signals: 3 });
});

test('promoted while it is warm it keeps its sessions; once active it is no shadow', async () => {
  await run();
  expect(sessions.open).toBe(8);
  await point({ ensembleId: SHADOW, shadow: SHADOW });
  let created = 0;
  const { createSession } = sessions.runtime;
  sessions.runtime.createSession = (model) => {
    created++;
    return createSession(model);
  };
  const { run: record } = await run();
  expect(record).toMatchObject({ ensembleId: SHADOW, alreadyDecided: 3 });
  expect(record).not.toHaveProperty('shadow');
  expect([created, sessions.open]).toEqual([0, 4]);
  await point({ ensembleId: CHAMPION, shadow: SHADOW });
  await run();
  expect([created, sessions.open]).toEqual([4, 8]);
});
