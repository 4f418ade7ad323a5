// One local run from start to summary: chooses the market, starts the system, calls the function after every bar's close.
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import type { InferRun } from '../lib/app/infer-run.ts';
import { BAR_MS } from '../lib/market/candle.ts';
import { FLAG_NAMES } from '../lib/risk/flags.ts';
import type { Exchange } from '../lib/wiring/configuration.ts';
import { chooseSymbols } from '../lib/wiring/exchange-check.ts';
import { describeFileFailure, LocalStartError } from './aws/local-start-error.ts';
import type { MarketSource } from './exchange/market-source.ts';
import { createLiveView, formatInstant, type LiveView } from './live-view.ts';
import { type LocalSystem, startLocalSystem } from './local-system.ts';
import { chooseMarket, firstRunMs } from './market-choice.ts';
import { createReplayClock, type ReplayClock } from './replay-clock.ts';
import { readReplayPosition, saveReplayPosition } from './replay-position.ts';
import { RunSummary } from './run-summary.ts';

export interface LocalRunOptions {
  /** How many bars to decide; until interrupted when undefined. */
  readonly bars: number | undefined;
  readonly stateDir: string;
  readonly port: number;
  readonly market:
    | SimulatedMarketOptions
    | { readonly exchange: Exchange; readonly symbols: number | readonly string[] };
}

interface SimulatedMarketOptions {
  readonly dataFolder: string | undefined;
  readonly seed: number;
  readonly symbols: number | readonly string[];
  readonly fromMs: number | undefined;
  readonly speed: number | 'max';
}

/** A bar is asked for a moment after its close, as on AWS. */
const AFTER_CLOSE_MS = 3_000;

/** Throws LocalStartError, or StoreError when a store fails for good. Stops early, in good order, when the signal is given. */
export async function runLocalSystem(options: LocalRunOptions, stop: AbortSignal): Promise<void> {
  makeStateFolder(options.stateDir);
  const view = createLiveView(process.stdout);
  const plan = await planRun(options, view);
  const system = await startLocalSystem({
    stateDir: options.stateDir,
    port: options.port,
    clock: plan.clock,
    exchange: plan.exchange,
  });
  const summary = new RunSummary();
  try {
    if (system.note !== undefined) view.progress(system.note);
    await decideBars({ options, plan, system, summary, view, stop });
  } finally {
    view.end();
    await system.close();
  }
  process.stdout.write(`\n${summary.format(options.stateDir)}\n`);
}

interface RunPlan {
  readonly clock: ReplayClock;
  readonly exchange: Parameters<typeof startLocalSystem>[0]['exchange'];
  /** When the first run is due, and after which none can be, epoch ms of the run's clock. */
  readonly firstRunMs: number;
  readonly lastRunMs: number;
  /** What is replayed, when it can be resumed. */
  readonly source: string | undefined;
}

function makeStateFolder(stateDir: string): void {
  try {
    mkdirSync(stateDir, { recursive: true });
  } catch (error) {
    throw describeFileFailure(stateDir, error);
  }
}

async function planRun({ market, stateDir }: LocalRunOptions, view: LiveView): Promise<RunPlan> {
  if ('exchange' in market) return planRealRun(market, view);
  view.progress(
    market.dataFolder === undefined ? 'generating a market …' : `loading candles of ${market.dataFolder} …`,
  );
  const dataFolder = market.dataFolder && resolve(market.dataFolder);
  const { market: source, source: name } = await chooseMarket({ ...market, dataFolder }, market.fromMs);
  const startMs = market.fromMs ?? readReplayPosition(stateDir, name) ?? firstRunMs(source);
  checkReplayRange(source, startMs);
  const firstCloseMs = Math.ceil(startMs / BAR_MS) * BAR_MS;
  view.progress(
    `${source.symbols.length} symbols, ${formatInstant(source.firstOpenTimeMs)} to ${formatInstant(source.lastOpenTimeMs)} UTC; starting at ${formatInstant(firstCloseMs)}`,
  );
  return {
    clock: createReplayClock(startMs, market.speed),
    exchange: { simulated: source },
    firstRunMs: firstCloseMs + AFTER_CLOSE_MS,
    lastRunMs: source.lastOpenTimeMs + BAR_MS + AFTER_CLOSE_MS,
    source: name,
  };
}

function checkReplayRange(market: MarketSource, startMs: number): void {
  const { firstOpenTimeMs, lastOpenTimeMs } = market;
  if (startMs > firstOpenTimeMs && startMs <= lastOpenTimeMs + BAR_MS) return;
  throw new LocalStartError(
    `nothing to replay at ${formatInstant(startMs)}: the market goes from ${formatInstant(firstOpenTimeMs)} to ${formatInstant(lastOpenTimeMs)}; choose --from within it`,
  );
}

async function planRealRun(
  market: { exchange: Exchange; symbols: number | readonly string[] },
  view: LiveView,
): Promise<RunPlan> {
  view.progress(`asking ${market.exchange} for its time and its largest pairs …`);
  const answer = await chooseSymbols(market.exchange, market.symbols);
  if (!answer.ok)
    throw new LocalStartError(
      `${market.exchange} cannot be used: ${answer.error}; or leave --exchange out for the simulated one`,
    );
  const nowMs = Date.now();
  return {
    clock: createReplayClock(nowMs, 1),
    exchange: { real: market.exchange, symbols: answer.value },
    firstRunMs: nowMs,
    lastRunMs: Number.POSITIVE_INFINITY,
    source: undefined,
  };
}

async function decideBars(run: {
  options: LocalRunOptions;
  plan: RunPlan;
  system: LocalSystem;
  summary: RunSummary;
  view: LiveView;
  stop: AbortSignal;
}): Promise<void> {
  const { options, plan, system, summary, view, stop } = run;
  let dueMs = plan.firstRunMs;
  let previous: InferRun | undefined;
  while (summary.bars < (options.bars ?? Number.POSITIVE_INFINITY) && dueMs <= plan.lastRunMs) {
    try {
      await plan.clock.waitUntil(dueMs, stop);
    } catch (error) {
      if (stop.aborted) return;
      throw error;
    }
    const inferred = await system.inferOnce();
    const missed = previous ? (inferred.barOpenTimeMs - previous.barOpenTimeMs) / BAR_MS - 1 : 0;
    summary.add(inferred, Math.max(0, missed));
    const [signals, flags] = await Promise.all([
      system.system.signals.ofBar(inferred.barOpenTimeMs),
      system.system.flags.read(FLAG_NAMES),
    ]);
    view.show({ bar: summary.bars, bars: options.bars, run: inferred, signals, flags });
    previous = inferred;
    dueMs = Math.floor(Math.max(plan.clock.nowMs(), dueMs) / BAR_MS) * BAR_MS + BAR_MS + AFTER_CLOSE_MS;
    if (plan.source !== undefined)
      saveReplayPosition(options.stateDir, { source: plan.source, nextRunMs: dueMs - AFTER_CLOSE_MS });
  }
}
