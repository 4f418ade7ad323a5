// Use case: trade the past with the code that trades the present. At every bar the position manager closes what is due, the breaker
// evaluates its conditions (or its lease is renewed), and execute turns the bar's signals into orders of the paper broker, all on a
// simulated clock. The resolution is the candles' five minutes: nothing acts within a bar, and the broker assumes the worst order
// of events in it.

import { invariant } from '../../core/invariant.ts';
import type { Clock, ObjectStore } from '../../core/ports.ts';
import { HOUR_MS } from '../../core/units.ts';
import type { DecisionOutcome } from '../../execution/execute-report.ts';
import type { TradingLimits } from '../../execution/limits.ts';
import type { Broker } from '../../execution/ports.ts';
import type { Policy } from '../../execution/use-cases/enter-position.ts';
import { execute } from '../../execution/use-cases/execute.ts';
import { executionRecords } from '../../execution/use-cases/execution-records.ts';
import { managePositions, type PositionManagerReport } from '../../execution/use-cases/manage-positions.ts';
import { forgetOldRecords } from '../../execution/use-cases/prune-records.ts';
import { FEATURE_SET_HASH } from '../../features/feature-set.ts';
import type { SignalStore } from '../../inference/ports.ts';
import type { HoldReason, Signal } from '../../inference/signal.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { SizingPolicies } from '../../models/use-cases/sizing-policies.ts';
import { BREAKER_LIMITS } from '../../risk/breaker/limits.ts';
import { firstArmed } from '../../risk/breaker/state.ts';
import { newGate, planBreakerWrite } from '../../risk/gate.ts';
import { LEASE_MS } from '../../risk/latch.ts';
import type { FlagStore, RiskStore } from '../../risk/ports.ts';
import type { EquitySnapshot } from '../../risk/records.ts';
import { tickBreaker } from '../../risk/use-cases/circuit-breaker.ts';
import { allValues } from '../../risk/use-cases/typed-records.ts';
import {
  type BacktestRun,
  BREAKER_MS,
  EXECUTE_MS,
  POSITION_MANAGER_MS,
  REPLAY_VERSION,
  SETTLE_MS,
} from '../backtest-run.ts';

/** A clock that only `set` moves. */
export interface SimulatedClock extends Clock {
  set(nowMs: number): void;
}

export interface BacktestDependencies {
  readonly signals: SignalStore;
  readonly objects: ObjectStore;
  /** Empty; the run creates its gate. */
  readonly risk: RiskStore;
  readonly flags: FlagStore;
  readonly broker: Broker;
  readonly policies: SizingPolicies;
  readonly clock: SimulatedClock;
}

export interface BacktestRequest {
  readonly ensembleId: string;
  /** Longest that a position stays open. */
  readonly holdBars: number;
  /** Of the bars' open times, half open; multiples of 5 minutes. */
  readonly fromMs: number;
  readonly toMs: number;
  /** true: the breaker evaluates every bar, and a trip ends trading for good. false: its lease is renewed without evaluation. */
  readonly withBreaker: boolean;
  readonly limits: TradingLimits;
  readonly policy: Policy;
}

const FORGET_EVERY_MS = 6 * HOUR_MS;

export async function runBacktest(
  dependencies: BacktestDependencies,
  request: BacktestRequest,
): Promise<BacktestRun> {
  const { fromMs, toMs, withBreaker } = request;
  const { risk, clock, signals, broker } = dependencies;
  invariant(fromMs % BAR_MS === 0 && toMs % BAR_MS === 0 && fromMs < toMs, 'a backtest runs over whole bars');
  const run = new RunningBacktest(dependencies, request);
  await run.open();
  for (let closeMs = fromMs + BAR_MS; closeMs <= toMs; closeMs += BAR_MS) {
    const barOpenTimeMs = closeMs - BAR_MS;
    const decided = await signals.ofBar(barOpenTimeMs);
    run.countSignals(decided);
    const acts = decided.some(({ action }) => action !== 'HOLD');
    const isLast = closeMs === toMs;
    const hasPosition = ((await risk.readGate('paper'))?.positionCount ?? 0) > 0;
    // Without a position and without a signal to act on, neither equity nor records can change.
    const isDue = acts || hasPosition || withBreaker || isLast;
    const hasActed = isDue && (await run.managePositionsAt(closeMs + POSITION_MANAGER_MS));
    // The ledger and the last snapshot then agree.
    if (isLast) await run.managePositionsAt(closeMs + SETTLE_MS);
    run.recordEquity(closeMs);
    if (isLast) break;
    // Nothing is entered at the end: the next open is not in the data.
    if (withBreaker || acts) await run.runBreakerAt(closeMs + BREAKER_MS);
    const hasClosed = acts && (await run.executeAt(closeMs + EXECUTE_MS, barOpenTimeMs));
    if (hasActed || hasClosed) await run.managePositionsAt(closeMs + SETTLE_MS);
    if (closeMs % FORGET_EVERY_MS === 0)
      await forgetOldRecords(risk, broker.scope, clock.nowMs() - (request.holdBars + 12) * BAR_MS);
  }
  return run.result();
}

class RunningBacktest {
  readonly #dependencies: BacktestDependencies;
  readonly #request: BacktestRequest;
  readonly #snapshots: { atMs: number; equityMicroUsdt: number }[] = [];
  readonly #outcomes: Partial<Record<DecisionOutcome, number>> = {};
  readonly #actions = { SELL: 0, HOLD: 0, BUY: 0 };
  readonly #holdReasons: Partial<Record<HoldReason, number>> = {};
  readonly #problems: string[] = [];
  #trip: BacktestRun['trip'];
  #equity: EquitySnapshot | undefined;
  #highWaterMicroUsdt = 1;

  constructor(dependencies: BacktestDependencies, request: BacktestRequest) {
    this.#dependencies = dependencies;
    this.#request = request;
  }

  /** Creates the gate, and the ledger with the deposit. */
  async open(): Promise<void> {
    const { risk, clock } = this.#dependencies;
    clock.set(this.#request.fromMs);
    await risk.createGate('paper', newGate(firstArmed(clock.nowMs())));
    await this.managePositionsAt(clock.nowMs());
    this.recordEquity(clock.nowMs());
  }

  /** @returns whether it acted */
  async managePositionsAt(atMs: number): Promise<boolean> {
    const { risk, broker, clock } = this.#dependencies;
    clock.set(atMs);
    const report = await managePositions({ risk, broker, clock, codeVersion: REPLAY_VERSION });
    this.#equity = report.equity ?? this.#equity;
    this.#problems.push(...problemsOf(report));
    return report.actions.length > 0;
  }

  recordEquity(atMs: number): void {
    invariant(this.#equity !== undefined, 'the position manager takes the first equity snapshot');
    const { equityMicroUsdt } = this.#equity;
    this.#snapshots.push({ atMs, equityMicroUsdt });
    this.#highWaterMicroUsdt = Math.max(this.#highWaterMicroUsdt, equityMicroUsdt);
  }

  countSignals(decided: readonly Signal[]): void {
    for (const { action, reasons } of decided) {
      this.#actions[action]++;
      for (const reason of reasons) this.#holdReasons[reason] = (this.#holdReasons[reason] ?? 0) + 1;
    }
  }

  async runBreakerAt(atMs: number): Promise<void> {
    const { risk, clock, flags, signals } = this.#dependencies;
    clock.set(atMs);
    if (!this.#request.withBreaker) return this.#renewLease();
    const notifier = { notify: async () => undefined };
    const codeVersion = REPLAY_VERSION;
    const sources = { risk, signals, shards: 1, limits: BREAKER_LIMITS, flags, notifier, clock, codeVersion };
    const { transition, failures } = await tickBreaker(sources, 'paper');
    this.#problems.push(...failures);
    const current = transition?.current;
    if (this.#trip === undefined && current?.latch === 'TRIPPED')
      this.#trip = {
        atMs: current.trippedAtMs,
        message: current.causes.map(({ code, message }) => `${code}: ${message}`).join('; '),
      };
  }

  /** Renews the lease, and the high-water mark, without evaluating anything. */
  async #renewLease(): Promise<void> {
    const { risk, clock } = this.#dependencies;
    const previous = (await risk.readGate('paper'))!.breaker;
    const revision = previous.revision + 1;
    const current = { ...previous, revision, highWaterMicroUsdt: this.#highWaterMicroUsdt };
    const lease = { untilMs: clock.nowMs() + LEASE_MS, codeVersion: REPLAY_VERSION };
    const plan = planBreakerWrite({ previous, current, lease });
    invariant((await risk.commit('paper', plan)).ok, 'nobody else writes the gate');
  }

  /** @returns whether it closed a position */
  async executeAt(atMs: number, barOpenTimeMs: number): Promise<boolean> {
    const { broker, clock, ...stores } = this.#dependencies;
    clock.set(atMs);
    const report = await execute(
      {
        ...stores,
        clock,
        brokerOf: () => broker,
        policy: this.#request.policy,
        limits: this.#request.limits,
        codeVersion: REPLAY_VERSION,
        stopwatchMs: clock.nowMs,
      },
      {
        barOpenTimeMs,
        shard: 0,
        shardCount: 1,
        ensembleId: this.#request.ensembleId,
        featureSetHash: FEATURE_SET_HASH,
        // The store in memory shows every signal at once.
        symbols: [],
      },
    );
    const outcomes = report.decisions.flatMap((decision) => decision.outcomes);
    for (const outcome of outcomes) this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1;
    return outcomes.includes('exited');
  }

  async result(): Promise<BacktestRun> {
    const { risk, broker } = this.#dependencies;
    const { scope } = broker;
    const records = executionRecords(risk);
    const positions = allValues(await records.positions.all(scope));
    const bookedLedger = await records.bookedLedger.get(scope);
    const account = await broker.positions();
    invariant(bookedLedger !== undefined && account.ok, 'the position manager keeps the ledger');
    const markPrices = new Map(account.value.rows.map(({ symbol, markPrice }) => [symbol, markPrice]));
    return {
      trades: allValues(await records.trades.all(scope)),
      open: positions.map((position) => ({
        ...position,
        markPrice: markPrices.get(position.symbol) ?? Number.NaN,
      })),
      snapshots: this.#snapshots,
      ledger: bookedLedger.value.ledger,
      signals: { actions: this.#actions, holdReasons: this.#holdReasons },
      outcomes: this.#outcomes,
      trip: this.#trip,
      problems: this.#problems,
    };
  }
}

function problemsOf({ atMs, outcome, faults, differences }: PositionManagerReport): string[] {
  const at = new Date(atMs).toISOString();
  const lines = [...faults, ...differences].map((line) => `${at} ${line}`);
  return outcome === 'completed' || lines.length > 0 ? lines : [`${at} position manager: ${outcome}`];
}
