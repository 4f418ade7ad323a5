// Whether the latch moves as it may: closed whenever a condition stands, for a cause, and open again by two people alone.
import { MINUTE_MS } from '../../../../lib/core/units.ts';
import { carriedCauses } from '../../../../lib/risk/breaker/carried-trip.ts';
import { BREAKER_LIMITS } from '../../../../lib/risk/breaker/limits.ts';
import type { TripCauseCode } from '../../../../lib/risk/breaker/trip-causes.ts';
import type { GateItem } from '../../../../lib/risk/gate.ts';
import type {
  AuditRecord,
  EquitySnapshot,
  PositionManagerRecord,
  RejectionRecord,
  TradeRecord,
} from '../../../../lib/risk/records.ts';
import { CARRYING_FLAG } from '../../../../lib/risk/use-cases/unlatched-trip.ts';
import { FAULT_KINDS, type Fault } from '../kernel/fault-plan.ts';
import type { FinishedRun } from '../world/lambda.ts';
import { SCOPE, type Stage, wasOutSince } from '../world/stage.ts';
import type { Register } from './register.ts';

interface Written<T> {
  readonly atMs: number;
  readonly value: T;
}

const SKEW_MS = 2_000;
const KEPT = 60;
/** What is told of a difference may come from as long ago: a wallet is given ten minutes, a list two runs. */
const EXPLAINS_MS = 16 * MINUTE_MS;
/** Nothing starts a function for as long, at worst. */
const SILENT_MS_MAX = 21 * MINUTE_MS;

export class LatchWatch {
  readonly #stage: Stage;
  readonly #register: Register;
  readonly #snapshots: EquitySnapshot[] = [];
  readonly #rejections: Written<RejectionRecord>[] = [];
  readonly #stopHits: Written<TradeRecord>[] = [];
  readonly #runs: Written<PositionManagerRecord>[] = [];
  readonly #finished: FinishedRun[] = [];
  readonly #audits = new Set<string>();
  readonly #owedAudits = new Map<string, number>();
  #trip:
    | {
        readonly causes: readonly { code: TripCauseCode; message: string }[];
        readonly atMs: number;
        readonly by: string;
      }
    | undefined;
  #gate: GateItem | undefined;

  constructor(stage: Stage, register: Register) {
    this.#stage = stage;
    this.#register = register;
  }

  recordWritten(key: string, value: unknown): void {
    const atMs = this.#stage.timeline.nowMs;
    for (const kept of [this.#snapshots, this.#runs, this.#rejections, this.#stopHits])
      if (kept.length > KEPT) kept.splice(0, KEPT / 2);
    if (key.startsWith('equity#')) this.#snapshots.push(value as EquitySnapshot);
    else if (key.startsWith('rejection#')) this.#rejections.push({ atMs, value: value as RejectionRecord });
    else if (key === 'position-manager') this.#runs.push({ atMs, value: value as PositionManagerRecord });
    else if (key.startsWith('trade#') && (value as TradeRecord).reason === 'stop')
      this.#stopHits.push({ atMs, value: value as TradeRecord });
    else if (key.startsWith('audit#')) {
      const { by, message } = value as AuditRecord;
      if (by.name !== '' && message !== '') this.#audits.add(key.slice('audit#'.length));
    }
  }

  gateMoved(before: GateItem | undefined, gate: GateItem, by: string): void {
    this.#gate = gate;
    if (before === undefined || before.breaker.latch === gate.breaker.latch) {
      this.#register.check(
        'latched',
        before === undefined || gate.epoch === before.epoch,
        () => `the epoch moved to ${gate.epoch}`,
      );
      this.#register.check(
        'latched',
        before === undefined ||
          before.latch === gate.latch ||
          gate.latch === 'TRIPPED' ||
          before.breaker.latch === 'ARMED',
        () => `the latch alone became ${gate.latch}`,
      );
      return;
    }
    const { nowMs } = this.#stage.timeline;
    this.#register.check(
      'latched',
      gate.epoch === before.epoch + 1,
      () => `epoch ${before.epoch} to ${gate.epoch}`,
    );
    if (gate.breaker.latch === 'TRIPPED') {
      this.#trip = { causes: gate.breaker.causes, atMs: nowMs, by };
      this.#owedAudits.set(`breaker#${gate.epoch}#tripped`, nowMs);
      this.#checkCauses();
      return;
    }
    this.#owedAudits.set(`breaker#${gate.epoch}#reset`, nowMs);
    const was = before.breaker.latch === 'TRIPPED' ? before.breaker : undefined;
    const request = was?.resetRequest;
    const cooledMs = nowMs - (was?.trippedAtMs ?? nowMs);
    const holds =
      by.startsWith('operate') &&
      request != null &&
      cooledMs >= BREAKER_LIMITS.cooldownMs - 2 * SKEW_MS &&
      request.operator.name.toLowerCase() !== this.approver.toLowerCase() &&
      gate.leaseUntilMs === before.leaseUntilMs;
    this.#register.check('latched', holds, () => {
      const asked = request == null ? 'nobody' : request.operator.name;
      return `opened by ${by} (${this.approver}), asked by ${asked}, after ${cooledMs} ms, lease ${before.leaseUntilMs} to ${gate.leaseUntilMs}`;
    });
  }

  /** Who approves at this moment, as the run knows it. */
  approver = '';

  finished(run: FinishedRun): void {
    this.#finished.push(run);
    if (this.#finished.length > 200) this.#finished.splice(0, 100);
    if (run.name === 'circuit-breaker' && run.outcome.outcome === 'done' && run.invocation.faults === 0)
      this.#checkConditions(run);
  }

  /** Conditions that stood when an undisturbed tick began. */
  #checkConditions({ invocation, clockOffsetMs }: FinishedRun): void {
    const { startedAtMs } = invocation;
    const standing = this.#standingAt(startedAtMs, clockOffsetMs);
    this.#register.check(
      'trips_in_time',
      standing.length === 0 || this.#gate === undefined || this.#gate.latch === 'TRIPPED',
      () => `${standing.join('; ')}, and the latch is ARMED`,
    );
  }

  #standingAt(atMs: number, clockOffsetMs: number): string[] {
    const breaker = this.#gate?.breaker;
    // Armed since: what came before is forgiven.
    if (breaker === undefined || breaker.latch === 'TRIPPED' || breaker.armedAtMs > atMs - 5 * MINUTE_MS)
      return [];
    const nowMs = atMs + clockOffsetMs;
    const standing: string[] = [];
    const carrying = this.#stage.flags.textAt(CARRYING_FLAG, atMs);
    if (carriedCauses(carrying, SCOPE, breaker.epoch).length > 0)
      standing.push(`a trip without a latch: ${carrying}`);
    const known = this.#runs.filter((run) => run.atMs < atMs);
    const last = known.at(-1)?.value;
    const completedAtMs = last?.completedAtMs ?? 0;
    if (nowMs - Math.max(completedAtMs, breaker.armedAtMs) > BREAKER_LIMITS.positionManagerSilentMs + SKEW_MS)
      standing.push(`no completed run since ${completedAtMs}`);
    if (last !== undefined && last.differences.length > 0)
      standing.push(`differences: ${last.differences.join(', ')}`);
    const bareMs = last?.unprotectedSinceMs == null ? 0 : nowMs - last.unprotectedSinceMs;
    if (bareMs > BREAKER_LIMITS.unprotectedMs + SKEW_MS) standing.push(`without a stop for ${bareMs} ms`);
    const marks = this.#snapshots.filter((snapshot) => snapshot.atMs < atMs).slice(-2);
    const highest = breaker.highWaterMicroUsdt;
    if (
      highest !== null &&
      marks.length === 2 &&
      marks.every(({ equityMicroUsdt }) => equityMicroUsdt <= highest * 0.88 - 1)
    )
      standing.push('equity is 12 % below its high-water mark');
    const within = <T>(rows: readonly Written<T>[], timeOf: (row: T) => number, windowMs: number) =>
      rows.filter(
        (row) =>
          row.atMs < atMs && timeOf(row.value) > nowMs - windowMs + SKEW_MS && timeOf(row.value) <= nowMs,
      );
    const rejections = within(this.#rejections, (row) => row.atMs, BREAKER_LIMITS.rejectionsWindowMs);
    const orders = new Set(rejections.map(({ value }) => value.clientOrderId));
    if (orders.size >= BREAKER_LIMITS.rejections) standing.push(`${orders.size} rejections`);
    const hits = within(this.#stopHits, (row) => row.closedAtMs, BREAKER_LIMITS.stopHitsWindowMs);
    if (hits.length >= BREAKER_LIMITS.stopHits) standing.push(`${hits.length} stops hit`);
    return standing;
  }

  #checkCauses(): void {
    const { causes, atMs, by } = this.#trip!;
    const unexplained = causes.filter((cause) => !this.#isExplained(cause.code, atMs, by));
    this.#register.check('trips_for_cause', unexplained.length === 0, () =>
      unexplained.map(({ code, message }) => `${code}: ${message}`).join('; '),
    );
  }

  #isExplained(code: TripCauseCode, atMs: number, by: string): boolean {
    const { faults } = this.#stage;
    const since = (ms: number) => faults.log.filter((fault) => fault.atMs >= atMs - ms);
    const hasRecent = (ms: number, kinds: ReadonlySet<string>) =>
      since(ms).some(({ kind }) => kinds.has(kind));
    const isDisturbed = (name: FinishedRun['name'], ms: number) =>
      this.#finished.some(
        (run) => run.name === name && run.endedAtMs >= atMs - ms && run.invocation.faults > 0,
      );
    const isOut = wasOutSince(this.#stage, atMs - EXPLAINS_MS);
    switch (code) {
      case 'operator':
        return hasRecent(2 * MINUTE_MS, BY_HAND);
      case 'reconciliation': {
        const explainsMs = EXPLAINS_MS + this.#silentMs(atMs);
        const isWithoutRecords =
          hasRecent(explainsMs + 6 * MINUTE_MS, TABLE_OUT) || isDisturbed('emergency-stop', explainsMs);
        return (
          hasRecent(explainsMs, OTHERS) ||
          // It closes what is held without the records, where these do not answer.
          (hasRecent(explainsMs, EMERGENCY_STOP) && isWithoutRecords) ||
          hasRecent(FUNDING_LATE_MS, FUNDING_LATE) ||
          since(explainsMs).some(isFalseRow) ||
          isMisledTwice(since(explainsMs))
        );
      }
      case 'unprotected_position':
        return hasRecent(EXPLAINS_MS, OTHERS) || isOut || this.#isAnyDisturbed(atMs, 8 * MINUTE_MS);
      case 'position_manager_silent':
      case 'signals_stale':
        return hasRecent(16 * MINUTE_MS, SILENCE) || isOut || this.#isAnyDisturbed(atMs, 16 * MINUTE_MS);
      case 'evidence_unreadable':
        return (
          by.startsWith('circuit-breaker') &&
          (since(3 * MINUTE_MS).length > 0 || isOut || hasRecent(8 * MINUTE_MS, TABLE_OUT))
        );
      case 'order_rejections':
        return hasRecent(EXPLAINS_MS + 4 * MINUTE_MS, REFUSALS) || isOut;
      case 'stop_hits':
        return this.#stopHits.length >= BREAKER_LIMITS.stopHits;
      case 'drawdown':
      case 'daily_loss':
        return this.#snapshots.slice(-2).some(({ equityMicroUsdt }) => equityMicroUsdt < 9_300_000_000);
      default:
        return isDisturbed('infer', EXPLAINS_MS) || hasRecent(EXPLAINS_MS, OBJECTS);
    }
  }

  /** How long the circuit breaker has not looked: it judges what came and went meanwhile. */
  #silentMs(atMs: number): number {
    const ticks = this.#finished.filter(
      ({ name, outcome, endedAtMs }) =>
        name === 'circuit-breaker' && outcome.outcome === 'done' && endedAtMs < atMs,
    );
    return atMs - (ticks.at(-1)?.endedAtMs ?? atMs - SILENT_MS_MAX);
  }

  #isAnyDisturbed(atMs: number, ms: number): boolean {
    return this.#finished.some(
      (run) => run.endedAtMs >= atMs - ms && (run.invocation.faults > 0 || run.outcome.outcome !== 'done'),
    );
  }

  /** Every trip and every reset has left its record. */
  settle(): void {
    for (const [key, atMs] of this.#owedAudits)
      this.#register.check(
        'audited',
        this.#audits.has(key),
        () => `no audit record ${key} of ${new Date(atMs).toISOString()}`,
      );
  }
}

/** A row that appears two hours late is missed first, and then one too many. */
const FUNDING_LATE_MS = 150 * MINUTE_MS;
const FUNDING_LATE: ReadonlySet<string> = new Set(['funding_late']);
/** A row that says something else than what happened, and of which no other row says the contrary. */
const isFalseRow = ({ kind, key }: Fault): boolean => kind === 'odd_row' && /userTrades|income/.test(key);
/** A run that was told of a position that there is not, in both of its looks. */
function isMisledTwice(faults: readonly Fault[]): boolean {
  const runs = faults
    .filter(({ kind, key }) => kind === 'odd_row' && key.endsWith('positionRisk'))
    .map(({ key }) => key.split('/')[0]);
  return new Set(runs).size < runs.length;
}
const EMERGENCY_STOP: ReadonlySet<string> = new Set(['emergency_stop']);
const BY_HAND: ReadonlySet<string> = new Set(['tripped_by_hand', 'emergency_stop']);
const OTHERS: ReadonlySet<string> = new Set([
  ...[
    'traded_by_hand',
    'stop_cancelled',
    'liquidated',
    'deleveraged',
    'transferred',
    'rebated',
    'stop_set_by_hand',
    'contract_ended',
    'contract_rescaled',
  ],
]);
const SILENCE: ReadonlySet<string> = new Set([
  'event_lost',
  'event_late',
  'function_silent',
  'deployed',
  'outage',
  'table_out',
]);
/** Without models, or the ensemble that names them, few or none vote. */
const OBJECTS: ReadonlySet<string> = new Set([...FAULT_KINDS.objects, ...FAULT_KINDS.models]);
/** It may last for six minutes. */
const TABLE_OUT: ReadonlySet<string> = new Set(['table_out']);
const REFUSALS: ReadonlySet<string> = new Set([
  ...['order_refused', 'keys_rotated', 'filters_changed', 'reset', 'no_answer'],
  ...[
    'answer_lost',
    'server_error',
    'page',
    'traded_by_hand',
    'liquidated',
    'deleveraged',
    'emergency_stop',
    'frozen',
    'late_effect',
    'contract_halted',
    'contract_ended',
    'contract_rescaled',
    'hedge_mode',
  ],
]);
