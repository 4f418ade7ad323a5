// The two facts about the circuit breaker that every order depends on: whether it has tripped, and whether it is alive.
import { SECOND_MS } from '../core/units.ts';

/** TRIPPED stays until two operators reset it; it survives restarts, deploys and midnight. */
export type Latch = 'ARMED' | 'TRIPPED';

/** How long the breaker's sign of life counts: two missed ticks of a minute and some, then no new exposure. */
export const LEASE_MS = 150 * SECOND_MS;
/** How far one clock of the system may be ahead of another. A time further in the future is garbage, not a sign of life. */
export const CLOCK_SKEW_MS_MAX = 5_000;

/** Bounds within which `leaseUntilMs` is in force at `nowMs`, both inclusive: what the conditional write compares with. */
export function leaseBounds(nowMs: number): { readonly earliestMs: number; readonly latestMs: number } {
  return { earliestMs: nowMs + 1, latestMs: nowMs + LEASE_MS + CLOCK_SKEW_MS_MAX };
}
