// The bounds of the circuit breaker's conditions, and how late what happened may become known.

import { MINUTE_MS, SECOND_MS } from '../../core/units.ts';
import { LEASE_MS } from '../latch.ts';

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

/** The position manager and the breaker look once a minute: what happened may be known this much later, and was within a window then. */
export const SEEN_LATE_MS = LEASE_MS;

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
  positionManagerSilentMs: 150 * SECOND_MS,
  cooldownMs: 30 * MINUTE_MS,
};
