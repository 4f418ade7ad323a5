// The active universe: one object in the store. While it is unreadable or malformed nothing is inferred, and infer fails.
import type * as z from 'zod';
import { encodeJson } from '../../core/json.ts';
import type { ObjectStore, WriteCondition } from '../../core/ports.ts';
import { StoreError } from '../../core/store-error.ts';
import {
  UNIVERSE_KEY,
  type Universe,
  type UniverseChange,
  universeChangeKey,
  universeChangeSchema,
  universeSchema,
} from '../universe.ts';

/** Throws StoreError with one line: what is wrong and what to do. */
export async function readUniverse(store: ObjectStore): Promise<Universe> {
  const stored = await readStoredUniverse(store);
  if (stored !== undefined) return stored.universe;
  throw new StoreError(
    `there is no ${UNIVERSE_KEY} in the store: run qtrader universe refresh to choose one`,
    {
      retryable: false,
    },
  );
}

/** With the write condition that fails when someone else has changed it; undefined when there is none. Throws StoreError. */
export async function readStoredUniverse(
  store: ObjectStore,
): Promise<{ readonly universe: Universe; readonly condition: WriteCondition } | undefined> {
  const object = await store.get(UNIVERSE_KEY);
  if (object === undefined) return undefined;
  const universe = parse(universeSchema, UNIVERSE_KEY, object.body);
  return { universe, condition: { ifMatch: object.etag } };
}

/** Why the universe is what it is; undefined for one that was named and not chosen. Throws StoreError. */
export async function readUniverseChange(
  store: ObjectStore,
  { change: key }: Universe,
): Promise<UniverseChange | undefined> {
  const object = key === undefined ? undefined : await store.get(key);
  return object === undefined ? undefined : parse(universeChangeSchema, object.key, object.body);
}

/** @param condition without one it replaces whatever is there */
export async function writeUniverse(
  store: ObjectStore,
  universe: Universe,
  condition?: WriteCondition,
): Promise<'stored' | 'conflict'> {
  return (await store.put(UNIVERSE_KEY, encodeJson(universe), condition)).outcome;
}

/** A change is written once: `conflict` when there is one of the same time. */
export async function writeUniverseChange(
  store: ObjectStore,
  change: UniverseChange,
): Promise<'stored' | 'conflict'> {
  return (await store.put(universeChangeKey(change.atMs), encodeJson(change), { ifAbsent: true })).outcome;
}

function parse<T>(schema: z.ZodType<T>, key: string, bytes: Uint8Array): T {
  const parsed = schema.safeParse(parseJson(key, bytes));
  if (parsed.success) return parsed.data;
  throw new StoreError(`${key} is malformed: ${parsed.error.issues[0]?.message}`, {
    cause: parsed.error,
    retryable: false,
  });
}

function parseJson(key: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw new StoreError(`${key} is not JSON`, { cause: error, retryable: false });
  }
}
