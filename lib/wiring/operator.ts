// What the operator's commands work on: the stores of one stage, on AWS or of the local run.
import { type AwsClients, createClients, type ServiceEndpoints } from '../adapters/aws/create-clients.ts';
import { createDynamoRiskStore } from '../adapters/aws/dynamo-risk-store.ts';
import { createDynamoSignalStore } from '../adapters/aws/dynamo-signal-store.ts';
import { readTextParameter } from '../adapters/aws/read-text-parameter.ts';
import { createS3ObjectStore } from '../adapters/aws/s3-object-store.ts';
import { createSnsNotifier } from '../adapters/aws/sns-notifier.ts';
import { createSsmFlagStore } from '../adapters/aws/ssm-flag-store.ts';
import { createFileNotifier } from '../adapters/files/file-notifier.ts';
import { type Clock, type FlagStore, type ObjectStore, type SignalStore, StoreError } from '../app/ports.ts';
import type { Broker, Notifier, RiskStore } from '../app/trading-ports.ts';
import type { Scope } from '../risk/gate.ts';
import { LEASE_MS } from '../risk/latch.ts';
import { openBroker } from './brokers.ts';
import { DEFAULT_RETENTION_DAYS } from './configuration.ts';
import { CODE_VERSION } from './code-version.ts';
import { LOCAL_BUCKET, LOCAL_STAGE, localNotificationsFile, resourcesOfStage } from './stage.ts';

export interface OperatorSystem {
  readonly stage: string;
  readonly objects: ObjectStore;
  /** Of this command. */
  readonly codeVersion: string;
  readonly signals: SignalStore;
  readonly flags: FlagStore;
  readonly risk: RiskStore;
  readonly notifier: Notifier;
  /** The system's time now: in a replay that of the replay. Throws StoreError. */
  readClock(): Promise<Clock>;
  /** Of the infer function. Throws StoreError. */
  readShards(): Promise<number>;
  /** Rejects with StoreError when the account cannot be reached at all. */
  openBroker(scope: Scope): Promise<Broker>;
  close(): Promise<void>;
}

/**
 * The stage deployed on AWS, with the credentials of the environment. Throws StoreError when there is no such stage.
 * @param options.checked false opens it unseen, so that an emergency stop works with Parameter Store down
 */
export async function openAwsStage(stage: string, options = { checked: true }): Promise<OperatorSystem> {
  const clients = createClients();
  const { bucketParameter, topicParameter, shardsParameter } = resourcesOfStage(stage);
  const objects = async () =>
    createS3ObjectStore({
      client: clients.s3,
      bucket: await readTextParameter(clients.ssm, bucketParameter),
    });
  const stores = openStores(stage, clients);
  const clock = { nowMs: Date.now };
  return {
    ...stores,
    objects: options.checked ? await objects() : openLater(objects),
    notifier: {
      notify: async (message) =>
        createSnsNotifier({ topicArn: await readTextParameter(clients.ssm, topicParameter) }).notify(message),
    },
    readClock: async () => clock,
    readShards: async () => Number(await readTextParameter(clients.ssm, shardsParameter)),
    openBroker: (scope) =>
      openBroker(
        {
          stage,
          clients,
          risk: stores.risk,
          exchange: 'binanceusdm',
          exchangeUrl: undefined,
          clock,
          unlimitedRequests: false,
        },
        scope,
      ),
  };
}

/**
 * The embedded services of the local run, whose state is in `stateDir`.
 * @param exchange where it trades: a simulated exchange's URL, null for the real one. @default nowhere, it does not run
 */
export function openLocalStage(
  endpoints: ServiceEndpoints,
  stateDir: string,
  exchange?: { readonly url: string | null },
): OperatorSystem {
  const clients = createClients(endpoints);
  const stores = openStores(LOCAL_STAGE, clients);
  return {
    ...stores,
    objects: createS3ObjectStore({ client: clients.s3, bucket: LOCAL_BUCKET }),
    notifier: createFileNotifier({ path: localNotificationsFile(stateDir), clock: { nowMs: Date.now } }),
    readClock: () => readReplayClock(stores.risk),
    readShards: async () => 1,
    async openBroker(scope) {
      if (exchange === undefined)
        throw new StoreError('the local system does not run, and its exchange neither: npm start', {
          retryable: false,
        });
      const surroundings = {
        stage: LOCAL_STAGE,
        clients,
        risk: stores.risk,
        exchange: 'binanceusdm' as const,
        exchangeUrl: exchange.url ?? undefined,
        clock: await readReplayClock(stores.risk),
        unlimitedRequests: exchange.url !== null,
      };
      return openBroker(surroundings, scope);
    },
  };
}

function openStores(stage: string, clients: AwsClients) {
  const { signalsTable, riskTable } = resourcesOfStage(stage);
  return {
    stage,
    signals: createDynamoSignalStore({
      client: clients.dynamodb,
      table: signalsTable,
    codeVersion: CODE_VERSION,
      retentionDays: DEFAULT_RETENTION_DAYS,
      clock: { nowMs: Date.now },
    }),
    flags: createSsmFlagStore({ client: clients.ssm, stage }),
    risk: createDynamoRiskStore({ client: clients.dynamodb, table: riskTable }),
    close: async () => clients.close(),
  };
}

/** A local run lives in a time of its own, and the breaker's last sign of life says which. */
async function readReplayClock(risk: RiskStore): Promise<Clock> {
  const gates = await Promise.all([risk.readGate('paper'), risk.readGate('live')]);
  const tickedMs = Math.max(...gates.map((gate) => (gate?.leaseUntilMs ?? 0) - LEASE_MS));
  return { nowMs: () => (tickedMs > 0 ? tickedMs : Date.now()) };
}

function openLater(open: () => Promise<ObjectStore>): ObjectStore {
  let opened: Promise<ObjectStore> | undefined;
  const store = () => {
    opened ??= open();
    return opened;
  };
  return {
    head: async (key) => (await store()).head(key),
    get: async (key, versionId) => (await store()).get(key, versionId),
    put: async (key, body, condition) => (await store()).put(key, body, condition),
    list: async (prefix) => (await store()).list(prefix),
  };
}
