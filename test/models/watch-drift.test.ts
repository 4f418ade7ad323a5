// What stops a measurement of drift halfway: a store that fails has a reason, a defect is not taken for one.
import { expect, test } from 'vitest';
import { createRecordedMarket } from '../../lib/adapters/files/folder-market-data.ts';
import type { ObjectStore } from '../../lib/core/ports.ts';
import { failure } from '../../lib/core/result.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import { writeUniverse } from '../../lib/market/use-cases/active-universe.ts';
import type { DriftRecord } from '../../lib/models/drift-record.ts';
import { watchDrift } from '../../lib/models/use-cases/watch-drift.ts';
import { buildModelFolder } from '../support/models/build-model-folder.ts';
import { createMemoryObjectStore } from '../support/models/memory-object-store.ts';

const NOW_MS = Date.UTC(2024, 7, 6, 12, 7);

const PREFIXES = ['universe/', 'profiles/'] as const;

async function watchWith(error: Error, prefix: (typeof PREFIXES)[number]) {
  const objects = createMemoryObjectStore({ versioned: false });
  await buildModelFolder({ store: objects });
  await writeUniverse(objects, { schemaVersion: 1, asOf: '2024-08-06', symbols: ['AUSDT'] });
  const failing: ObjectStore = {
    ...objects,
    get: (key) => (key.startsWith(prefix) ? Promise.reject(error) : objects.get(key)),
  };
  const clock = { nowMs: () => NOW_MS };
  const market = createRecordedMarket({ symbols: [], read: async () => failure('none') }, clock);
  const kept: DriftRecord[] = [];
  const log = { append: async (record: DriftRecord) => kept.push(record) };
  const watched = watchDrift({ market, objects: failing, log, clock, draws: () => () => 0 });
  return { watched, kept };
}

test.each(PREFIXES)('a store that breaks off at %s is a reason, and is on record', async (prefix) => {
  const { watched, kept } = await watchWith(new StoreError('503 from S3', { retryable: true }), prefix);
  expect(await watched).toEqual({
    outcome: 'unmeasured',
    atMs: NOW_MS,
    code: 'store_unavailable',
    message: '503 from S3',
  });
  expect(kept).toEqual([await watched]);
});

test.each(PREFIXES)('a defect at %s fails the run', async (prefix) => {
  const { watched, kept } = await watchWith(new TypeError('a defect'), prefix);
  await expect(watched).rejects.toThrow('a defect');
  expect(kept).toEqual([]);
});
