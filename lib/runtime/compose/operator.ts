// The stores that the operator's commands work on: those of one stage on AWS, or of the local run.
import * as z from 'zod';
import type { ServiceEndpoints } from '../../adapters/aws/client-settings.ts';
import { type AwsClients, createClients } from '../../adapters/aws/create-clients.ts';
import { createS3ObjectStore } from '../../adapters/aws/s3/s3-object-store.ts';
import { readTextParameter } from '../../adapters/aws/ssm/read-text-parameter.ts';
import { createSsmFlagStore } from '../../adapters/aws/ssm/ssm-flag-store.ts';
import { createCcxtMarketData } from '../../adapters/binance/market/ccxt-market-data.ts';
import type { Clock, ObjectStore } from '../../core/ports.ts';
import { StoreError } from '../../core/store-error.ts';
import type { Broker } from '../../execution/ports.ts';
import type { SignalStore } from '../../inference/ports.ts';
import type { MarketData } from '../../market/ports.ts';
import { readUniverse } from '../../market/use-cases/active-universe.ts';
import type { OpenReceiver, ReceiverStore } from '../../notification/ports.ts';
import type { Scope } from '../../risk/gate.ts';
import { LEASE_MS } from '../../risk/latch.ts';
import type { FlagStore, Notifier, RiskStore } from '../../risk/ports.ts';
import { riskRecords } from '../../risk/use-cases/risk-records.ts';
import { CODE_VERSION } from '../config/code-version.ts';
import { type Exchange, exchangeSchema } from '../config/function-settings.ts';
import {
  dashboardParameter,
  LOCAL_BUCKET,
  LOCAL_STAGE,
  localNotificationsFile,
  resourcesOfStage,
} from '../config/stage.ts';
import { type ApiTokenStore, openApiTokens } from './api-tokens.ts';
import { openBroker } from './exchange/brokers.ts';
import { openMarketData } from './exchange/market-data.ts';
import { SYSTEM_CLOCK } from './function-runtime.ts';
import { openNotifier } from './notifier.ts';
import { openReceiverStore, openReceivers } from './receivers.ts';
import { openRiskStore, openSignalStore } from './stores.ts';

export interface OperatorSystem {
  readonly stage: string;
  /** Of this command. */
  readonly codeVersion: string;
  readonly objects: ObjectStore;
  readonly signals: SignalStore;
  readonly flags: FlagStore;
  readonly risk: RiskStore;
  readonly notifier: Notifier;
  /** Who else is told, and how each is opened. */
  readonly receivers: ReceiverStore;
  readonly openReceiver: OpenReceiver;
  /** Who may call the HTTP API. */
  readonly apiTokens: ApiTokenStore;
  /** Of the dashboard; undefined where it is not known. */
  readDashboard(): Promise<string | undefined>;
  /** The system's time: in a replay, that of the replay. Throws StoreError. */
  readClock(): Promise<Clock>;
  /** Of the infer function. Throws StoreError. */
  readShards(): Promise<number>;
  /** Whose market data the stage follows; undefined of a local system that does not run. Throws StoreError. */
  readExchange(): Promise<Exchange | undefined>;
  /** The exchange that the universe is chosen from. Throws StoreError. */
  openMarket(): Promise<MarketData>;
  /** Size that the universe should have. Throws StoreError. */
  readUniverseSize(): Promise<number>;
  /** Rejects with StoreError when the account cannot be reached at all. */
  openBroker(scope: Scope): Promise<Broker>;
  close(): Promise<void>;
}

/**
 * The stage deployed on AWS, with the credentials of the environment. Throws StoreError when there is no such stage.
 * @param options.checked false opens it without a check, so that an emergency stop works with Parameter Store down
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
  const readExchange = () => readSetting(clients, exchangeParameter, exchangeSchema);
  const notifier: Notifier = {
    async notify(message) {
      const topicArn = await readTextParameter(clients.ssm, topicParameter);
      return openNotifier({ topicArn }, SYSTEM_CLOCK).notify(message);
    },
  };
  return {
    ...stores,
    objects: options.checked ? await objects() : openLater(objects),
    notifier,
    openReceiver: openReceivers(notifier),
    readDashboard: () => readTextParameter(clients.ssm, dashboardParameter(stage)).catch(() => undefined),
    readClock: async () => SYSTEM_CLOCK,
    readShards: () => readSetting(clients, shardsParameter, countSchema),
    readExchange,
    openMarket: async () =>
      openMarketData(
        { exchange: await readExchange(), exchangeUrl: undefined },
        { isReplay: false, clock: SYSTEM_CLOCK },
      ),
    readUniverseSize: () => readSetting(clients, symbolsParameter, countSchema),
    openBroker: async (scope) =>
      openBroker(
        {
          stage,
          clients,
          risk: stores.risk,
          exchange: await readExchange(),
          exchangeUrl: undefined,
          clock: SYSTEM_CLOCK,
          isReplay: false,
        },
        scope,
      ),
  };
}

const countSchema = z.coerce.number().int().min(1);

/** A setting that the deploy stored for the commands. Throws StoreError also for an invalid one: a reset depends on it. */
async function readSetting<T>({ ssm }: AwsClients, parameter: string, schema: z.ZodType<T>): Promise<T> {
  const text = await readTextParameter(ssm, parameter);
  const setting = schema.safeParse(text);
  if (setting.success) return setting.data;
  const why = setting.error.issues[0]!.message;
  throw new StoreError(`parameter ${parameter} is ${JSON.stringify(text)}: ${why}; deploy again`, {
    retryable: false,
  });
}

export interface LocalExchange {
  readonly name: Exchange;
  readonly url: string | null;
  /** Replaces the real exchange's own. */
  readonly origin?: string | undefined;
}

/**
 * The embedded services of the local run, whose state is in `stateDir`.
 * @param exchange which one, and its URL when simulated, null for the real one. @default none: the local system is not running
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
  const runningExchange = () => {
    if (exchange === undefined)
      throw new StoreError('the local system is not running, nor is its exchange: npm start', {
        retryable: false,
      });
    return {
      exchange: exchange.name,
      exchangeUrl: exchange.url ?? exchange.origin,
      isReplay: exchange.url !== null,
    };
  };
  const notifier: Notifier = {
    // In the run's own time, as the breaker's notifications. If the table cannot be read, people are told in real time.
    async notify(message) {
      const clock = await readClock().catch(() => SYSTEM_CLOCK);
      await openNotifier({ file: localNotificationsFile(stateDir) }, clock).notify(message);
    },
  };
  return {
    ...stores,
    risk,
    objects,
    notifier,
    openReceiver: openReceivers(notifier),
    readDashboard: async () => undefined,
    readClock,
    readShards: async () => 1,
    readExchange: async () => exchange?.name,
    openMarket: async () => {
      const running = runningExchange();
      return openMarketData(running, { ...running, clock: await readClock() });
    },
    readUniverseSize: async () => (await readUniverse(objects)).symbols.length,
    async openBroker(scope) {
      const running = runningExchange();
      return openBroker({ ...running, stage: LOCAL_STAGE, clients, risk, clock: await readClock() }, scope);
    },
  };
}

function openStores(stage: string, clients: AwsClients) {
  const tables = { stage, ...resourcesOfStage(stage) };
  const context = { clients, clock: SYSTEM_CLOCK };
  return {
    stage,
    codeVersion: CODE_VERSION,
    signals: openSignalStore(context, tables),
    flags: createSsmFlagStore({ client: clients.ssm, stage }),
    receivers: openReceiverStore(clients, stage),
    apiTokens: openApiTokens(clients.ssm, stage),
    risk: openRiskStore(context, tables),
    close: async () => clients.close(),
  };
}

/**
 * A local run has its own time: the simulated exchange's or, when none is running, that of the breaker's last lease renewal. The
 * clock never shows less than a renewal that was read through it. So a fast replay, which advances by more than a lease between
 * two reads, looks neither ahead of itself nor dead, while a breaker that died does.
 */
function followRun(stored: RiskStore, exchange: LocalExchange | undefined) {
  let latestMs = 0;
  const readGate: RiskStore['readGate'] = async (scope) => {
    const gate = await stored.readGate(scope);
    latestMs = Math.max(latestMs, (gate?.leaseUntilMs ?? 0) - LEASE_MS);
    return gate;
  };
  const readClock = async (): Promise<Clock> => {
    if (exchange?.url === null) return SYSTEM_CLOCK;
    if (exchange !== undefined) {
      const once = { attempts: 1, timeoutMs: 1_000 };
      const market = createCcxtMarketData({ exchange: exchange.name, baseUrl: exchange.url, ...once });
      const time = await market.serverTimeMs();
      if (time.ok) latestMs = Math.max(latestMs, time.value);
    }
    await Promise.all([readGate('paper'), readGate('live')]).catch((error: unknown) => {
      // The exchange's time suffices: an emergency stop must reach the account without the table.
      if (latestMs === 0) throw error;
    });
    if (latestMs === 0) latestMs = await readLastRunMs(stored);
    return { nowMs: () => (latestMs > 0 ? latestMs : Date.now()) };
  };
  return { risk: { ...stored, readGate }, readClock };
}

/** Of the position manager, in a run whose breaker has not been armed yet; 0 when there is none. */
async function readLastRunMs(stored: RiskStore): Promise<number> {
  const last = await riskRecords(stored)
    .positionManager.find('paper')
    .catch(() => undefined);
  return last?.value?.attemptedAtMs ?? 0;
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
