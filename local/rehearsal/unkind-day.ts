// A day of live trading on an exchange as unkind as is known of Binance, with every fault on, as fast as it goes. It counts what
// happened; what must be true of the counts is said by those who ask for the day.
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../lib/core/units.ts';
import { differencesOf } from '../../lib/execution/ledger/booked-ledger.ts';
import type { PositionManagerReport } from '../../lib/execution/use-cases/manage-positions.ts';
import { type SimulatedExchange, startSimulatedExchange } from '../exchange/simulated-exchange.ts';
import { UNKIND } from '../exchange/unkindness.ts';
import type { MarketSource } from '../market/market-source.ts';
import { type Job, scheduledRuns } from '../run/schedule.ts';
import { DayCounts, type DayReport, type Trip } from './day-report.ts';
import { ExternalPlan } from './external-plan.ts';
import { FaultPlan, seededDraw } from './fault-plan.ts';
import { ProtectionWatch } from './protection-watch.ts';
import { unexplainedRefusals } from './refused-orders.ts';
import { openRehearsedSystem, REHEARSAL_KEYS, type RehearsedSystem } from './rehearsed-system.ts';
import { SimulatedClock } from './simulated-clock.ts';

export interface UnkindDayOptions {
  readonly market: MarketSource;
  readonly startMs: number;
  readonly hours: number;
  readonly seed: number;
  /** Whether others act on the account: close, turn, liquidate, deleverage. */
  readonly withExternalActs: boolean;
  /** Told of what every run did, and of every fault and act. */
  readonly onEvent?: (line: string) => void;
  /** Told once an hour. */
  readonly onHour?: (line: string) => void;
}

const DEPOSIT_USDT = 100_000;
const COSTS = { impactBps: 2, takerFeeBps: 5, fundingRatePer8h: 0.0001 };
/** Between two looks at what is protected. */
const LOOK_EVERY_MS = 5 * SECOND_MS;
/** Without faults and acts at the end, longer than any trade lasts: the ledger must then be the account's. */
const QUIET_MS = 90 * MINUTE_MS;

/** Rejects when a store or the exchange of this machine fails. */
export async function runUnkindDay(options: UnkindDayOptions): Promise<DayReport> {
  const { market, startMs, seed } = options;
  const clock = new SimulatedClock(startMs);
  const exchange = await startSimulatedExchange({
    ...{ market, clock, unkind: UNKIND, faultSeed: seed },
    account: { ...REHEARSAL_KEYS, feeBurn: true, depositUsdt: DEPOSIT_USDT, costs: COSTS },
  });
  const { symbols } = market;
  const system = await openRehearsedSystem({ exchange, clock, symbols, draw: seededDraw(seed + 1) });
  try {
    return await new UnkindDay(options, { clock, exchange, system }).run();
  } finally {
    await system.close();
    await exchange.close();
  }
}

interface DayParts {
  readonly clock: SimulatedClock;
  readonly exchange: SimulatedExchange;
  readonly system: RehearsedSystem;
}

class UnkindDay {
  readonly #options: UnkindDayOptions;
  readonly #parts: DayParts;
  readonly #faults: FaultPlan;
  readonly #others: ExternalPlan;
  readonly #watch = new ProtectionWatch();
  readonly #counts = new DayCounts();
  readonly #trips: Trip[] = [];
  /** Runs in which no order could arrive. */
  readonly #ordersOutAtMs: number[] = [];
  /** Runs in which the plan had an order refused. */
  readonly #refusalsAtMs: number[] = [];
  readonly #quietFromMs: number;
  #isArmed = true;

  constructor(options: UnkindDayOptions, parts: DayParts) {
    const { startMs, hours, seed, market, withExternalActs } = options;
    const { symbols } = market;
    this.#options = options;
    this.#parts = parts;
    this.#faults = new FaultPlan(seed, startMs);
    this.#others = new ExternalPlan(
      { exchange: parts.exchange, symbols, seed: seed + 2, startMs },
      withExternalActs,
    );
    this.#quietFromMs = startMs + hours * HOUR_MS;
  }

  async run(): Promise<DayReport> {
    const { startMs, onHour } = this.#options;
    const endMs = this.#quietFromMs + QUIET_MS;
    let hour = 0;
    for (const { job, dueMs } of scheduledRuns(startMs)) {
      if (dueMs >= endMs) break;
      this.#advanceTo(dueMs);
      await this.#run(job);
      this.#look();
      const passed = Math.floor((dueMs - startMs) / HOUR_MS);
      if (passed > hour) onHour?.(`hour ${passed}: ${this.#counts.line()}, ${this.#trips.length} trips`);
      hour = passed;
    }
    return this.#report();
  }

  async #run(job: Job): Promise<void> {
    const { exchange, clock, system } = this.#parts;
    const isQuiet = clock.nowMs() >= this.#quietFromMs;
    exchange.faults.clear();
    const faults = isQuiet ? [] : this.#faults.faultsOf(job, clock.nowMs());
    for (const fault of faults) exchange.faults.inject(fault);
    if (!isQuiet && this.#faults.isOrderRouteOut(clock.nowMs())) this.#ordersOutAtMs.push(clock.nowMs());
    if (faults.some(({ kind }) => kind === 'reject')) this.#refusalsAtMs.push(clock.nowMs());
    if (faults.length > 0) this.#tell(`faults at ${job}: ${JSON.stringify(faults)}`);
    switch (job) {
      case 'infer': {
        const inferred = await system.infer();
        this.#counts.infer(inferred.run);
        const report = await system.execute(inferred);
        this.#counts.execute(report);
        for (const { symbol, action, outcomes, message } of report?.decisions ?? [])
          this.#tell(`execute: ${symbol} ${action} ${outcomes.join(' ')} ${message}`);
        return;
      }
      case 'manage-positions':
        this.#manage(await system.managePositions());
        if (!isQuiet) this.#act();
        return;
      case 'circuit-breaker':
        await system.tick();
        await this.#followLatch();
        return;
      default: // The others have no part in a day of trading.
    }
  }

  #manage(report: PositionManagerReport): void {
    this.#counts.manage(report);
    const { outcome, actions, faults, differences } = report;
    const done = actions.map(({ symbol, done }) => `${symbol} ${done.join(' ')}`);
    const lines = [...done, ...differences, ...faults];
    if (lines.length > 0) this.#tell(`manage-positions ${outcome}: ${lines.join('; ')}`);
  }

  #tell(line: string): void {
    const { clock } = this.#parts;
    this.#options.onEvent?.(`${new Date(clock.nowMs()).toISOString()} ${line}`);
  }

  #act(): void {
    const before = this.#others.acts.length;
    this.#others.act(this.#parts.clock.nowMs(), { isArmed: this.#isArmed });
    for (const { symbol, what } of this.#others.acts.slice(before)) {
      this.#watch.touch(symbol);
      this.#tell(`others: ${symbol} ${what}`);
    }
  }

  /** Notes a trip once; resets it as soon as that is possible. */
  async #followLatch(): Promise<void> {
    const { system, clock, exchange } = this.#parts;
    const breaker = await system.latch();
    if (breaker?.latch !== 'TRIPPED') return;
    if (this.#isArmed) {
      const causes = breaker.causes.map(({ code, message }) => `${code}: ${message}`);
      const unexplained = await unexplainedRefusals(system.records, clock.nowMs(), {
        plannedAtMs: this.#refusalsAtMs,
        ordersOutAtMs: this.#ordersOutAtMs,
        changes: this.#others.changes,
        contract: (symbol) => exchange.contract(symbol),
      });
      const differences = (await system.records.positionManager.get('live'))?.value.differences ?? [];
      this.#tell(`tripped: ${causes.join('; ')}`);
      this.#trips.push({
        ...{ atMs: clock.nowMs(), causes, differences },
        unexplainedRefusals: unexplained,
      });
    }
    this.#isArmed = await system.reset();
    if (this.#isArmed) this.#counts.resets++;
  }

  /** Moves the clock step by step, looking at what is protected. */
  #advanceTo(timeMs: number): void {
    const { clock } = this.#parts;
    while (clock.nowMs() < timeMs) {
      clock.advanceTo(Math.min(clock.nowMs() + LOOK_EVERY_MS, timeMs));
      this.#look();
    }
  }

  #look(): void {
    const { clock, exchange } = this.#parts;
    const nowMs = clock.nowMs();
    this.#watch.look(nowMs, exchange.truth()!, { canOrder: !this.#faults.isOrderRouteOut(nowMs) });
  }

  async #report(): Promise<DayReport> {
    const { exchange, system } = this.#parts;
    const { walletMicroUsdt, positions } = exchange.truth()!;
    const ledger = (await system.records.bookedLedger.get('live'))?.value.ledger;
    const costed = positions.map((position) => ({ ...position, entryPrice: Number.NaN }));
    const differencesAtEnd =
      ledger === undefined
        ? ['no ledger was ever opened']
        : differencesOf(ledger, { walletMicroUsdt, positions: costed });
    return {
      ...(await this.#counts.withRecords(system.records)),
      faults: exchange.faults.counts(),
      trips: this.#trips,
      acts: this.#others.acts,
      changes: this.#others.changes,
      longestUnprotectedMs: this.#watch.longestMs,
      longestUnprotectedExternalMs: this.#watch.longestExternalMs,
      spans: this.#watch.spans,
      differencesAtEnd,
      unexplainedMicroUsdt: ledger === undefined ? 0 : ledger.depositMicroUsdt - DEPOSIT_USDT * 1e6,
    };
  }
}
