// Conditions on equity: drawdown from the high-water mark, and the loss of the day. One bad snapshot alone trips nothing.

import { CLOCK_SKEW_MS_MAX } from '../latch.ts';
import type { ConditionContext } from './condition.ts';
import { checkReading, overdue, percent, unreadable } from './condition.ts';
import type { BreakerEvidence, EquityPoint } from './evidence.ts';
import type { TripCause } from './trip-causes.ts';
import { cause } from './trip-causes.ts';

/** Loss from `base` to `equity` as a fraction, by the better of the two newest snapshots: one bad snapshot alone does not trip. */
function confirmedLoss(snapshots: readonly EquityPoint[], base: number): number {
  const [newest, before] = snapshots;
  if (newest === undefined || before === undefined) return 0;
  return (base - Math.max(newest.equityMicroUsdt, before.equityMicroUsdt)) / base;
}

function snapshotProblem(snapshots: readonly EquityPoint[], context: ConditionContext): string | undefined {
  const [newest, before] = snapshots;
  const wellFormed = snapshots.every(
    (snapshot) => Number.isSafeInteger(snapshot.equityMicroUsdt) && Number.isSafeInteger(snapshot.atMs),
  );
  if (!wellFormed) return 'a snapshot is not an amount';
  if (newest === undefined || before === undefined) {
    return overdue(context) ? 'fewer than two snapshots since the arming' : undefined;
  }
  if (newest.atMs <= before.atMs) return 'the snapshots are not in order';
  if (!(newest.atMs <= context.nowMs + CLOCK_SKEW_MS_MAX)) return 'the newest snapshot is in the future';
  const ageMs = context.nowMs - Math.max(newest.atMs, context.armedAtMs);
  return ageMs <= context.limits.positionManagerSilentMs
    ? undefined
    : `last marked ${Math.round(ageMs / 1000)} s ago`;
}

export function equityCauses(evidence: BreakerEvidence, context: ConditionContext): TripCause[] {
  const { limits, highWaterMicroUsdt } = context;
  const drawdown = (snapshots: readonly EquityPoint[]) => {
    const problem = snapshotProblem(snapshots, context);
    if (problem !== undefined) return unreadable('equity', problem);
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
    if (
      evidence.snapshots.state !== 'value' ||
      snapshotProblem(evidence.snapshots.value, context) !== undefined
    )
      return null;
    const loss = confirmedLoss(evidence.snapshots.value, dayStartMicroUsdt);
    return loss < limits.dailyLossFraction
      ? null
      : cause('daily_loss', `${percent(loss)} lost since 00:00 UTC`);
  };
  const missing = (what: string) => (overdue(context) ? unreadable(what, 'missing') : null);
  return [
    ...checkReading('equity', evidence.snapshots, drawdown, missing('equity')),
    ...checkReading('start of day', evidence.dayStartMicroUsdt, dailyLoss, missing('start of day')),
  ];
}

/** High-water mark after a tick: raised by the lower of two snapshots, so that one bad snapshot cannot raise it either. */
export function raised(
  highWaterMicroUsdt: number | null,
  snapshots: BreakerEvidence['snapshots'],
): number | null {
  if (snapshots.state !== 'value' || snapshots.value.length < 2) return highWaterMicroUsdt;
  const confirmed = Math.min(snapshots.value[0]!.equityMicroUsdt, snapshots.value[1]!.equityMicroUsdt);
  if (!(Number.isSafeInteger(confirmed) && confirmed > 0)) return highWaterMicroUsdt;
  return Math.max(highWaterMicroUsdt ?? confirmed, confirmed);
}
