// The starter ensemble with a lower threshold: on recorded days its own lets hardly a signal act, and a rehearsal needs
// positions. The models, their votes and everything that follows are the real ones; only the profit is then not to be expected.
import type { ObjectStore } from '../../lib/core/ports.ts';
import { ensembleKey } from '../../lib/models/ensemble.ts';
import { readCurrentEnsemble } from '../../lib/models/use-cases/read-ensemble.ts';

/** The same store, in which the active ensemble acts from this expected edge on. Throws when it has none. */
export async function withActingEnsemble(store: ObjectStore, edgeThresholdBps: number): Promise<ObjectStore> {
  const current = await readCurrentEnsemble(store);
  if (!current.ok) throw new Error(current.error.message);
  const { ensemble } = current.value;
  const key = ensembleKey(ensemble.id);
  const body = new TextEncoder().encode(JSON.stringify({ ...ensemble, edgeThresholdBps }));
  return {
    ...store,
    get: async (asked, versionId) => {
      const stored = await store.get(asked, versionId);
      return stored !== undefined && asked === key ? { ...stored, body } : stored;
    },
  };
}
