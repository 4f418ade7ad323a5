// Use case: bring the candles that a stage has collected into a folder, where every command over recorded candles reads them.

import type { ObjectStore } from '../../core/ports.ts';
import { COLLECTED_PREFIX } from './collected-candles.ts';

/** Symbols at once: bounds memory to some MB without waiting for each answer. */
const BATCH = 4;

/**
 * Copies byte for byte; a reader reports a damaged file, also when a collection was running meanwhile. Throws StoreError.
 * @returns how many files there are
 */
export async function copyCollected(
  from: Pick<ObjectStore, 'list' | 'get'>,
  to: Pick<ObjectStore, 'put'>,
): Promise<number> {
  const keys = (await from.list(COLLECTED_PREFIX)).map(({ key }) => key);
  const copy = async (key: string) => {
    const object = await from.get(key);
    if (object !== undefined) await to.put(key, object.body);
  };
  // A manifest after its symbol's files: it also lists the file that is being replaced, and files without a manifest do not count.
  const isManifest = (key: string) => key.endsWith('/manifest.json');
  const copySymbol = async (folder: string) => {
    const ofSymbol = keys.filter((key) => folderOf(key) === folder);
    await Promise.all(ofSymbol.filter((key) => !isManifest(key)).map(copy));
    await Promise.all(ofSymbol.filter(isManifest).map(copy));
  };
  const folders = [...new Set(keys.map(folderOf))];
  for (let start = 0; start < folders.length; start += BATCH)
    await Promise.all(folders.slice(start, start + BATCH).map(copySymbol));
  return keys.length;
}

const folderOf = (key: string): string => key.slice(0, key.lastIndexOf('/'));
