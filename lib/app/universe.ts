// The universe in force: one object in the store. Unreadable or malformed means that nothing is inferred, and says so.
import { UNIVERSE_KEY, type Universe, universeSchema } from '../market/universe.ts';
import { type ObjectStore, StoreError } from './ports.ts';

/** Throws StoreError with one line of what is wrong. */
export async function readUniverse(store: ObjectStore): Promise<Universe> {
  const object = await store.get(UNIVERSE_KEY);
  if (object === undefined)
    throw new StoreError(`there is no ${UNIVERSE_KEY} in the store`, { retryable: false });
  const parsed = universeSchema.safeParse(parseJson(object.body));
  if (!parsed.success)
    throw new StoreError(`${UNIVERSE_KEY} is malformed: ${parsed.error.issues[0]?.message}`, {
      cause: parsed.error,
      retryable: false,
    });
  return parsed.data;
}

export async function writeUniverse(store: ObjectStore, universe: Universe): Promise<void> {
  await store.put(UNIVERSE_KEY, Buffer.from(`${JSON.stringify(universe, null, 2)}\n`));
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw new StoreError(`${UNIVERSE_KEY} is not JSON`, { cause: error, retryable: false });
  }
}
