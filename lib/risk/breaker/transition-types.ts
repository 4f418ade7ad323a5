// Events that move the circuit breaker, and what has to be done after each.

import type { Actor } from '../../core/actor.ts';
import type { BreakerEvidence } from './evidence.ts';
import type { BreakerState } from './state.ts';
import type { TripCause } from './trip-causes.ts';

export type BreakerEvent =
  | {
      readonly kind: 'tick';
      readonly nowMs: number;
      readonly evidence: BreakerEvidence;
      /** Of a trip that was decided before and could not be written. */
      readonly unlatched?: readonly TripCause[];
    }
  | { readonly kind: 'trip'; readonly nowMs: number; readonly operator: Actor; readonly reason: string }
  | { readonly kind: 'notified'; readonly epoch: number }
  | {
      readonly kind: 'reset_requested';
      readonly nowMs: number;
      readonly operator: Actor;
      readonly reason: string;
    }
  | {
      readonly kind: 'reset_approved';
      readonly nowMs: number;
      readonly operator: Actor;
      readonly evidence: BreakerEvidence;
    };

/** Closed list of why a reset is refused. */
export const RESET_REFUSALS = {
  not_tripped: 'the breaker has not tripped',
  operator_missing: 'no operator is named',
  reason_missing: 'no reason is given',
  no_request: 'no operator has asked for a reset within the last hour',
  same_operator: 'a second, different operator must approve',
  operator_unproven:
    'who asked and who approves must be proven alike: a name that was only typed does not count beside a proven one',
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
      readonly by: Actor;
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
