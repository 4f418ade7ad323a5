// One local run from start to summary: chooses the market, starts the system, calls its functions on schedule.

import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { formatInstant, formatUsdt } from '../../lib/core/format-figure.ts';
import { messageOf } from '../../lib/core/message-of.ts';
import { shockPaperAccount } from '../../lib/execution/use-cases/shock-paper-account.ts';
import { readSystemStatus } from '../../lib/execution/use-cases/system-status.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { chooseSymbols } from '../../lib/runtime/compose/exchange/exchange-check.ts';
import type { Exchange } from '../../lib/runtime/config/function-settings.ts';
import {
  type SelfHostedSettings,
  selfHostedSettings,
} from '../../lib/runtime/config/self-hosted-settings.ts';
import { describeFileFailure, LocalStartError } from '../aws/host/local-start-error.ts';
import type { MarketSource } from '../market/market-source.ts';
import { apiTokenFile } from './api-token-file.ts';
import { checkFolder, readExchangeKeys } from './live-account.ts';
import { createLiveView, type LiveView } from './live-view.ts';
import { type LocalSystem, startLocalSystem } from './local-system.ts';
import { chooseMarket, firstRunMs } from './market-choice.ts';
import { createReplayClock, type ReplayClock, realClock } from './replay-clock.ts';
import { archiveState, readReplayPosition, saveReplayPosition, stateOption } from './replay-position.ts';
import { RunSummary } from './run-summary.ts';
import { alreadyRunning, findRunningSystem } from './running-system.ts';
import { type Job, scheduledRuns } from './schedule.ts';
import { describeTrading } from './trading-summary.ts';

export interface LocalRunOptions {
  /** How many bars to decide; until interrupted when undefined. */
  readonly bars: number | undefined;
  readonly stateDir: string;
  readonly port: number;
  readonly market: SimulatedMarketOptions | RealMarketOptions;
  /** Charges the paper account once, and says so, to show what the circuit breaker does. @default never */
  readonly rehearsedLoss?: { readonly afterBars: number; readonly fraction: number } | undefined;
}

interface RealMarketOptions {
  readonly exchange: Exchange;
  readonly symbols: number | readonly string[];
  /** Trade the real account. */
  readonly isLive: boolean;
}

interface SimulatedMarketOptions {
  readonly dataFolder: string | undefined;
  readonly seed: number;
  readonly symbols: number | readonly string[];
  readonly fromMs: number | undefined;
  /** Where a run without `fromMs` starts. @default as soon as the market has the history that decisions need */
  readonly firstRunMs?: number;
  readonly speed: number | 'max';
}

/** Throws LocalStartError, or StoreError when a store fails for good. Stops cleanly when the signal is aborted. */
export async function runLocalSystem(options: LocalRunOptions, stop: AbortSignal): Promise<void> {
  makeStateFolder(options.stateDir);
  const view = createLiveView(process.stdout);
  const settings = readSettings();
  const keys = isLive(options) ? readExchangeKeys(settings) : undefined;
  const plan = await planRun(options, settings, view);
  checkFolder(options.stateDir, { isLive: keys !== undefined, isOtherState: plan.isOtherState });
  let kept: string | undefined;
  const system = await startLocalSystem({
    stateDir: options.stateDir,
    port: options.port,
    clock: plan.clock,
    exchange: plan.exchange,
    keys,
    apiHost: settings.apiHost,
    prepareState: () => {
      if (plan.isOtherState) kept = archiveOtherRun(options.stateDir);
    },
    warn: view.progress,
  });
  const summary = new RunSummary();
  let trading = '';
  try {
    for (const note of system.notes) view.progress(note);
    if (kept !== undefined) view.progress(`a new run: the state of the last one is kept in ${kept}`);
    view.progress(`dashboard and HTTP API: ${system.apiUrl} (token in ${apiTokenFile(options.stateDir)})`);
    await runSchedule({ options, plan, system, summary, view, stop, told: new Set() });
    trading = await describeTrading(system.system, plan.clock.nowMs());
  } finally {
    view.end();
    await system.close();
  }
  process.stdout.write(`\n${summary.format(options.stateDir)}${trading}\n`);
}

const isLive = ({ market }: LocalRunOptions): boolean => 'isLive' in market && market.isLive;

/** Throws LocalStartError. */
function readSettings(): SelfHostedSettings {
  try {
    return selfHostedSettings.read();
  } catch (error) {
    throw new LocalStartError(messageOf(error));
  }
}

interface RunPlan {
  readonly clock: ReplayClock;
  readonly exchange: Parameters<typeof startLocalSystem>[0]['exchange'];
  /** Start and end of the schedule, epoch ms of the run's clock. */
  readonly startMs: number;
  readonly endMs: number;
  /** Name of the market. */
  readonly source: string;
  /** As ReplayPosition's. */
  readonly fromMs: number | null;
  /** The folder holds the state of another run. */
  readonly isOtherState: boolean;
}

function makeStateFolder(stateDir: string): void {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw describeFileFailure(stateDir, error);
  }
}

async function planRun(
  { market, stateDir }: LocalRunOptions,
  settings: SelfHostedSettings,
  view: LiveView,
): Promise<RunPlan> {
  const running = await findRunningSystem(stateDir);
  if (running !== undefined) throw alreadyRunning(stateDir, running);
  if ('exchange' in market) return planRealRun(market, { stateDir, url: settings.exchangeUrl }, view);
  view.progress(
    market.dataFolder === undefined ? 'generating a market …' : `loading candles of ${market.dataFolder} …`,
  );
  const dataFolder = market.dataFolder && resolve(market.dataFolder);
  const { market: source, source: name } = await chooseMarket({ ...market, dataFolder }, market.fromMs);
  const saved = readReplayPosition(stateDir);
  const isSame = saved?.source === name && [undefined, saved.fromMs].includes(market.fromMs);
  const isOver = isSame && saved.nextRunMs > source.lastOpenTimeMs + BAR_MS;
  const resumes = isSame && !isOver;
  const { nextRunMs: startMs, fromMs } = resumes
    ? saved
    : { nextRunMs: market.fromMs ?? market.firstRunMs ?? firstRunMs(source), fromMs: market.fromMs ?? null };
  checkReplayRange(source, startMs);
  view.progress(
    `${source.symbols.length} symbols, ${formatInstant(source.firstOpenTimeMs)} to ${formatInstant(source.lastOpenTimeMs)} UTC; ${resumes ? 'resuming' : isOver ? 'the last run came to the end, starting over' : 'starting'} at ${formatInstant(startMs)}`,
  );
  return {
    clock: createReplayClock(startMs, market.speed),
    exchange: { simulated: source, named: typeof market.symbols !== 'number' },
    startMs,
    endMs: source.lastOpenTimeMs + 2 * BAR_MS,
    source: name,
    fromMs,
    isOtherState: !resumes && readReplayPosition(stateDir) !== undefined,
  };
}

/**
 * A folder holds the state of one market over one time; the state of any other run is archived, never mixed and never lost.
 * @returns where it is now
 */
const archiveOtherRun = (stateDir: string): string =>
  archiveState(stateDir, new Date().toISOString().replaceAll(':', '-'));

function checkReplayRange(market: MarketSource, startMs: number): void {
  const { firstOpenTimeMs, lastOpenTimeMs } = market;
  if (startMs > firstOpenTimeMs && startMs <= lastOpenTimeMs + BAR_MS) return;
  throw new LocalStartError(
    `nothing to replay at ${formatInstant(startMs)}: the market runs from ${formatInstant(firstOpenTimeMs)} to ${formatInstant(lastOpenTimeMs)}; choose --from within it`,
  );
}

async function planRealRun(
  market: RealMarketOptions,
  { stateDir, url }: { stateDir: string; url: string | undefined },
  view: LiveView,
): Promise<RunPlan> {
  view.progress(`asking ${market.exchange} for the time and its largest pairs …`);
  const answer = await chooseSymbols(market.exchange, market.symbols, url);
  if (!answer.ok)
    throw new LocalStartError(
      `${market.exchange} cannot be used: ${answer.error}; to use the simulated exchange, leave out --exchange`,
    );
  // The newest closed bar is decided at once.
  const startMs = Math.floor(Date.now() / BAR_MS) * BAR_MS;
  const resumes = readReplayPosition(stateDir)?.source === market.exchange;
  return {
    clock: realClock,
    exchange: {
      real: market.exchange,
      symbols: answer.value,
      url,
      named: typeof market.symbols !== 'number',
    },
    startMs,
    endMs: Number.POSITIVE_INFINITY,
    source: market.exchange,
    fromMs: null,
    isOtherState: !resumes && readReplayPosition(stateDir) !== undefined,
  };
}

/** After a bar and once a minute. What ran since is run again by a restart, which changes nothing: AWS too runs a function twice. */
const SAVED_AFTER: ReadonlySet<Job> = new Set(['infer', 'circuit-breaker']);

async function runSchedule(run: {
  options: LocalRunOptions;
  plan: RunPlan;
  system: LocalSystem;
  summary: RunSummary;
  view: LiveView;
  stop: AbortSignal;
  /** What has been told already, and is not told again every minute. */
  told: Set<string>;
}): Promise<void> {
  const { options, plan, system, summary, stop } = run;
  const done = () => summary.bars >= (options.bars ?? Number.POSITIVE_INFINITY);
  const save = (nextRunMs: number, finished: boolean) => {
    const position = { source: plan.source, nextRunMs, fromMs: finished ? null : plan.fromMs };
    try {
      saveReplayPosition(options.stateDir, position);
    } catch (error) {
      // A restart then begins a little earlier, where every bar is already decided.
      const why = messageOf(error);
      if (!run.told.has(why)) run.view.progress(`the position of the run cannot be saved: ${why}`);
      run.told.add(why);
    }
  };
  // Before anything else is stored, so that a state killed in its first bar is recognised.
  save(plan.startMs, false);
  for (const { job, dueMs } of scheduledRuns(plan.startMs)) {
    // After the last bar the position manager and the breaker still run, so that new positions are booked and protected.
    if (dueMs > plan.endMs || (done() && job === 'infer')) return save(dueMs, true);
    try {
      await plan.clock.waitUntil(dueMs, stop);
    } catch (error) {
      if (stop.aborted) return;
      throw error;
    }
    const { failed } = await system.call(job);
    if (failed !== undefined) summary.addProblem(failed);
    if (job === 'infer') await showBar(run, failed);
    if (job === 'manage-positions') await rehearseLoss(run);
    const finished = done() && job === 'circuit-breaker';
    if (SAVED_AFTER.has(job)) save(dueMs + 1, finished);
    if (finished) return;
  }
}

async function rehearseLoss({
  options: { rehearsedLoss: loss },
  plan,
  system,
  summary,
  view,
  told,
}: Parameters<typeof runSchedule>[0]): Promise<void> {
  if (loss === undefined || summary.bars < loss.afterBars || told.has('rehearsal')) return;
  told.add('rehearsal');
  const { risk } = system.system;
  const shock = await shockPaperAccount({ risk, clock: plan.clock }, loss);
  view.progress(
    shock.ok
      ? `rehearsal: the paper account is charged ${formatUsdt(shock.value.chargedMicroUsdt)}, as by qtrader local shock, to show the circuit breaker`
      : `no rehearsal: ${shock.error}`,
  );
}

async function showBar(
  { options, plan, system, summary, view }: Parameters<typeof runSchedule>[0],
  failed: string | undefined,
): Promise<void> {
  const run = await system.lastRun();
  if (run === undefined || run.barOpenTimeMs === summary.lastBarOpenTimeMs) {
    view.progress(failed ?? 'the exchange has no newer bar');
    return;
  }
  summary.add(run);
  const [signals, status] = await Promise.all([
    system.system.signals.ofBar(run.barOpenTimeMs),
    readSystemStatus({ ...system.system, clock: plan.clock }),
  ]);
  const dashboard = `${system.apiUrl} (token in ${apiTokenFile(options.stateDir)})`;
  view.show({
    bar: summary.bars,
    bars: options.bars,
    run,
    signals,
    status,
    failed,
    dashboard,
    stateOption: stateOption(options.stateDir),
  });
}
