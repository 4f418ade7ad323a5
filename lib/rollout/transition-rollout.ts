// How the rollout moves between its levels: up one at a time, with time, fresh evidence and two people; down at once.
// A pure total function; storing the state and proving who signed is the caller's.

import { type Actor, isSamePerson } from '../core/actor.ts';
import { HOUR_MS } from '../core/units.ts';
import { initialRollout, LEVELS, type Level, type RolloutState, type SignOffRole } from '../risk/level.ts';
import type { GoNoGo } from './go-no-go.ts';

/** Time at a level before the next one: a day on paper, then until the 6th and the 24th hour of live trading. */
const HOURS_BEFORE_NEXT: Readonly<Record<Level, number>> = {
  PAPER: 24,
  HOUR_1_6: 6,
  HOUR_6_24: 18,
  FULL: Number.POSITIVE_INFINITY,
};
/** GO is decided hourly; one that is older than two runs says nothing about now. */
const GO_AGE_MS_MAX = 2 * HOUR_MS;
/** A signature is for what was seen that day. */
const SIGN_OFF_AGE_MS_MAX = 24 * HOUR_MS;

export type RolloutEvent =
  | {
      readonly kind: 'sign_off';
      readonly role: SignOffRole;
      readonly operator: Actor;
      readonly atMs: number;
    }
  | {
      readonly kind: 'advance';
      readonly atMs: number;
      /** The newest decision there is; undefined when there is none. */
      readonly decision: { readonly verdict: GoNoGo['verdict']; readonly decidedAtMs: number } | undefined;
    }
  /** A broken bound, or an operator's wish to take less risk. */
  | { readonly kind: 'breach' | 'step_down'; readonly atMs: number };

/** Why an event changed nothing. Closed. */
export const ROLLOUT_DENIALS = {
  time_not_reached: 'the level has not lasted long enough',
  no_fresh_go: 'there is no GO decided at this level within the last 2 hours',
  technical_lead_missing: 'the technical lead has not signed off within the last 24 hours',
  risk_manager_missing: 'the risk manager has not signed off within the last 24 hours',
  same_identity: 'one person cannot sign off in both roles',
  operator_unproven:
    'both sign-offs must be proven alike: a name that was only typed does not count beside a proven one',
  operator_missing: 'a sign-off needs a name',
  clock_invalid: 'the time given is not a time, or lies before the level began',
  highest_level: 'there is no level above',
} as const;
export type RolloutDenial = keyof typeof ROLLOUT_DENIALS;

export interface RolloutTransition {
  readonly previous: RolloutState;
  readonly current: RolloutState;
  /** `restarted`: a breach or step down on paper, where there is no level below. */
  readonly outcome: 'advanced' | 'stepped_down' | 'restarted' | 'signed_off' | 'denied';
  /** Every reason at once, so that an operator need not find them one by one; empty unless denied. */
  readonly denials: readonly RolloutDenial[];
}

export function transitionRollout(state: RolloutState, event: RolloutEvent): RolloutTransition {
  switch (event.kind) {
    case 'sign_off':
      return signOff(state, event);
    case 'advance':
      return advance(state, event);
    case 'breach':
    case 'step_down':
      return stepDown(state, event.atMs);
  }
}

function signOff(state: RolloutState, event: RolloutEvent & { kind: 'sign_off' }): RolloutTransition {
  const { operator } = event;
  if (operator.name.trim() === '') return denied(state, ['operator_missing']);
  if (!isAfter(event.atMs, state.enteredAtMs)) return denied(state, ['clock_invalid']);
  if (nextLevel(state.level) === undefined) return denied(state, ['highest_level']);
  const other = event.role === 'technical_lead' ? 'risk_manager' : 'technical_lead';
  const pair = denialOfPair(operator, state.signOffs[other]?.operator);
  if (pair !== undefined) return denied(state, [pair]);
  const signOffs = { ...state.signOffs, [event.role]: { operator, atMs: event.atMs } };
  return { previous: state, current: { ...state, signOffs }, outcome: 'signed_off', denials: [] };
}

function advance(state: RolloutState, event: RolloutEvent & { kind: 'advance' }): RolloutTransition {
  const next = nextLevel(state.level);
  if (next === undefined) return denied(state, ['highest_level']);
  if (!isAfter(event.atMs, state.enteredAtMs)) return denied(state, ['clock_invalid']);
  const denials = denialsOfAdvance(state, event);
  return denials.length > 0 ? denied(state, denials) : moved(state, next, event.atMs);
}

function denialsOfAdvance(state: RolloutState, event: RolloutEvent & { kind: 'advance' }): RolloutDenial[] {
  const { technical_lead, risk_manager } = state.signOffs;
  const isFresh = (madeAtMs: number, ageMsMax: number) =>
    isAfter(madeAtMs, state.enteredAtMs) && event.atMs >= madeAtMs && event.atMs - madeAtMs <= ageMsMax;
  const signed = (made: typeof technical_lead) => made !== null && isFresh(made.atMs, SIGN_OFF_AGE_MS_MAX);

  const denials: RolloutDenial[] = [];
  if (event.atMs - state.enteredAtMs < HOURS_BEFORE_NEXT[state.level] * HOUR_MS)
    denials.push('time_not_reached');
  const decision = event.decision;
  if (decision?.verdict !== 'GO' || !isFresh(decision.decidedAtMs, GO_AGE_MS_MAX))
    denials.push('no_fresh_go');
  if (!signed(technical_lead)) denials.push('technical_lead_missing');
  if (!signed(risk_manager)) denials.push('risk_manager_missing');
  // Refused when signing already; checked again because the state was stored in between.
  const pair = technical_lead && denialOfPair(technical_lead.operator, risk_manager?.operator);
  if (pair) denials.push(pair);
  return denials;
}

/** Never refused for lack of time, evidence or people: less risk needs no permission, not even a sane clock. */
function stepDown(state: RolloutState, atMs: number): RolloutTransition {
  const below = LEVELS[LEVELS.indexOf(state.level) - 1];
  const enteredAtMs = isAfter(atMs, state.enteredAtMs) ? atMs : state.enteredAtMs;
  if (below !== undefined) return moved(state, below, enteredAtMs);
  // On paper a breach still costs what was gathered: the day starts again and nobody's signature stands.
  return { previous: state, current: initialRollout(enteredAtMs), outcome: 'restarted', denials: [] };
}

const nextLevel = (level: Level): Level | undefined => LEVELS[LEVELS.indexOf(level) + 1];

const isAfter = (timeMs: number, startMs: number): boolean =>
  Number.isSafeInteger(timeMs) && timeMs >= startMs;

/** Why two operators do not make two people. */
function denialOfPair(one: Actor, other: Actor | undefined): RolloutDenial | undefined {
  if (other === undefined) return undefined;
  if (isSamePerson(one, other)) return 'same_identity';
  return one.proven === other.proven ? undefined : 'operator_unproven';
}

const moved = (state: RolloutState, level: Level, atMs: number): RolloutTransition => ({
  previous: state,
  current: { ...initialRollout(atMs), level },
  outcome: LEVELS.indexOf(level) > LEVELS.indexOf(state.level) ? 'advanced' : 'stepped_down',
  denials: [],
});

const denied = (state: RolloutState, denials: readonly RolloutDenial[]): RolloutTransition => ({
  previous: state,
  current: state,
  outcome: 'denied',
  denials,
});
