// Conditions on trading: stop hits, rejections, reconciliation differences, unprotected positions.

import { MINUTE_MS } from '../../core/units.ts';
import type { ConditionContext } from './condition.ts';
import { checkReading } from './condition.ts';
import type { BreakerEvidence } from './evidence.ts';
import { SEEN_LATE_MS } from './limits.ts';
import type { TripCause } from './trip-causes.ts';
import { cause } from './trip-causes.ts';

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

export function orderCauses(evidence: BreakerEvidence, { nowMs, limits }: ConditionContext): TripCause[] {
  const counted = (code: 'stop_hits' | 'order_rejections', limit: number, windowMs: number) => {
    return (times: readonly number[]): TripCause | null => {
      const count = mostWithin(times, nowMs, windowMs);
      return count < limit ? null : cause(code, `${count} within ${windowMs / MINUTE_MS} min`);
    };
  };
  return [
    ...checkReading(
      'stop hits',
      evidence.stopHitsAtMs,
      counted('stop_hits', limits.stopHits, limits.stopHitsWindowMs),
    ),
    ...checkReading(
      'rejections',
      evidence.rejectionsAtMs,
      counted('order_rejections', limits.rejections, limits.rejectionsWindowMs),
    ),
    ...checkReading('reconciliation', evidence.reconciliationDifferences, (count) =>
      count === 0 ? null : cause('reconciliation', `${count} differences stand`),
    ),
    ...checkReading('unprotected positions', evidence.unprotectedSinceMs, (sinceMs) =>
      sinceMs === null || nowMs - sinceMs <= limits.unprotectedMs
        ? null
        : cause(
            'unprotected_position',
            `a position has had no stop for ${Math.round((nowMs - sinceMs) / 1000)} s`,
          ),
    ),
  ];
}
