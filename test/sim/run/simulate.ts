// One run: a stage, some days of faults, then quiet; everything that happens is watched.
import { MINUTE_MS } from '../../../lib/core/units.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { initialRollout } from '../../../lib/risk/level.ts';
import { generateMarket } from '../../../local/market/generated-market.ts';
import { EntryWatch } from '../invariants/entries.ts';
import { LatchWatch } from '../invariants/latch.ts';
import { ProtectionWatch } from '../invariants/protection.ts';
import { Register, type Violation } from '../invariants/register.ts';
import { checkSettled } from '../invariants/settled.ts';
import { type Fault, type FaultChoice, FaultPlan } from '../kernel/fault-plan.ts';
import { Timeline } from '../kernel/timeline.ts';
import { type FinishedRun, Lambda } from '../world/lambda.ts';
import { People } from '../world/people.ts';
import { Schedule } from '../world/schedule.ts';
import { openStage, SCOPE, type Stage } from '../world/stage.ts';

export interface RunRequest extends FaultChoice {
  readonly seed: number;
  readonly days: number;
  readonly onLine?: ((line: string) => void) | undefined;
}

export interface RunReport {
  readonly violations: readonly Violation[];
  readonly faults: readonly Fault[];
  readonly faultCounts: Readonly<Record<string, number>>;
  readonly tested: Readonly<Record<string, number>>;
  readonly seen: Readonly<Record<string, number>>;
}

const START_MS = Date.UTC(2024, 7, 5);
const SYMBOLS = 4;
const WARM_MINUTES = 10;
/** A wallet is explained within ten minutes, a breaker reset after half an hour. */
const QUIET_MINUTES = 55;
const MINUTES_PER_DAY = 1_440;

export async function simulate(request: RunRequest): Promise<RunReport> {
  const { seed, days } = request;
  const timeline = new Timeline(START_MS);
  const faults = new FaultPlan(seed, request);
  const bars = Math.ceil((days * MINUTES_PER_DAY + QUIET_MINUTES + 30) / 5) + 60;
  const market = generateMarket({ seed, symbols: SYMBOLS, fromMs: START_MS - 48 * BAR_MS, bars });
  const stage = await openStage({ timeline, faults }, { seed, market, isUnkind: seed % 2 === 1 });
  const run = new Run(stage, request);
  return run.whole(days);
}

class Run {
  readonly #stage: Stage;
  readonly #request: RunRequest;
  readonly #register: Register;
  readonly #entries: EntryWatch;
  readonly #protection: ProtectionWatch;
  readonly #latch: LatchWatch;
  readonly #lambda: Lambda;
  readonly #people: People;
  readonly #seen: Record<string, number> = {};

  constructor(stage: Stage, request: RunRequest) {
    this.#stage = stage;
    this.#request = request;
    this.#register = new Register(
      () => stage.timeline.nowMs,
      () => stage.timeline.stop(),
    );
    this.#lambda = new Lambda(stage, (finished) => this.#finished(finished));
    this.#people = new People(stage, this.#lambda, (line) => this.#tell(line));
    this.#entries = new EntryWatch(stage, this.#register);
    this.#protection = new ProtectionWatch(stage, this.#register, this.#people.touchedAtMs);
    this.#latch = new LatchWatch(stage, this.#register);
    stage.watch = {
      sent: (sent) => this.#entries.sent(sent),
      answered: (sent, status, body) => {
        this.#entries.answered(sent, status, body);
        if (sent.method !== 'GET') this.#protection.look();
        if (sent.method === 'POST')
          this.#tell(
            `${sent.environment.name} ${sent.path} ${sent.parameters.get('symbol')} ${sent.parameters.get('side')} ${status}`,
          );
      },
      gateMoved: (before, after, by) => {
        this.#entries.gateMoved(before, after);
        this.#latch.approver = this.#lambda.actorOf(by);
        this.#latch.gateMoved(before, after, by);
        if (before?.latch !== after.latch)
          this.#count(
            `latch ${after.latch}`,
            JSON.stringify('causes' in after.breaker ? after.breaker.causes : ''),
          );
      },
      flagsMoved: () => this.#entries.gatesMoved(),
      recordWritten: (key, value) => {
        this.#entries.recordWritten(key, value);
        this.#latch.recordWritten(key, value);
      },
    };
  }

  async whole(days: number): Promise<RunReport> {
    const { timeline, faults, risk } = this.#stage;
    const rollout = { ...initialRollout(START_MS), level: 'FULL' as const };
    await executionRecords(risk).rollout.put(SCOPE, rollout, { ifAbsent: true });
    const schedule = new Schedule(this.#stage, this.#lambda);
    const quietFromMs = START_MS + (WARM_MINUTES + days * MINUTES_PER_DAY) * MINUTE_MS;
    const endMs = quietFromMs + QUIET_MINUTES * MINUTE_MS;
    // The first minutes are calm: a stage that starts in a storm may wait for its first runs.
    faults.quietFromMs = 0;
    for (
      let minuteMs = START_MS;
      minuteMs < endMs && this.#register.violations.length === 0;
      minuteMs += MINUTE_MS
    ) {
      if (minuteMs === START_MS + WARM_MINUTES * MINUTE_MS) faults.quietFromMs = quietFromMs;
      if (minuteMs === quietFromMs) this.#quiet();
      schedule.minute(minuteMs);
      await this.#people.minute(minuteMs);
      await timeline.runUntil(minuteMs + MINUTE_MS - 1);
      this.#protection.look();
    }
    if (this.#register.violations.length === 0) {
      await checkSettled(this.#stage, this.#register);
      this.#latch.settle();
    }
    return this.#report();
  }

  #quiet(): void {
    this.#stage.outage = { paths: [], untilMs: 0 };
    for (const symbol of this.#stage.symbols)
      this.#stage.core.external.changeMark({ symbol, offsetBps: null });
  }

  #finished(run: FinishedRun): void {
    const { name, outcome, invocation } = run;
    this.#count(`${name} ${outcome.outcome}`);
    if (outcome.outcome !== 'done')
      this.#tell(`${invocation.key}: ${outcome.outcome} ${'message' in outcome ? outcome.message : ''}`);
    else if (name === 'execute') this.#tell(`${invocation.key}: ${JSON.stringify(outcome.result)}`);
    this.#latch.finished(run);
    if (name === 'manage-positions') this.#protection.managed(run);
    if (name === 'circuit-breaker' && outcome.outcome === 'done' && invocation.faults === 0)
      void this.#protection.ticked(invocation.startedAtMs);
  }

  #count(what: string, detail = ''): void {
    this.#seen[what] = (this.#seen[what] ?? 0) + 1;
    if (detail !== '') this.#tell(`${what} ${detail}`);
  }

  #tell(line: string): void {
    this.#request.onLine?.(`${new Date(this.#stage.timeline.nowMs).toISOString()} ${line}`);
  }

  #report(): RunReport {
    const { faults } = this.#stage;
    return {
      violations: this.#register.violations,
      faults: faults.log,
      faultCounts: Object.fromEntries([...faults.counts].sort()),
      tested: Object.fromEntries([...this.#register.tested].sort()),
      seen: this.#seen,
    };
  }
}
