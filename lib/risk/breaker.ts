// The circuit breaker: when trading stops by itself, and what it takes to start again. Conditions are judged from evidence,
// and one that cannot be judged trips. The state only moves by `transition`, a pure total function: TRIPPED is left by a
// reset alone, never by time, restart or midnight.

import { z } from 'zod';
import { BAR_MS } from '../market/candle.ts';
import type { Reading } from './effective-mode.ts';
import { CLOCK_SKEW_MS_MAX, LEASE_MS } from './latch.ts';

/** Closed list of what trips the breaker. */
const TRIP_CAUSES = {
  drawdown: 'equity is too far below its high-water mark',
  daily_loss: 'the loss of this UTC day is too large',
  stop_hits: 'too many stop-losses were hit in a short time',
  signals_stale: 'no fresh signals',
  feature_mismatch: 'a model met another feature set than its own',
  too_few_models: 'fewer than 2 models are loaded',
  low_consensus: 'the models disagree',
  order_rejections: 'the exchange rejects orders',
  reconciliation: 'exchange and ledger differ',
  unprotected_position: 'a position has no stop',
  position_manager_silent: 'the guard has shown no sign of life',
  evidence_unreadable: 'a condition cannot be evaluated',
  operator: 'an operator tripped it',
  state_lost: "the breaker's own state is gone",
} as const;
export type TripCauseCode = keyof typeof TRIP_CAUSES;

export interface TripCause {
  readonly code: TripCauseCode;
  /** One line for the operator: what was seen. */
  readonly message: string;
}

export interface BreakerLimits {
  readonly drawdownFraction: number;
  readonly dailyLossFraction: number;
  readonly stopHits: number;
  readonly stopHitsWindowMs: number;
  readonly signalsAgeBars: number;
  readonly models: number;
  readonly consensusFraction: number;
  readonly consensusBars: number;
  readonly rejections: number;
  readonly rejectionsWindowMs: number;
  readonly unprotectedMs: number;
  readonly positionManagerSilentMs: number;
  /** From a trip to the earliest reset. */
  readonly cooldownMs: number;
}

const MINUTE_MS = 60_000;
/** The guard and the breaker look once a minute: what happened may be known this much later, and was within a window then. */
export const SEEN_LATE_MS = LEASE_MS;
/** A bar's signals are given this long after its close before they count as absent. */
const INFER_MS_MAX = MINUTE_MS;

export const BREAKER_LIMITS: BreakerLimits = {
  drawdownFraction: 0.12,
  dailyLossFraction: 0.08,
  stopHits: 5,
  stopHitsWindowMs: 45 * MINUTE_MS,
  signalsAgeBars: 2,
  models: 2,
  consensusFraction: 0.5,
  consensusBars: 24,
  rejections: 3,
  rejectionsWindowMs: 15 * MINUTE_MS,
  unprotectedMs: MINUTE_MS,
  positionManagerSilentMs: 150_000,
  cooldownMs: 30 * MINUTE_MS,
};

/** Equity marked to market, fees paid and funding included. */
export interface EquityMark {
  readonly atMs: number;
  readonly equityMicroUsdt: number;
}

/**
 * What a tick looks at. `unreadable` trips at once; `missing` is what has not happened yet: it trips where it should have
 * happened by now, counted from the arming.
 */
export interface BreakerEvidence {
  /** The newest marks, newest first; two are enough. */
  readonly snapshots: Reading<readonly EquityMark[]>;
  /** Equity at 00:00 UTC of this day, or at the first mark of the day. */
  readonly dayStartMicroUsdt: Reading<number>;
  /** Times of the stop-losses hit, at least of the window and SEEN_LATE_MS before it. */
  readonly stopHitsAtMs: Reading<readonly number[]>;
  /** Bar (open time) of the newest signal of every shard: the oldest of these. */
  readonly newestSignalBarMs: Reading<number>;
  /** Feature-schema mismatches since the arming, while TRIPPED of the newest run. */
  readonly featureMismatches: Reading<number>;
  /** Models that served in the newest run; the fewest of any shard. */
  readonly loadedModels: Reading<number>;
  /** Mean consensus of the newest bars, newest first. */
  readonly consensusFractions: Reading<readonly number[]>;
  /** Times of the orders that the exchange rejected, as far back as for stop-losses. */
  readonly rejectionsAtMs: Reading<readonly number[]>;
  /** Differences that the last reconciliation left standing. */
  readonly reconciliationDifferences: Reading<number>;
  /** Since when the position longest without a stop has had none; null when every position has one. */
  readonly unprotectedSinceMs: Reading<number | null>;
  /** Last completed run of the guard. */
  readonly positionManagerAtMs: Reading<number>;
}

const common = {
  /** Grows with every write, so that two writers cannot overwrite each other. */
  revision: z.int().min(0),
  /** Grows with every trip and every reset. */
  epoch: z.int().min(0),
  armedAtMs: z.int(),
  /** Highest confirmed equity since the arming; null before the first two marks. Only a reset lowers it. */
  highWaterMicroUsdt: z.int().positive().nullable(),
};
const armedSchema = z.strictObject({ latch: z.literal('ARMED'), ...common });
const trippedSchema = z.strictObject({
  latch: z.literal('TRIPPED'),
  ...common,
  trippedAtMs: z.int(),
  /** One per code: what tripped it, and what has come up since. */
  causes: z.array(
    z.strictObject({ code: z.enum(Object.keys(TRIP_CAUSES) as [TripCauseCode]), message: z.string() }),
  ),
  /** Whether people were told; until then every tick tries again. */
  notified: z.boolean(),
  /** A first operator's wish to reset, waiting for a second one. */
  resetRequest: z.strictObject({ operator: z.string(), reason: z.string(), atMs: z.int() }).nullable(),
});
export const breakerStateSchema = z.discriminatedUnion('latch', [armedSchema, trippedSchema]);
type ArmedState = z.infer<typeof armedSchema>;
type TrippedState = z.infer<typeof trippedSchema>;
export type BreakerState = z.infer<typeof breakerStateSchema>;

export type BreakerEvent =
  | { readonly kind: 'tick'; readonly nowMs: number; readonly evidence: BreakerEvidence }
  | { readonly kind: 'trip'; readonly nowMs: number; readonly operator: string; readonly reason: string }
  | { readonly kind: 'notified'; readonly epoch: number }
  | {
      readonly kind: 'reset_requested';
      readonly nowMs: number;
      readonly operator: string;
      readonly reason: string;
    }
  | {
      readonly kind: 'reset_approved';
      readonly nowMs: number;
      readonly operator: string;
      readonly evidence: BreakerEvidence;
    };

/** Closed list of why a reset is refused. */
const RESET_REFUSALS = {
  not_tripped: 'the breaker has not tripped',
  operator_missing: 'no operator is named',
  reason_missing: 'no reason is given',
  no_request: 'no operator has asked for a reset within the last hour',
  same_operator: 'a second, different operator must approve',
  cooling_down: 'the cooldown is not over',
  cause_not_cleared: 'a condition that trips still holds',
} as const;
export type ResetRefusal = keyof typeof RESET_REFUSALS;

/**
 * To be carried out in order; each may be repeated without harm, and the next tick repeats what was not done. `write_state`
 * is first: latch and lease in one conditional write. `audit` is keyed by epoch and what happened, written once.
 */
export type BreakerEffect =
  | { readonly kind: 'write_state'; readonly leaseUntilMs: number | undefined }
  | { readonly kind: 'close_flags' }
  | {
      readonly kind: 'audit';
      readonly key: string;
      readonly what: 'tripped' | 'reset_requested' | 'reset';
      readonly by: string;
      readonly message: string;
    }
  | { readonly kind: 'notify'; readonly epoch: number; readonly text: string };

export interface BreakerTransition {
  readonly previous: BreakerState;
  readonly current: BreakerState;
  readonly effects: readonly BreakerEffect[];
  /** Set when a reset was asked for and did not take place. */
  readonly refusal: { readonly code: ResetRefusal; readonly message: string } | undefined;
}

/** What the breaker writes to the flags when it trips and every minute until it is reset. It never opens one. */
export const CLOSED_FLAGS = {
  CIRCUIT_BREAKER_TRIGGERED: 'true',
  QT_ENABLE_EXECUTION: 'false',
  QT_ENABLE_AI_TRADING: 'false',
} as const;

const REQUEST_AGE_MS_MAX = 60 * MINUTE_MS;
const TEXT_CHARS_MAX = 500;

/** The state of a breaker that was never armed before. */
export const firstArmed = (nowMs: number): ArmedState => ({
  latch: 'ARMED',
  revision: 0,
  epoch: 1,
  armedAtMs: nowMs,
  highWaterMicroUsdt: null,
});

/** The state that stands in for a lost one. Its epoch is the time, and so above every one counted before. */
export const lostState = (nowMs: number): TrippedState => ({
  latch: 'TRIPPED',
  revision: 0,
  epoch: nowMs,
  armedAtMs: nowMs,
  highWaterMicroUsdt: null,
  trippedAtMs: nowMs,
  causes: [{ code: 'state_lost', message: TRIP_CAUSES.state_lost }],
  notified: false,
  resetRequest: null,
});

const cause = (code: TripCauseCode, message: string = TRIP_CAUSES[code]): TripCause => ({ code, message });

const unreadable = (what: string, why: string): TripCause => cause('evidence_unreadable', `${what}: ${why}`);

/** A reading's verdict: `judge` sees only what was read, and what is missing is fine only where `missing` says so. */
function judged<T>(
  what: string,
  reading: Reading<T>,
  judge: (value: T) => TripCause | null,
  missing: TripCause | null = unreadable(what, 'missing'),
): TripCause[] {
  if (reading.state === 'unreadable') return [unreadable(what, reading.why)];
  const found = reading.state === 'missing' ? missing : judge(reading.value);
  return found === null ? [] : [found];
}

// In all that follows a comparison says what is provably fine and is then negated: NaN trips.

const percent = (fraction: number): string => `${(fraction * 100).toFixed(2)} %`;

/** Loss from `base` to `equity` as a fraction, by the better of the two newest marks: one bad mark alone does not trip. */
function confirmedLoss(snapshots: readonly EquityMark[], base: number): number {
  const [newest, before] = snapshots;
  if (newest === undefined || before === undefined) return 0;
  return (base - Math.max(newest.equityMicroUsdt, before.equityMicroUsdt)) / base;
}

interface Judging {
  readonly nowMs: number;
  readonly limits: BreakerLimits;
  /** Arming time and high-water mark that the evidence is judged against. */
  readonly armedAtMs: number;
  readonly highWaterMicroUsdt: number | null;
}

/** Whether what happens every minute should have happened by now. */
const overdue = ({ nowMs, limits, armedAtMs }: Judging): boolean =>
  !(nowMs - armedAtMs <= limits.positionManagerSilentMs);

function markFault(snapshots: readonly EquityMark[], judging: Judging): string | undefined {
  const [newest, before] = snapshots;
  const wellFormed = snapshots.every(
    (snapshot) => Number.isSafeInteger(snapshot.equityMicroUsdt) && Number.isSafeInteger(snapshot.atMs),
  );
  if (!wellFormed) return 'a mark is not an amount';
  if (newest === undefined || before === undefined) {
    return overdue(judging) ? 'fewer than two marks since the arming' : undefined;
  }
  if (newest.atMs <= before.atMs) return 'the marks are not in order';
  if (!(newest.atMs <= judging.nowMs + CLOCK_SKEW_MS_MAX)) return 'the newest mark is in the future';
  const ageMs = judging.nowMs - Math.max(newest.atMs, judging.armedAtMs);
  return ageMs <= judging.limits.positionManagerSilentMs
    ? undefined
    : `last marked ${Math.round(ageMs / 1000)} s ago`;
}

function equityCauses(evidence: BreakerEvidence, judging: Judging): TripCause[] {
  const { limits, highWaterMicroUsdt } = judging;
  const drawdown = (snapshots: readonly EquityMark[]) => {
    const fault = markFault(snapshots, judging);
    if (fault !== undefined) return unreadable('equity', fault);
    if (highWaterMicroUsdt === null) return null;
    const loss = confirmedLoss(snapshots, highWaterMicroUsdt);
    return loss < limits.drawdownFraction
      ? null
      : cause('drawdown', `equity is ${percent(loss)} below its high-water mark`);
  };
  const dailyLoss = (dayStartMicroUsdt: number) => {
    if (!(Number.isSafeInteger(dayStartMicroUsdt) && dayStartMicroUsdt > 0)) {
      return unreadable('start of day', 'not an amount');
    }
    // Marks that are no good have their own cause.
    if (evidence.snapshots.state !== 'value' || markFault(evidence.snapshots.value, judging) !== undefined)
      return null;
    const loss = confirmedLoss(evidence.snapshots.value, dayStartMicroUsdt);
    return loss < limits.dailyLossFraction
      ? null
      : cause('daily_loss', `${percent(loss)} lost since 00:00 UTC`);
  };
  const missing = (what: string) => (overdue(judging) ? unreadable(what, 'missing') : null);
  return [
    ...judged('equity', evidence.snapshots, drawdown, missing('equity')),
    ...judged('start of day', evidence.dayStartMicroUsdt, dailyLoss, missing('start of day')),
  ];
}

/** Most of the times that lie within one window which ended just now, or since what was seen last; a future or broken one is now. */
function mostWithin(timesMs: readonly number[], nowMs: number, windowMs: number): number {
  const recent = timesMs
    .filter((atMs) => !(atMs < nowMs - windowMs - SEEN_LATE_MS))
    .map((atMs) => (atMs <= nowMs ? atMs : nowMs));
  const counts = recent.map(
    (endMs) => recent.filter((atMs) => atMs <= endMs && atMs >= endMs - windowMs).length,
  );
  return Math.max(0, ...counts);
}

function orderCauses(evidence: BreakerEvidence, { nowMs, limits }: Judging): TripCause[] {
  const counted = (code: 'stop_hits' | 'order_rejections', limit: number, windowMs: number) => {
    return (times: readonly number[]): TripCause | null => {
      const count = mostWithin(times, nowMs, windowMs);
      return count < limit ? null : cause(code, `${count} within ${windowMs / MINUTE_MS} min`);
    };
  };
  return [
    ...judged(
      'stop hits',
      evidence.stopHitsAtMs,
      counted('stop_hits', limits.stopHits, limits.stopHitsWindowMs),
    ),
    ...judged(
      'rejections',
      evidence.rejectionsAtMs,
      counted('order_rejections', limits.rejections, limits.rejectionsWindowMs),
    ),
    ...judged('reconciliation', evidence.reconciliationDifferences, (count) =>
      count === 0 ? null : cause('reconciliation', `${count} differences stand`),
    ),
    ...judged('naked positions', evidence.unprotectedSinceMs, (sinceMs) =>
      sinceMs === null || nowMs - sinceMs <= limits.unprotectedMs
        ? null
        : cause(
            'unprotected_position',
            `a position has had no stop for ${Math.round((nowMs - sinceMs) / 1000)} s`,
          ),
    ),
  ];
}

function modelCauses(evidence: BreakerEvidence, limits: BreakerLimits): TripCause[] {
  return [
    ...judged('feature mismatches', evidence.featureMismatches, (count) =>
      count === 0 ? null : cause('feature_mismatch', `${count} mismatches`),
    ),
    // Before the first run there is none to judge; `signals_stale` sees to it that there will be one.
    ...judged(
      'loaded models',
      evidence.loadedModels,
      (count) => (count >= limits.models ? null : cause('too_few_models', `${count} loaded`)),
      null,
    ),
    ...judged('consensus', evidence.consensusFractions, (fractions) => {
      const bars = fractions.slice(0, limits.consensusBars);
      if (bars.length < limits.consensusBars) return null;
      const mean = bars.reduce((sum, fraction) => sum + fraction, 0) / bars.length;
      return mean >= limits.consensusFraction
        ? null
        : cause('low_consensus', `${percent(mean)} over ${bars.length} bars`);
    }),
  ];
}

/** Every cause that holds; empty when all conditions were evaluated and are fine. */
function tripCauses(evidence: BreakerEvidence, judging: Judging): TripCause[] {
  const { nowMs, limits, armedAtMs } = judging;
  const silentSince = (
    code: 'signals_stale' | 'position_manager_silent',
    lastMs: number,
    ageMsMax: number,
  ) => {
    if (!(lastMs <= nowMs + CLOCK_SKEW_MS_MAX))
      return unreadable(code, 'the last sign of life is in the future');
    const silentMs = nowMs - Math.max(lastMs, armedAtMs);
    return silentMs <= ageMsMax ? null : cause(code, `silent for ${Math.round(silentMs / 1000)} s`);
  };
  const signals = (barOpenTimeMs: number) =>
    silentSince('signals_stale', barOpenTimeMs + BAR_MS, limits.signalsAgeBars * BAR_MS + INFER_MS_MAX);
  const managePositions = (atMs: number) =>
    silentSince('position_manager_silent', atMs, limits.positionManagerSilentMs);
  const never = Number.NEGATIVE_INFINITY;
  return [
    ...equityCauses(evidence, judging),
    ...orderCauses(evidence, judging),
    ...modelCauses(evidence, limits),
    ...judged('signals', evidence.newestSignalBarMs, signals, signals(never)),
    ...judged('manage-positions', evidence.positionManagerAtMs, managePositions, managePositions(never)),
  ];
}

/** High-water mark after a tick: raised by the lower of two marks, so that one bad mark cannot raise it either. */
function raised(highWaterMicroUsdt: number | null, snapshots: BreakerEvidence['snapshots']): number | null {
  if (snapshots.state !== 'value' || snapshots.value.length < 2) return highWaterMicroUsdt;
  const confirmed = Math.min(snapshots.value[0]!.equityMicroUsdt, snapshots.value[1]!.equityMicroUsdt);
  if (!(Number.isSafeInteger(confirmed) && confirmed > 0)) return highWaterMicroUsdt;
  return Math.max(highWaterMicroUsdt ?? confirmed, confirmed);
}

const describe = (causes: readonly TripCause[]): string =>
  causes
    .map(({ code, message }) => `${code}: ${message}`)
    .join('; ')
    .slice(0, 2 * TEXT_CHARS_MAX);

function trippedEffects(state: TrippedState, by: string, leaseUntilMs: number | undefined): BreakerEffect[] {
  const text = describe(state.causes);
  return [
    { kind: 'write_state', leaseUntilMs },
    { kind: 'close_flags' },
    { kind: 'audit', key: `${state.epoch}#tripped`, what: 'tripped', by, message: text },
    ...(state.notified
      ? []
      : [{ kind: 'notify' as const, epoch: state.epoch, text: `Circuit breaker tripped. ${text}` }]),
  ];
}

const firstOfEachCode = (causes: readonly TripCause[]): TripCause[] =>
  causes.filter(({ code }, index) => causes.findIndex((other) => other.code === code) === index);

function tripped(state: BreakerState, nowMs: number, causes: readonly TripCause[]): TrippedState {
  if (state.latch === 'TRIPPED') return { ...state, causes: firstOfEachCode([...state.causes, ...causes]) };
  return {
    ...state,
    latch: 'TRIPPED',
    epoch: state.epoch + 1,
    trippedAtMs: nowMs,
    causes: firstOfEachCode(causes),
    notified: false,
    resetRequest: null,
  };
}

type Outcome = Omit<BreakerTransition, 'previous'>;

function onTick(
  state: BreakerState,
  event: Extract<BreakerEvent, { kind: 'tick' }>,
  limits: BreakerLimits,
): Outcome {
  const { nowMs, evidence } = event;
  const leaseUntilMs = nowMs + LEASE_MS;
  const causes = tripCauses(evidence, { ...state, nowMs, limits });
  if (state.latch === 'ARMED' && causes.length === 0) {
    const current = { ...state, highWaterMicroUsdt: raised(state.highWaterMicroUsdt, evidence.snapshots) };
    return { current, effects: [{ kind: 'write_state', leaseUntilMs }], refusal: undefined };
  }
  const current = tripped(state, nowMs, causes);
  return { current, effects: trippedEffects(current, 'circuit-breaker', leaseUntilMs), refusal: undefined };
}

function onTrip(state: BreakerState, event: Extract<BreakerEvent, { kind: 'trip' }>): Outcome {
  const by = event.operator.trim().slice(0, TEXT_CHARS_MAX) || 'unnamed';
  const reason = event.reason.trim().slice(0, TEXT_CHARS_MAX) || 'no reason given';
  const current = tripped(state, event.nowMs, [cause('operator', `${by}: ${reason}`)]);
  return { current, effects: trippedEffects(current, by, undefined), refusal: undefined };
}

function refused(state: BreakerState, code: ResetRefusal, message: string = RESET_REFUSALS[code]): Outcome {
  return { current: state, effects: [], refusal: { code, message } };
}

function onResetRequested(
  state: BreakerState,
  event: Extract<BreakerEvent, { kind: 'reset_requested' }>,
): Outcome {
  if (state.latch === 'ARMED') return refused(state, 'not_tripped');
  const operator = event.operator.trim().slice(0, TEXT_CHARS_MAX);
  const reason = event.reason.trim().slice(0, TEXT_CHARS_MAX);
  if (operator === '') return refused(state, 'operator_missing');
  if (reason === '') return refused(state, 'reason_missing');
  return {
    current: { ...state, resetRequest: { operator, reason, atMs: event.nowMs } },
    effects: [
      { kind: 'write_state', leaseUntilMs: undefined },
      {
        kind: 'audit',
        key: `${state.epoch}#reset_requested#${event.nowMs}`,
        what: 'reset_requested',
        by: operator,
        message: reason,
      },
    ],
    refusal: undefined,
  };
}

function onResetApproved(
  state: BreakerState,
  event: Extract<BreakerEvent, { kind: 'reset_approved' }>,
  limits: BreakerLimits,
): Outcome {
  const { nowMs, evidence } = event;
  if (state.latch === 'ARMED') return refused(state, 'not_tripped');
  const operator = event.operator.trim().slice(0, TEXT_CHARS_MAX);
  if (operator === '') return refused(state, 'operator_missing');
  const request = state.resetRequest;
  const requestAgeMs = request === null ? Number.NaN : nowMs - request.atMs;
  if (request === null || !(requestAgeMs >= 0 && requestAgeMs <= REQUEST_AGE_MS_MAX)) {
    return refused(state, 'no_request');
  }
  if (operator.toLowerCase() === request.operator.toLowerCase()) return refused(state, 'same_operator');
  if (!(nowMs - state.trippedAtMs >= limits.cooldownMs)) return refused(state, 'cooling_down');
  // The drawdown itself is what the operators accept: equity is judged against the mark that they set here.
  const highWaterMicroUsdt = raised(null, evidence.snapshots);
  const causes = tripCauses(evidence, { armedAtMs: state.armedAtMs, highWaterMicroUsdt, nowMs, limits });
  if (causes.length > 0) return refused(state, 'cause_not_cleared', describe(causes));
  const by = `${request.operator} and ${operator}`;
  const epoch = state.epoch + 1;
  return {
    current: { latch: 'ARMED', revision: state.revision, epoch, armedAtMs: nowMs, highWaterMicroUsdt },
    effects: [
      { kind: 'write_state', leaseUntilMs: undefined },
      { kind: 'audit', key: `${epoch}#reset`, what: 'reset', by, message: request.reason },
      { kind: 'notify', epoch, text: `Circuit breaker reset by ${by}. ${request.reason}` },
    ],
    refusal: undefined,
  };
}

function onNotified(state: BreakerState, epoch: number): Outcome {
  if (state.latch === 'ARMED' || epoch !== state.epoch) {
    return { current: state, effects: [], refusal: undefined };
  }
  const effects: BreakerEffect[] = [{ kind: 'write_state', leaseUntilMs: undefined }];
  return { current: { ...state, notified: true }, effects, refusal: undefined };
}

function outcome(state: BreakerState, event: BreakerEvent, limits: BreakerLimits): Outcome {
  switch (event.kind) {
    case 'tick':
      return onTick(state, event, limits);
    case 'trip':
      return onTrip(state, event);
    case 'notified':
      return onNotified(state, event.epoch);
    case 'reset_requested':
      return onResetRequested(state, event);
    case 'reset_approved':
      return onResetApproved(state, event, limits);
  }
}

/**
 * The next state and what has to be done, for any state and any event. Never throws. The epoch never falls, and grows with
 * every change of the latch. Flags stay closed after a reset: opening them is an operator's own step.
 */
export function transition(
  state: BreakerState,
  event: BreakerEvent,
  limits: BreakerLimits,
): BreakerTransition {
  const { current, effects, refusal } = outcome(state, event, limits);
  const written = effects.some((effect) => effect.kind === 'write_state');
  const revision = state.revision + (written ? 1 : 0);
  return { previous: state, current: { ...current, revision }, effects, refusal };
}
