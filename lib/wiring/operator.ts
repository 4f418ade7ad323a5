// What the operator's commands work on: the stores of one stage, on AWS or of the local run.
import { createClients, type ServiceEndpoints } from '../adapters/aws/create-clients.ts';
import { createDynamoSignalStore } from '../adapters/aws/dynamo-signal-store.ts';
import { readTextParameter } from '../adapters/aws/read-text-parameter.ts';
import { createS3ObjectStore } from '../adapters/aws/s3-object-store.ts';
import { createSsmFlagStore } from '../adapters/aws/ssm-flag-store.ts';
import type { FlagStore, ObjectStore, SignalStore } from '../app/ports.ts';
import { DEFAULT_RETENTION_DAYS } from './configuration.ts';
import { LOCAL_BUCKET, LOCAL_STAGE, resourcesOfStage } from './stage.ts';

export interface OperatorSystem {
  readonly stage: string;
  readonly objects: ObjectStore;
  readonly signals: SignalStore;
  readonly flags: FlagStore;
  close(): Promise<void>;
}

/** The stage deployed on AWS, with the credentials of the environment. Throws StoreError when there is no such stage. */
export async function openAwsStage(stage: string): Promise<OperatorSystem> {
  const clients = createClients();
  const bucket = await readTextParameter(clients.ssm, resourcesOfStage(stage).bucketParameter);
  return openStage({ stage, clients, bucket });
}

/** The embedded services of the local run. */
export function openLocalStage(endpoints: ServiceEndpoints): OperatorSystem {
  return openStage({ stage: LOCAL_STAGE, clients: createClients(endpoints), bucket: LOCAL_BUCKET });
}

function openStage(opened: {
  stage: string;
  clients: ReturnType<typeof createClients>;
  bucket: string;
}): OperatorSystem {
  const { stage, clients, bucket } = opened;
  const { signalsTable } = resourcesOfStage(stage);
  return {
    stage,
    objects: createS3ObjectStore({ client: clients.s3, bucket }),
    signals: createDynamoSignalStore({
      client: clients.dynamodb,
      table: signalsTable,
      retentionDays: DEFAULT_RETENTION_DAYS,
      clock: { nowMs: Date.now },
    }),
    flags: createSsmFlagStore({ client: clients.ssm, stage }),
    async close() {
      clients.close();
    },
  };
}
