// Use case: bring the candles that a stage has collected into a folder, where every command over recorded candles reads them.
import { COLLECTED_PREFIX } from './collected-candles.ts';
import type { ObjectStore } from './ports.ts';

/** Of files that are fetched at once: some MB of memory, and no longer a wait for each answer. */
const BATCH = 16;

/**
 * Copies byte for byte; what is wrong with a file its reader says. Throws StoreError.
 * @returns how many files there are
 */
export async function copyCollected(
  from: Pick<ObjectStore, 'list' | 'get'>,
  to: Pick<ObjectStore, 'put'>,
): Promise<number> {
  const listed = await from.list(COLLECTED_PREFIX);
  // Files before their manifest, which vouches for the file that it replaces as well: a collection that runs does no harm.
  const keys = listed.map(({ key }) => key).sort((a, b) => (a < b ? 1 : -1));
  for (let start = 0; start < keys.length; start += BATCH)
    await Promise.all(
      keys.slice(start, start + BATCH).map(async (key) => {
        const object = await from.get(key);
        if (object !== undefined) await to.put(key, object.body);
      }),
    );
  return keys.length;
}
