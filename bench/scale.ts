// Whether 1,000 symbols in 10 shards are decided within their bar: ten processes, as many side by side as there are cores, each one
// shard of infer as Lambda would run it, on one embedded AWS, each with an exchange, an address and a
// request limit of its own. Then the functions that read all shards, and last the same with all ten on one
// address.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import pLimit from 'p-limit';
import { z } from 'zod';
import { invariant } from '../lib/core/invariant.ts';
import { readSystemStatus } from '../lib/execution/use-cases/system-status.ts';
import { type InferRun, inferRunSchema } from '../lib/inference/infer-run.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../lib/market/candle.ts';
import { REQUEST_BARS } from '../lib/market/grid.ts';
import { writeUniverse } from '../lib/market/use-cases/active-universe.ts';
import { composeCircuitBreaker } from '../lib/runtime/compose/circuit-breaker.ts';
import { composeExecute } from '../lib/runtime/compose/execute.ts';
import { prepareLocalStage } from '../lib/runtime/compose/local-stage.ts';
import { composeManagePositions } from '../lib/runtime/compose/manage-positions.ts';
import { type OperatorSystem, openLocalStage } from '../lib/runtime/compose/operator.ts';
import { localCircuitBreakerSettings, localTradingSettings } from '../lib/runtime/config/local-settings.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../local/aws/embedded-aws.ts';
import { BARS, ROLLING_START_BARS, SCALE_MARKET, SHARDS } from './scale-market.ts';

/** A run that takes longer fails. */
const BAR_WAIT_MS_MAX = BAR_MS;

interface ScaleBenchmark {
  /** From the first start of a process to the last signal. */
  readonly coldMs: number;
  /** From the event to the last signal: median of the later bars. */
  readonly warmMs: number;
  readonly signals: number;
  /** Request weight that a bar costs, over all addresses: the first, and the most of the later ones. */
  readonly coldWeight: number;
  readonly warmWeight: number;
  readonly positionManagerMs: number;
  readonly breakerMs: number;
  /** All shards one after the other. */
  readonly executeMs: number;
  readonly statusMs: number;
  /** What is decided of a bar when all shards share one address with Binance's 2,400 a minute, once they are warm. */
  readonly signalsOneAddress: number;
  /** Request weight of that bar. */
  readonly weightOneAddress: number;
}

/** The settings of a shard's process. */
export interface ShardOrder {
  readonly endpoints: EmbeddedAws['endpoints'];
  readonly exchangeUrl: string;
  readonly nowMs: number;
  readonly shard: number;
  readonly shardCount: number;
}

export async function benchScale(): Promise<ScaleBenchmark> {
  const { exchange, urls, symbols, clock, openBar, elapsedMs } = await startExchanges();
  await openBar(0);
  const stateDir = await mkdtemp(`${tmpdir()}/qt-scale-`);
  const aws = await startEmbeddedAws({ stateDir });
  const system = openLocalStage(aws.endpoints, stateDir);
  const processes: ChildProcess[] = [];
  try {
    await prepareLocalStage(aws.endpoints, system.objects);
    await writeUniverse(system.objects, { schemaVersion: 1, asOf: '2024-01-01', symbols });
    const orderOf = (shard: number, exchangeUrl: string): ShardOrder => ({
      endpoints: aws.endpoints,
      exchangeUrl,
      nowMs: clock.nowMs(),
      shard,
      shardCount: SHARDS,
    });
    const durationsMs: number[] = [];
    const weights: number[] = [];
    for (let bar = 0; bar < BARS; bar++) {
      await openBar(bar);
      if (bar === 0)
        for (let shard = 0; shard < SHARDS; shard++) processes.push(forkQuietly('./shard-process.ts'));
      const runs = await atOnce(
        processes.map((child, shard) => () => decide(child, orderOf(shard, urls[shard]!))),
      );
      durationsMs.push(elapsedMs());
      const decided = await decidedSymbols(system, lastClosedOpenTimeMs(clock.nowMs()));
      invariant(
        decided === symbols.length,
        `${decided} of ${symbols.length} symbols are decided: ${firstAbstention(runs)}`,
      );
      // A bar that took longer than a minute has lost what it used before.
      weights.push(await usedWeight(urls.slice(0, SHARDS)));
    }
    const [coldMs, ...warm] = durationsMs;
    const others = await timeOthers({ system, aws, stateDir, clock, exchangeUrl: urls[0]! });
    // A whole universe that is cold does not fit one address: shards start one after the other, as after a deploy by parts.
    for (let bar = 0; bar <= ROLLING_START_BARS; bar++) {
      await openBar(BARS + bar);
      const started = processes.slice(0, 2 * (bar + 1));
      await atOnce(started.map((child, shard) => () => decide(child, orderOf(shard, urls[SHARDS]!))));
    }
    const [coldWeight, ...warmWeights] = weights;
    return {
      coldMs: coldMs!,
      warmMs: warm.sort((a, b) => a - b)[Math.floor(warm.length / 2)]!,
      signals: symbols.length,
      coldWeight: coldWeight!,
      warmWeight: Math.max(...warmWeights),
      ...others,
      signalsOneAddress: await decidedSymbols(system, lastClosedOpenTimeMs(clock.nowMs())),
      weightOneAddress: await usedWeight([urls[SHARDS]!]),
    };
  } finally {
    for (const child of [...processes, exchange]) if (child.connected) child.disconnect();
    await system.close();
    await aws.close();
    await rm(stateDir, { recursive: true });
  }
}

/** The exchanges in their process, on a clock that starts a moment after a bar's close and runs at normal speed. */
async function startExchanges() {
  const exchange = forkQuietly('./scale-exchanges.ts');
  const [announced] = await once(exchange, 'message');
  let startedMs = 0;
  let openedMs = 0;
  const elapsedMs = () => performance.now() - startedMs;
  return {
    ...announcedSchema.parse(announced),
    exchange,
    clock: { nowMs: () => Math.floor(openedMs + elapsedMs()) },
    /** Since the bar was opened. */
    elapsedMs,
    async openBar(bar: number) {
      openedMs = SCALE_MARKET.fromMs + (REQUEST_BARS + 1 + bar) * BAR_MS + 2_000;
      const opened = once(exchange, 'message');
      exchange.send(openedMs);
      await opened;
      startedMs = performance.now();
    },
  };
}

const announcedSchema = z.object({ urls: z.array(z.url()), symbols: z.array(z.string()) });

const forkQuietly = (module: string): ChildProcess =>
  fork(fileURLToPath(new URL(module, import.meta.url)), { execArgv: [...process.execArgv, '--no-warnings'] });

/** As many as there are cores: Lambda gives each shard one of its own. */
const atOnce = <T>(work: readonly (() => Promise<T>)[]): Promise<T[]> => {
  const limit = pLimit(availableParallelism());
  return Promise.all(work.map((each) => limit(each)));
};

async function decide(child: ChildProcess, order: ShardOrder): Promise<InferRun> {
  const answered = once(child, 'message', { signal: AbortSignal.timeout(BAR_WAIT_MS_MAX) });
  child.send(order);
  const [run] = await answered;
  return inferRunSchema.parse(run);
}

const firstAbstention = (runs: readonly InferRun[]): string => {
  const [first] = runs.flatMap(({ abstentions }) => abstentions);
  return first === undefined ? 'the others are nowhere' : `${first.abstained}: ${first.message}`;
};

/** Distinct symbols with a signal of the bar; more signals than symbols break an invariant. */
async function decidedSymbols(system: OperatorSystem, barOpenTimeMs: number): Promise<number> {
  const signals = await system.signals.ofBar(barOpenTimeMs);
  const symbols = new Set(signals.map(({ symbol }) => symbol));
  invariant(symbols.size === signals.length, 'a symbol is decided twice');
  return symbols.size;
}

/** As the exchanges count it; less what the question itself costs. */
async function usedWeight(urls: readonly string[]): Promise<number> {
  const used = urls.map(async (url) => {
    const answer = await fetch(`${url}/fapi/v1/ping`);
    return Number(answer.headers.get('x-mbx-used-weight-1m')) - 1;
  });
  return (await Promise.all(used)).reduce((sum, each) => sum + each, 0);
}

async function timeOthers(context: {
  system: OperatorSystem;
  aws: EmbeddedAws;
  stateDir: string;
  clock: { nowMs(): number };
  exchangeUrl: string;
}) {
  const { system, aws, stateDir, clock, exchangeUrl } = context;
  const overrides = { endpoints: aws.endpoints, clock, isReplay: true };
  const trading = localTradingSettings({ exchange: 'binanceusdm', exchangeUrl });
  const managePositions = composeManagePositions(trading, overrides);
  const breaker = composeCircuitBreaker(
    { ...localCircuitBreakerSettings(stateDir), shards: SHARDS },
    overrides,
  );
  const execute = composeExecute(trading, overrides);
  const runs = await system.signals.lastRuns({ shard: 0, shardCount: SHARDS, count: 1 });
  const { barOpenTimeMs, ensembleId, featureSetHash } = runs[0]!;
  const positionManagerMs = await timed(() => managePositions.manageScopes());
  const breakerMs = await timed(() => breaker.tick());
  const executeMs = await timed(async () => {
    for (let shard = 0; shard < SHARDS; shard++)
      await execute.executeBar({
        barOpenTimeMs,
        shard,
        shardCount: SHARDS,
        ensembleId,
        featureSetHash,
        symbols: [],
      });
  });
  const statusMs = await timed(() => readSystemStatus({ ...system, clock, readShards: async () => SHARDS }));
  await Promise.all([managePositions.close(), breaker.close(), execute.close()]);
  return { positionManagerMs, breakerMs, executeMs, statusMs };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
