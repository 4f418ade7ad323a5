// The whole system on one machine: embedded AWS, an exchange (simulated or real), and the real infer handler, called every five
// minutes of the run's own clock.
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInferHandler } from '../functions/infer/handler.ts';
import type { InferRun } from '../lib/app/infer-run.ts';
import { writeUniverse } from '../lib/app/universe.ts';
import type { Exchange } from '../lib/wiring/configuration.ts';
import { composeInfer } from '../lib/wiring/infer.ts';
import { prepareLocalStage } from '../lib/wiring/local-stage.ts';
import { type OperatorSystem, openLocalStage } from '../lib/wiring/operator.ts';
import { localInferConfiguration } from '../lib/wiring/stage.ts';
import { startEmbeddedAws } from './aws/embedded-aws.ts';
import { LocalStartError } from './aws/local-start-error.ts';
import type { MarketSource } from './exchange/market-source.ts';
import { startSimulatedExchange } from './exchange/simulated-exchange.ts';
import type { ReplayClock } from './replay-clock.ts';
import { announceRunningSystem, findRunningSystem, withdrawRunningSystem } from './running-system.ts';

export interface LocalSystemOptions {
  readonly stateDir: string;
  /** First of four ports in a row: DynamoDB, S3, Parameter Store, exchange. 0: any free ones. */
  readonly port: number;
  readonly clock: ReplayClock;
  readonly exchange:
    | { readonly simulated: MarketSource }
    | { readonly real: Exchange; readonly symbols: readonly string[] };
}

export interface LocalSystem {
  readonly system: OperatorSystem;
  /** One line when the ensemble in force is not the one that comes with the sources. */
  readonly note: string | undefined;
  /** One call of the infer function. Rejects with one line when the exchange cannot be used at all. */
  inferOnce(): Promise<InferRun>;
  close(): Promise<void>;
}

/** Throws LocalStartError with one line of what is wrong and what to do. */
export async function startLocalSystem(options: LocalSystemOptions): Promise<LocalSystem> {
  const { stateDir, port, clock, exchange } = options;
  const other = findRunningSystem(stateDir);
  if (other !== undefined)
    throw new LocalStartError(
      `a local system runs on ${stateDir} already (process ${other.pid}): stop it, or choose another --state`,
    );
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const [dynamodb, s3, ssm, exchangePort] = [0, 1, 2, 3].map((offset) =>
      port === 0 ? 0 : port + offset,
    ) as [number, number, number, number];
    const aws = await startEmbeddedAws({ stateDir, ports: { dynamodb, s3, ssm } });
    closers.push(aws.close);
    const system = openLocalStage(aws.endpoints, stateDir);
    closers.push(system.close);
    const note = await prepareLocalStage(aws.endpoints, system.objects);

    const simulated =
      'simulated' in exchange ? await startExchange(exchange.simulated, clock, exchangePort) : undefined;
    if (simulated !== undefined) closers.push(simulated.close);
    const symbols = 'simulated' in exchange ? exchange.simulated.symbols : exchange.symbols;
    await writeUniverse(system.objects, {
      schemaVersion: 1,
      asOf: new Date(clock.nowMs()).toISOString().slice(0, 10),
      symbols: [...symbols],
    });

    const logOutput = openLog(stateDir);
    closers.push(() => new Promise((resolve) => logOutput.end(resolve)));
    const composition = composeInfer(
      localInferConfiguration({
        exchange: 'simulated' in exchange ? 'binanceusdm' : exchange.real,
        exchangeUrl: simulated?.url,
      }),
      { endpoints: aws.endpoints, clock, logOutput, unlimitedRequests: simulated !== undefined },
    );
    closers.push(composition.close);
    const infer = createInferHandler(composition);

    announceRunningSystem(stateDir, {
      pid: process.pid,
      endpoints: { ...aws.endpoints },
      exchangeUrl: simulated?.url ?? null,
    });
    closers.push(async () => withdrawRunningSystem(stateDir));
    return {
      system,
      note,
      async inferOnce() {
        const { barOpenTimeMs, shard, of } = await infer({});
        const run = (await system.signals.lastRuns({ shard, of, count: 1 }))[0];
        if (run?.barOpenTimeMs === barOpenTimeMs) return run;
        throw new Error(`the run of bar ${barOpenTimeMs} is not the newest in its table`);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
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

function openLog(stateDir: string) {
  const folder = join(stateDir, 'logs');
  mkdirSync(folder, { recursive: true });
  return createWriteStream(join(folder, 'infer.jsonl'), { flags: 'a' });
}
