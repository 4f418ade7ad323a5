// Prepares the embedded services for the local run: tables, bucket, flags, and the starter ensemble if none is active yet. Existing
// state stays, above all an operator's flags and promotions; expired items are deleted in portions.

import type { ServiceEndpoints } from '../../adapters/aws/client-settings.ts';
import { createClients } from '../../adapters/aws/create-clients.ts';
import { deleteExpiredItems } from '../../adapters/aws/dynamodb/delete-expired-items.ts';
import { ensureLocalResources, RISK_TABLE, SIGNALS_TABLE } from '../../adapters/aws/resources.ts';
import { removeParameter } from '../../adapters/aws/ssm/remove-parameter.ts';
import { writeSecretParameter } from '../../adapters/aws/ssm/write-secret-parameter.ts';
import { createFolderObjectStore } from '../../adapters/files/folder-object-store.ts';
import { createOnnxModelRuntime } from '../../adapters/onnx/onnx-model-runtime.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { StoreError } from '../../core/store-error.ts';
import { HOUR_MS } from '../../core/units.ts';
import { copyEnsemble } from '../../models/use-cases/copy-ensemble.ts';
import { readCurrentEnsemble } from '../../models/use-cases/read-ensemble.ts';
import { credentialParameters, LOCAL_BUCKET, LOCAL_STAGE, resourcesOfStage } from '../config/stage.ts';
import { STARTER_MODELS_FOLDER } from '../config/starter-models.ts';
import type { ExchangeKeys } from './exchange/keyed-broker.ts';

/** @returns one line when the active ensemble is not the starter. Throws StoreError. */
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
  if (!current.ok) return `no active ensemble: ${current.error.message}`;
  const { id } = current.value.ensemble;
  return id === copied.value.ensembleId
    ? undefined
    : `ensemble ${id} is active (the starter is ${copied.value.ensembleId})`;
}

/** Keeps the keys of the real account, encrypted, for the functions; without any, none can be used. Throws StoreError. */
export async function keepExchangeKeys(
  endpoints: ServiceEndpoints,
  keys: ExchangeKeys | undefined,
): Promise<void> {
  const clients = createClients(endpoints);
  const names = credentialParameters(LOCAL_STAGE);
  try {
    for (const key of ['apiKey', 'secret'] as const) {
      if (keys === undefined) await removeParameter(clients.ssm, names[key]);
      else await writeSecretParameter(clients.ssm, { name: names[key], value: keys[key] });
    }
  } finally {
    clients.close();
  }
}

/** One part of the tables per hour, all of them within a week: the load is small, and a restart loses nothing. */
const PARTS = 7 * 24;

/** Deletes the expired items of this hour's part of the tables. Throws StoreError. */
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
