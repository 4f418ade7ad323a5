// What one tick of the circuit breaker looks at.
import type { Reading } from '../effective-mode.ts';

/** Equity marked to market, fees paid and funding included. */
export interface EquityPoint {
  readonly atMs: number;
  readonly equityMicroUsdt: number;
}

/**
 * What a tick looks at. `unreadable` trips at once; `missing` is what has not happened yet: it trips where it should have
 * happened by now, counted from the arming.
 */
export interface BreakerEvidence {
  /** The newest snapshots, newest first; two are enough. */
  readonly snapshots: Reading<readonly EquityPoint[]>;
  /** Equity at 00:00 UTC of this day, or at the first snapshot of the day. */
  readonly dayStartMicroUsdt: Reading<number>;
  /** Times of the stop-losses hit, at least of the window and SEEN_LATE_MS before it. */
  readonly stopHitsAtMs: Reading<readonly number[]>;
  /** The newest bar (open time) that every shard has decided, whatever their number was. */
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
  /** Last completed run of the position manager. */
  readonly positionManagerAtMs: Reading<number>;
}
