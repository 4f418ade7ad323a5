// What the operator's commands work on: the stores of one stage, on AWS or of the local run.
import { z } from 'zod';
import { type AwsClients, createClients, type ServiceEndpoints } from '../../adapters/aws/create-clients.ts';
import { createDynamoRiskStore } from '../../adapters/aws/dynamodb/dynamo-risk-store.ts';
import { createDynamoSignalStore } from '../../adapters/aws/dynamodb/dynamo-signal-store.ts';
import { createS3ObjectStore } from '../../adapters/aws/s3/s3-object-store.ts';
import { createSnsNotifier } from '../../adapters/aws/sns/sns-notifier.ts';
import { readTextParameter } from '../../adapters/aws/ssm/read-text-parameter.ts';
import { createSsmFlagStore } from '../../adapters/aws/ssm/ssm-flag-store.ts';
import { createCcxtMarketData } from '../../adapters/binance/ccxt-market-data.ts';
import { createFileNotifier } from '../../adapters/files/file-notifier.ts';
import type { Clock, ObjectStore } from '../../core/ports.ts';
import { StoreError } from '../../core/store-error.ts';
import type { Broker } from '../../execution/ports.ts';
import type { SignalStore } from '../../inference/ports.ts';
import type { MarketData } from '../../market/ports.ts';
import { readUniverse } from '../../market/use-cases/active-universe.ts';
import type { Scope } from '../../risk/gate.ts';
import { LEASE_MS } from '../../risk/latch.ts';
import type { FlagStore, Notifier, RiskStore } from '../../risk/ports.ts';
import { CODE_VERSION } from '../config/code-version.ts';
import { DEFAULT_RETENTION_DAYS, type Exchange, exchangeSchema } from '../config/configuration.ts';
import { LOCAL_BUCKET, LOCAL_STAGE, localNotificationsFile, resourcesOfStage } from '../config/stage.ts';
import { openBroker } from './brokers.ts';

export interface OperatorSystem {
  readonly stage: string;
  /** Of this command. */
  readonly codeVersion: string;
  readonly objects: ObjectStore;
  readonly signals: SignalStore;
  readonly flags: FlagStore;
  readonly risk: RiskStore;
  readonly notifier: Notifier;
  /** The system's time now: in a replay that of the replay. Throws StoreError. */
  readClock(): Promise<Clock>;
  /** Of the infer function. Throws StoreError. */
  readShards(): Promise<number>;
  /** Whose market data the stage follows; undefined of a local system that does not run. Throws StoreError. */
  readExchange(): Promise<Exchange | undefined>;
  /** The exchange that the universe is chosen from. Throws StoreError. */
  openMarket(): Promise<MarketData>;
  /** How many symbols the universe shall have. Throws StoreError. */
  readUniverseSize(): Promise<number>;
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
  const { bucketParameter, topicParameter, shardsParameter, exchangeParameter, symbolsParameter } =
    resourcesOfStage(stage);
  const objects = async () =>
    createS3ObjectStore({
      client: clients.s3,
      bucket: await readTextParameter(clients.ssm, bucketParameter),
    });
  const stores = openStores(stage, clients);
  const clock = { nowMs: Date.now };
  const readExchange = () => readSetting(clients, exchangeParameter, exchangeSchema);
  return {
    ...stores,
    objects: options.checked ? await objects() : openLater(objects),
    notifier: {
      notify: async (message) =>
        createSnsNotifier({ topicArn: await readTextParameter(clients.ssm, topicParameter) }).notify(message),
    },
    readClock: async () => clock,
    readShards: () => readSetting(clients, shardsParameter, countSchema),
    readExchange,
    openMarket: async () => createCcxtMarketData({ exchange: await readExchange() }),
    readUniverseSize: () => readSetting(clients, symbolsParameter, countSchema),
    openBroker: async (scope) =>
      openBroker(
        {
          stage,
          clients,
          risk: stores.risk,
          exchange: await readExchange(),
          exchangeUrl: undefined,
          clock,
          unlimitedRequests: false,
        },
        scope,
      ),
  };
}

const countSchema = z.coerce.number().int().min(1);

/** What a deploy has left for the commands. Throws StoreError, also for what it cannot have left: a reset judges by it. */
async function readSetting<T>({ ssm }: AwsClients, parameter: string, schema: z.ZodType<T>): Promise<T> {
  const text = await readTextParameter(ssm, parameter);
  const setting = schema.safeParse(text);
  if (setting.success) return setting.data;
  const why = setting.error.issues[0]!.message;
  throw new StoreError(`parameter ${parameter} says ${JSON.stringify(text)}: ${why}; deploy again`, {
    retryable: false,
  });
}

export interface LocalExchange {
  readonly name: Exchange;
  readonly url: string | null;
}

/**
 * The embedded services of the local run, whose state is in `stateDir`.
 * @param exchange where it trades: which one, and a simulated one's URL, null for the real one. @default nowhere, it does not run
 */
export function openLocalStage(
  endpoints: ServiceEndpoints,
  stateDir: string,
  exchange?: LocalExchange,
): OperatorSystem {
  const clients = createClients(endpoints);
  const objects = createS3ObjectStore({ client: clients.s3, bucket: LOCAL_BUCKET });
  const stores = openStores(LOCAL_STAGE, clients);
  const { risk, readClock } = followRun(stores.risk, exchange);
  return {
    ...stores,
    risk,
    objects,
    notifier: createFileNotifier({ path: localNotificationsFile(stateDir), clock: { nowMs: Date.now } }),
    readClock,
    readShards: async () => 1,
    readExchange: async () => exchange?.name,
    openMarket: async () => {
      if (exchange === undefined) throw notRunning();
      return createCcxtMarketData({
        exchange: exchange.name,
        baseUrl: exchange.url ?? undefined,
        ...(exchange.url !== null && { weightPerMinute: Number.MAX_SAFE_INTEGER }),
      });
    },
    readUniverseSize: async () => (await readUniverse(objects)).symbols.length,
    async openBroker(scope) {
      if (exchange === undefined) throw notRunning();
      const overrides = {
        stage: LOCAL_STAGE,
        clients,
        risk,
        exchange: exchange.name,
        exchangeUrl: exchange.url ?? undefined,
        clock: await readClock(),
        unlimitedRequests: exchange.url !== null,
      };
      return openBroker(overrides, scope);
    },
  };
}

const notRunning = () =>
  new StoreError('the local system does not run, and its exchange neither: npm start', { retryable: false });

function openStores(stage: string, clients: AwsClients) {
  const { signalsTable, riskTable } = resourcesOfStage(stage);
  return {
    stage,
    codeVersion: CODE_VERSION,
    signals: createDynamoSignalStore({
      client: clients.dynamodb,
      table: signalsTable,
      retentionDays: DEFAULT_RETENTION_DAYS,
      clock: { nowMs: Date.now },
    }),
    flags: createSsmFlagStore({ client: clients.ssm, stage }),
    risk: createDynamoRiskStore({ client: clients.dynamodb, table: riskTable, clock: { nowMs: Date.now } }),
    close: async () => clients.close(),
  };
}

/**
 * A local run lives in a time of its own: the simulated exchange's, and, where none runs, that of the breaker's last sign of life.
 * The clock never shows less than a sign of life that was read through it. So a fast replay, which goes on by more than a lease
 * from one look to the next, looks neither ahead of itself nor dead, and a breaker that died does.
 */
function followRun(stored: RiskStore, exchange: LocalExchange | undefined) {
  let latestMs = 0;
  const readGate: RiskStore['readGate'] = async (scope) => {
    const gate = await stored.readGate(scope);
    latestMs = Math.max(latestMs, (gate?.leaseUntilMs ?? 0) - LEASE_MS);
    return gate;
  };
  const readClock = async (): Promise<Clock> => {
    if (exchange?.url === null) return { nowMs: Date.now };
    if (exchange !== undefined) {
      const once = { attempts: 1, timeoutMs: 1_000 };
      const market = createCcxtMarketData({ exchange: exchange.name, baseUrl: exchange.url, ...once });
      const time = await market.serverTimeMs();
      if (time.ok) latestMs = Math.max(latestMs, time.value);
    }
    await Promise.all([readGate('paper'), readGate('live')]).catch((error: unknown) => {
      // The exchange's time will do: an emergency stop must reach the account without the table.
      if (latestMs === 0) throw error;
    });
    return { nowMs: () => (latestMs > 0 ? latestMs : Date.now()) };
  };
  return { risk: { ...stored, readGate }, readClock };
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
