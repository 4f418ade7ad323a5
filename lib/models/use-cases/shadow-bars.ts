// Where a shadow's decisions are stored, and how many there are.
import type { ObjectStore } from '../../core/ports.ts';

/** Prefix of all that one ensemble decided as a shadow. */
export const shadowPrefix = (ensembleId: string): string => `shadow/${ensembleId}/`;

/** How many bars (times shards) an ensemble has decided as a shadow. Throws StoreError. */
export async function countShadowBars(store: ObjectStore, ensembleId: string): Promise<number> {
  return (await store.list(shadowPrefix(ensembleId))).length;
}
