// Prepares the embedded services for the local run: tables, bucket, flags, and the starter ensemble where none is in force yet.
// What stands there already, an operator's flags and promotions above all, stays.
import { createClients, type ServiceEndpoints } from '../adapters/aws/create-clients.ts';
import { ensureLocalResources } from '../adapters/aws/resources.ts';
import { createFolderObjectStore } from '../adapters/files/folder-object-store.ts';
import { createOnnxModelRuntime } from '../adapters/onnx/onnx-model-runtime.ts';
import { copyEnsemble } from '../app/model-registry.ts';
import { type ObjectStore, StoreError } from '../app/ports.ts';
import { readCurrentEnsemble } from '../app/read-ensemble.ts';
import { LOCAL_BUCKET, LOCAL_STAGE, resourcesOfStage } from './stage.ts';
import { STARTER_MODELS_FOLDER } from './starter-models.ts';

/** @returns one line when another ensemble than the starter is in force. Throws StoreError. */
export async function prepareLocalStage(
  endpoints: ServiceEndpoints,
  objects: ObjectStore,
): Promise<string | undefined> {
  const clients = createClients(endpoints);
  try {
    const { signalsTable, riskTable } = resourcesOfStage(LOCAL_STAGE);
    await ensureLocalResources(clients, {
      bucket: LOCAL_BUCKET,
      signalsTable,
      riskTable,
      stage: LOCAL_STAGE,
    });
  } finally {
    clients.close();
  }
  const copied = await copyEnsemble({
    from: createFolderObjectStore(STARTER_MODELS_FOLDER),
    to: objects,
    runtime: createOnnxModelRuntime(),
    pointer: 'set_first',
  });
  if (!copied.ok)
    throw new StoreError(`the starter models cannot be used: ${copied.error.detail}`, { retryable: false });
  const current = await readCurrentEnsemble(objects);
  if (!current.ok) return `no ensemble is in force: ${current.error.detail}`;
  const { id } = current.value.ensemble;
  return id === copied.value.ensembleId
    ? undefined
    : `ensemble ${id} is in force (the starter is ${copied.value.ensembleId})`;
}
