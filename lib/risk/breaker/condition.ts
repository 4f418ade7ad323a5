// How a condition is checked: from a reading, and one that cannot be read trips.

import type { Reading } from '../effective-mode.ts';
import type { BreakerLimits } from './limits.ts';
import type { TripCause } from './trip-causes.ts';
import { cause } from './trip-causes.ts';

export const unreadable = (what: string, message: string): TripCause =>
  cause('evidence_unreadable', `${what}: ${message}`);

/** A reading's verdict: `judge` sees only what was read, and what is missing is fine only where `missing` says so. */
export function checkReading<T>(
  what: string,
  reading: Reading<T>,
  check: (value: T) => TripCause | null,
  missing: TripCause | null = unreadable(what, 'missing'),
): TripCause[] {
  if (reading.state === 'unreadable') return [unreadable(what, reading.message)];
  const found = reading.state === 'missing' ? missing : check(reading.value);
  return found === null ? [] : [found];
}

// In all that follows a comparison says what is provably fine and is then negated: NaN trips.

export const percent = (fraction: number): string => `${(fraction * 100).toFixed(2)} %`;

export interface ConditionContext {
  readonly nowMs: number;
  readonly limits: BreakerLimits;
  /** Arming time and high-water mark that the evidence is judged against. */
  readonly armedAtMs: number;
  readonly highWaterMicroUsdt: number | null;
}

/** Whether what happens every minute should have happened by now. */
export const overdue = ({ nowMs, limits, armedAtMs }: ConditionContext): boolean =>
  !(nowMs - armedAtMs <= limits.positionManagerSilentMs);
