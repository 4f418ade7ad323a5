// Prepares the embedded services for the local run: tables, bucket, flags, and the starter ensemble where none is in force yet.
// What stands there already, an operator's flags and promotions above all, stays; what has expired goes, bit by bit.
import { createClients, type ServiceEndpoints } from '../../adapters/aws/create-clients.ts';
import { deleteExpiredItems } from '../../adapters/aws/dynamodb/delete-expired-items.ts';
import { ensureLocalResources, RISK_TABLE, SIGNALS_TABLE } from '../../adapters/aws/resources.ts';
import { createFolderObjectStore } from '../../adapters/files/folder-object-store.ts';
import { createOnnxModelRuntime } from '../../adapters/onnx/onnx-model-runtime.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { StoreError } from '../../core/store-error.ts';
import { copyEnsemble } from '../../models/use-cases/copy-ensemble.ts';
import { readCurrentEnsemble } from '../../models/use-cases/read-ensemble.ts';
import { LOCAL_BUCKET, LOCAL_STAGE, resourcesOfStage } from '../config/stage.ts';
import { STARTER_MODELS_FOLDER } from '../config/starter-models.ts';

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
    throw new StoreError(`the starter models cannot be used: ${copied.error.message}`, { retryable: false });
  const current = await readCurrentEnsemble(objects);
  if (!current.ok) return `no ensemble is in force: ${current.error.message}`;
  const { id } = current.value.ensemble;
  return id === copied.value.ensembleId
    ? undefined
    : `ensemble ${id} is in force (the starter is ${copied.value.ensembleId})`;
}

const HOUR_MS = 3_600_000;
/** A part of the tables every hour, all of them in a week: no hour costs much, and a restart loses nothing. */
const PARTS = 7 * 24;

/** Deletes what has expired from the part of the tables whose turn it is in this hour. Throws StoreError. */
export async function expireLocalItems(endpoints: ServiceEndpoints, nowMs: number): Promise<void> {
  const clients = createClients(endpoints);
  const { signalsTable, riskTable } = resourcesOfStage(LOCAL_STAGE);
  const part = { index: Math.floor(nowMs / HOUR_MS) % PARTS, of: PARTS };
  try {
    for (const [name, definition] of [
      [signalsTable, SIGNALS_TABLE],
      [riskTable, RISK_TABLE],
    ] as const)
      await deleteExpiredItems(clients.dynamodb, { name, definition }, { nowMs, part });
  } finally {
    clients.close();
  }
}
