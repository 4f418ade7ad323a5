// The whole system on one machine: embedded AWS, an exchange (simulated or real), and the real handlers of all functions, called on
// the run's own clock.
import { buildPage } from '../../dashboard/build-page.ts';
import { readDashboard } from '../../dashboard/page.ts';
import { createCircuitBreakerHandler } from '../../functions/circuit-breaker/handler.ts';
import { createEvaluateRolloutHandler } from '../../functions/evaluate-rollout/handler.ts';
import { createExecuteHandler } from '../../functions/execute/handler.ts';
import { createInferHandler } from '../../functions/infer/handler.ts';
import { createManagePositionsHandler } from '../../functions/manage-positions/handler.ts';
import { createNotifyHandler } from '../../functions/notify/handler.ts';
import { createRefreshUniverseHandler } from '../../functions/refresh-universe/handler.ts';
import { messageOf } from '../../lib/core/message-of.ts';
import { printableLine } from '../../lib/core/printable.ts';
import type { BarDecided } from '../../lib/inference/infer-events.ts';
import type { InferRun } from '../../lib/inference/infer-run.ts';
import { writeUniverse } from '../../lib/market/use-cases/active-universe.ts';
import { composeApi } from '../../lib/runtime/compose/api.ts';
import { issueApiToken } from '../../lib/runtime/compose/api-tokens.ts';
import { composeCircuitBreaker } from '../../lib/runtime/compose/circuit-breaker.ts';
import { composeEvaluateRollout } from '../../lib/runtime/compose/evaluate-rollout.ts';
import type { ExchangeKeys } from '../../lib/runtime/compose/exchange/keyed-broker.ts';
import { composeExecute } from '../../lib/runtime/compose/execute.ts';
import { composeInfer } from '../../lib/runtime/compose/infer.ts';
import {
  expireLocalItems,
  keepExchangeKeys,
  prepareLocalStage,
} from '../../lib/runtime/compose/local-stage.ts';
import { composeManagePositions } from '../../lib/runtime/compose/manage-positions.ts';
import { composeNotify } from '../../lib/runtime/compose/notify.ts';
import { type OperatorSystem, openLocalStage } from '../../lib/runtime/compose/operator.ts';
import { composeRefreshUniverse } from '../../lib/runtime/compose/refresh-universe.ts';
import type { Exchange } from '../../lib/runtime/config/function-settings.ts';
import {
  localApiSettings,
  localCircuitBreakerSettings,
  localRefreshUniverseSettings,
  localTradingSettings,
} from '../../lib/runtime/config/local-settings.ts';
import { LOCAL_STAGE } from '../../lib/runtime/config/stage.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../aws/embedded-aws.ts';
import type { ClaimedPort } from '../aws/host/http-listener.ts';
import { LocalStartError } from '../aws/host/local-start-error.ts';
import { startSimulatedExchange } from '../exchange/simulated-exchange.ts';
import type { MarketSource } from '../market/market-source.ts';
import { claimApiPort, serveApi } from './api-server.ts';
import { openApiToken } from './api-token-file.ts';
import { checkRecords } from './live-account.ts';
import type { ReplayClock } from './replay-clock.ts';
import { openLog } from './rotating-log.ts';
import { announceRunningSystem, withdrawRunningSystem } from './running-system.ts';
import type { Job } from './schedule.ts';

export interface LocalSystemOptions {
  readonly stateDir: string;
  /** Of the dashboard and the HTTP API; the next four: DynamoDB, S3, Parameter Store, exchange. 0: any free ones. */
  readonly port: number;
  readonly clock: ReplayClock;
  /** `named`: the user chose the symbols, and no refresh of the universe changes them. */
  readonly exchange: { readonly named: boolean } & (
    | { readonly simulated: MarketSource }
    | {
        readonly real: Exchange;
        readonly symbols: readonly string[];
        /** Origin that replaces the exchange's own. */
        readonly url?: string | undefined;
      }
  );
  /** Of the real account, for a run that may trade it. @default none: on paper only */
  readonly keys?: ExchangeKeys | undefined;
  /** Where the dashboard listens. @default 127.0.0.1 */
  readonly apiHost?: string | undefined;
  /** Called once all ports are claimed and the folder is free, before its state is opened. */
  readonly prepareState?: () => void;
  /** Told in one line what of the run's own files cannot be written. */
  readonly warn: (text: string) => void;
}

export interface LocalSystem {
  readonly system: OperatorSystem;
  /** One line each: that the run is live, and that the active ensemble is not the one that comes with the sources. */
  readonly notes: readonly string[];
  /** URL of the dashboard and the HTTP API. */
  readonly apiUrl: string;
  /**
   * Calls one function; infer's success calls execute, as on AWS. `failed` is one line when it failed; the run continues, and the
   * next call retries.
   */
  call(job: Job): Promise<{ readonly failed: string | undefined }>;
  /** The newest infer run; undefined before the first. */
  lastRun(): Promise<InferRun | undefined>;
  close(): Promise<void>;
}

/** Throws LocalStartError: one line that says what is wrong and what to do. */
export async function startLocalSystem(options: LocalSystemOptions): Promise<LocalSystem> {
  const { stateDir, port, clock, exchange } = options;
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const [apiPort, dynamodb, s3, ssm, exchangePort] = [0, 1, 2, 3, 4].map((offset) =>
      port === 0 ? 0 : port + offset,
    ) as [number, number, number, number, number];
    const api = await claimApiPort(apiPort, options.apiHost);
    closers.push(api.close);
    const simulated =
      'simulated' in exchange ? await startExchange(exchange.simulated, clock, exchangePort) : undefined;
    if (simulated !== undefined) closers.push(simulated.close);
    const { prepareState, warn } = options;
    const aws = await startEmbeddedAws({
      stateDir,
      ports: { dynamodb, s3, ssm },
      ...(prepareState && { prepareState }),
    });
    closers.push(aws.close);
    const system = openLocalStage(aws.inProcess, stateDir);
    closers.push(system.close);
    const ensemble = await prepareLocalStage(aws.inProcess, system.objects);
    const account = options.keys && (await checkRecords(system, stateDir));
    await keepExchangeKeys(aws.inProcess, options.keys);
    await writeUniverse(system.objects, {
      schemaVersion: 1,
      asOf: new Date(clock.nowMs()).toISOString().slice(0, 10),
      symbols: [...symbolsOf(exchange)],
    });

    const context = { stateDir, aws, clock, exchange, simulatedUrl: simulated?.url, closers, warn };
    const handlers = composeHandlers(context, api.endpoint);
    await startApi(context, api);

    await announceRunningSystem(stateDir, {
      aws,
      exchange: marketOf(context).exchange,
      exchangeUrl: 'real' in exchange ? (exchange.url ?? null) : null,
      simulatedExchange: simulated ?? null,
    });
    closers.push(async () => withdrawRunningSystem(stateDir));
    return {
      system,
      notes: [account, ensemble].filter((note) => note !== undefined),
      apiUrl: api.endpoint,
      async call(job) {
        try {
          await handlers[job]();
          return { failed: undefined };
        } catch (error) {
          return { failed: printableLine(`${job}: ${messageOf(error)}`) };
        }
      },
      lastRun: async () => (await system.signals.lastRuns({ shard: 0, shardCount: 1, count: 1 }))[0],
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface FunctionContext {
  readonly stateDir: string;
  readonly aws: EmbeddedAws;
  readonly clock: ReplayClock;
  readonly exchange: LocalSystemOptions['exchange'];
  readonly simulatedUrl: string | undefined;
  readonly closers: (() => Promise<void>)[];
  readonly warn: LocalSystemOptions['warn'];
}

/** Runtime overrides of a function, with a log file of its own. */
function overridesOf(context: FunctionContext, name: string) {
  const { stateDir, aws, clock, simulatedUrl, closers, warn } = context;
  const logOutput = openLog(stateDir, name, warn);
  closers.push(() => new Promise((resolve) => logOutput.end(resolve)));
  return { endpoints: aws.inProcess, clock, logOutput, isReplay: simulatedUrl !== undefined };
}

const marketOf = ({ exchange, simulatedUrl }: FunctionContext) => ({
  exchange: 'simulated' in exchange ? ('binanceusdm' as const) : exchange.real,
  exchangeUrl: 'simulated' in exchange ? simulatedUrl : exchange.url,
});

/** Closes before the port, which is claimed earlier, once what is being served has its answer. */
async function startApi(context: FunctionContext, port: ClaimedPort): Promise<void> {
  const { stateDir, aws, closers } = context;
  const token = await openApiToken(stateDir);
  await issueApiToken(LOCAL_STAGE, { name: 'operator', role: 'operator', token }, aws.inProcess);
  const configuration = localApiSettings(stateDir, marketOf(context));
  buildPage();
  const api = composeApi(configuration, readDashboard(), overridesOf(context, 'api'), aws.onWrite);
  closers.push(api.close, port.close, api.endEvents);
  serveApi(api, port);
}

/** Every function as Lambda calls it. */
function composeHandlers(context: FunctionContext, dashboard: string): Record<Job, () => Promise<unknown>> {
  const { stateDir, aws, clock, closers } = context;
  const overrides = (job: string) => overridesOf(context, job);
  const opened = <C extends { close(): Promise<void> }>(composition: C): C => {
    closers.push(composition.close);
    return composition;
  };
  const market = marketOf(context);
  const trading = localTradingSettings(market);
  const infer = createInferHandler(opened(composeInfer(localTradingSettings(market), overrides('infer'))));
  const execute = createExecuteHandler(opened(composeExecute(trading, overrides('execute'))));
  return {
    infer: async () => {
      const decided: BarDecided = await asLambdaRetries(() => infer({}));
      return asLambdaRetries(() => execute(decided));
    },
    'manage-positions': createManagePositionsHandler(
      opened(composeManagePositions(trading, overrides('manage-positions'))),
    ),
    'circuit-breaker': createCircuitBreakerHandler(
      opened(composeCircuitBreaker(localCircuitBreakerSettings(stateDir), overrides('circuit-breaker'))),
    ),
    'refresh-universe': context.exchange.named
      ? async () => undefined
      : createRefreshUniverseHandler(
          opened(
            composeRefreshUniverse(
              localRefreshUniverseSettings(market, symbolsOf(context.exchange).length),
              overrides('refresh-universe'),
            ),
          ),
        ),
    'evaluate-rollout': createEvaluateRolloutHandler(
      opened(composeEvaluateRollout(localTradingSettings(market), overrides('evaluate-rollout'))),
    ),
    notify: besides(
      createNotifyHandler(
        opened(composeNotify(localCircuitBreakerSettings(stateDir), overrides('notify'), `${dashboard}/`)),
      ),
      context,
    ),
    expire: () => expireLocalItems(aws.inProcess, clock.nowMs()),
  };
}

/** Beside the schedule, which waits for no receiver: one run at a time, and a last one before the end. */
function besides(run: () => Promise<unknown>, { closers, warn }: FunctionContext): () => Promise<void> {
  let current: Promise<unknown> | undefined;
  let isWarned = false;
  const start = () => {
    current ??= run()
      .catch((error: unknown) => {
        if (!isWarned) warn(`people are not notified: ${messageOf(error)}`);
        isWarned = true;
      })
      .finally(() => {
        current = undefined;
      });
    return current;
  };
  closers.push(async () => {
    await current;
    await start();
  });
  return async () => void start();
}

const symbolsOf = (exchange: LocalSystemOptions['exchange']): readonly string[] =>
  'simulated' in exchange ? exchange.simulated.symbols : exchange.symbols;

/** Lambda retries a failed asynchronous invocation twice. */
async function asLambdaRetries<T>(invoke: () => Promise<T>): Promise<T> {
  for (let retriesLeft = 2; ; retriesLeft--) {
    try {
      return await invoke();
    } catch (error) {
      if (retriesLeft === 0) throw error;
    }
  }
}

async function startExchange(market: MarketSource, clock: ReplayClock, port: number) {
  try {
    return await startSimulatedExchange({ market, clock, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new LocalStartError(`port ${port} is taken: free it, or choose another --port`);
  }
}
