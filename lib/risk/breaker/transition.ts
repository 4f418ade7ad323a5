// The circuit breaker: when trading stops by itself, and what it takes to start again. Conditions are judged from evidence,
// and one that cannot be judged trips. The state only moves by `transition`, a pure total function: TRIPPED is left by a
// reset alone, never by time, restart or midnight.

import { type Actor, describeActor, isSamePerson, systemActor } from '../../core/actor.ts';
import { MINUTE_MS } from '../../core/units.ts';
import { LEASE_MS } from '../latch.ts';
import { tripCauses } from './conditions.ts';
import { raised } from './equity-conditions.ts';
import type { BreakerLimits } from './limits.ts';
import type { BreakerState, TrippedState } from './state.ts';
import {
  type BreakerEffect,
  type BreakerEvent,
  type BreakerTransition,
  RESET_REFUSALS,
  type ResetRefusal,
} from './transition-types.ts';
import { cause, type TripCause } from './trip-causes.ts';

const REQUEST_AGE_MS_MAX = 60 * MINUTE_MS;
const TEXT_CHARS_MAX = 500;
/** Two of them fit into one record. */
const NAME_CHARS_MAX = 90;

const describe = (causes: readonly TripCause[]): string =>
  causes
    .map(({ code, message }) => `${code}: ${message}`)
    .join('; ')
    .slice(0, 2 * TEXT_CHARS_MAX);

function trippedEffects(state: TrippedState, by: Actor, leaseUntilMs: number | undefined): BreakerEffect[] {
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

/** Within bounds; undefined for nobody. */
function named(actor: Actor): Actor | undefined {
  const name = actor.name.trim().slice(0, NAME_CHARS_MAX);
  return name === '' ? undefined : { ...actor, name };
}

type Outcome = Omit<BreakerTransition, 'previous'>;

function onTick(
  state: BreakerState,
  event: Extract<BreakerEvent, { kind: 'tick' }>,
  limits: BreakerLimits,
): Outcome {
  const { nowMs, evidence, unlatched = [] } = event;
  const leaseUntilMs = nowMs + LEASE_MS;
  const causes = [...unlatched, ...tripCauses(evidence, { ...state, nowMs, limits })];
  if (state.latch === 'ARMED' && causes.length === 0) {
    const current = { ...state, highWaterMicroUsdt: raised(state.highWaterMicroUsdt, evidence.snapshots) };
    return { current, effects: [{ kind: 'write_state', leaseUntilMs }], refusal: undefined };
  }
  const current = tripped(state, nowMs, causes);
  return {
    current,
    effects: trippedEffects(current, systemActor('circuit-breaker'), leaseUntilMs),
    refusal: undefined,
  };
}

function onTrip(state: BreakerState, event: Extract<BreakerEvent, { kind: 'trip' }>): Outcome {
  const by = named(event.operator) ?? { name: 'unnamed', proven: false };
  const reason = event.reason.trim().slice(0, TEXT_CHARS_MAX) || 'no reason given';
  const current = tripped(state, event.nowMs, [cause('operator', `${describeActor(by)}: ${reason}`)]);
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
  const operator = named(event.operator);
  const reason = event.reason.trim().slice(0, TEXT_CHARS_MAX);
  if (operator === undefined) return refused(state, 'operator_missing');
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
  const operator = named(event.operator);
  if (operator === undefined) return refused(state, 'operator_missing');
  const request = state.resetRequest;
  const requestAgeMs = request === null ? Number.NaN : nowMs - request.atMs;
  if (request === null || !(requestAgeMs >= 0 && requestAgeMs <= REQUEST_AGE_MS_MAX)) {
    return refused(state, 'no_request');
  }
  if (isSamePerson(operator, request.operator)) return refused(state, 'same_operator');
  if (operator.proven !== request.operator.proven) return refused(state, 'operator_unproven');
  if (!(nowMs - state.trippedAtMs >= limits.cooldownMs)) return refused(state, 'cooling_down');
  // The drawdown itself is what the operators accept: equity is judged against the high-water mark that they set here.
  const highWaterMicroUsdt = raised(null, evidence.snapshots);
  const causes = tripCauses(evidence, { armedAtMs: state.armedAtMs, highWaterMicroUsdt, nowMs, limits });
  if (causes.length > 0) return refused(state, 'cause_not_cleared', describe(causes));
  const names = `${describeActor(request.operator)} and ${describeActor(operator)}`;
  const by = { name: `${request.operator.name} and ${operator.name}`, proven: operator.proven };
  const epoch = state.epoch + 1;
  return {
    current: { latch: 'ARMED', revision: state.revision, epoch, armedAtMs: nowMs, highWaterMicroUsdt },
    effects: [
      { kind: 'write_state', leaseUntilMs: undefined },
      { kind: 'audit', key: `${epoch}#reset`, what: 'reset', by, message: request.reason },
      { kind: 'notify', epoch, text: `Circuit breaker reset by ${names}. ${request.reason}` },
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
