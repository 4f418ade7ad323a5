// Which symbols are traded, and what the newest change of them was.
import * as z from 'zod';
import type { ObjectStore } from '../../core/ports.ts';
import { universeChangeSchema, universeSchema } from '../../market/universe.ts';
import { readStoredUniverse, readUniverseChange } from '../../market/use-cases/active-universe.ts';

export const universeAnswerSchema = z.strictObject({
  universe: universeSchema.nullable().describe('null: none was ever chosen.'),
  change: universeChangeSchema.nullable().describe('null: no refresh has changed it.'),
});

/** Throws StoreError. */
export async function readUniverseState(objects: ObjectStore): Promise<z.infer<typeof universeAnswerSchema>> {
  const stored = await readStoredUniverse(objects);
  if (stored === undefined) return { universe: null, change: null };
  const { universe } = stored;
  return { universe, change: (await readUniverseChange(objects, universe)) ?? null };
}
