// From snapshots of equity to returns by day and month: the one convention of where a day ends.
import { invariant } from '../core/invariant.ts';
import { DAY_MS } from '../core/units.ts';

/** Marks of equity, fees included, strictly increasing in time. Columns of the same length. */
export interface EquityCurve {
  /** Epoch ms, whole. */
  readonly timeMs: ArrayLike<number>;
  /** Finite; at or below 0 means ruin. */
  readonly equityUsdt: ArrayLike<number>;
}

export interface PeriodReturn {
  /** 00:00 UTC of the day, or of the first day of the month. */
  readonly startMs: number;
  /** Simple return, 0.01 = 1 %. */
  readonly value: number;
}

/** 00:00 UTC of the day that a snapshot belongs to; the snapshot at exactly 00:00 closes the day before. */
export const dayStartMs = (timeMs: number): number => (Math.ceil(timeMs / DAY_MS) - 1) * DAY_MS;

/**
 * Return of every UTC day from the first snapshot to the last. A day's value is its last snapshot; the snapshot at exactly 00:00 closes
 * the day before. The first day is measured from the first snapshot, a day without snapshots returns 0, the list ends with the day
 * of ruin. Empty for fewer than 2 snapshots.
 */
export function dailyReturns(curve: EquityCurve): PeriodReturn[] {
  return periodReturns(curve, {
    startOf: dayStartMs,
    after: (startMs) => startMs + DAY_MS,
  });
}

/** The same by calendar month, UTC. */
export function monthlyReturns(curve: EquityCurve): PeriodReturn[] {
  return periodReturns(curve, {
    startOf: (timeMs) => {
      const lastInstant = new Date(timeMs - 1);
      return Date.UTC(lastInstant.getUTCFullYear(), lastInstant.getUTCMonth());
    },
    after: (startMs) => {
      const start = new Date(startMs);
      return Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1);
    },
  });
}

interface Calendar {
  readonly startOf: (timeMs: number) => number;
  readonly after: (startMs: number) => number;
}

function periodReturns(curve: EquityCurve, calendar: Calendar): PeriodReturn[] {
  checkCurve(curve);
  const { timeMs, equityUsdt } = curve;
  if (timeMs.length < 2) return [];
  const returns: PeriodReturn[] = [];
  let opening = equityUsdt[0]!;
  let closing = opening;
  // The first snapshot opens the period that it stands at the beginning of.
  let startMs = calendar.startOf(timeMs[0]! + 1);
  const close = () => {
    returns.push({ startMs, value: closing / opening - 1 });
    opening = closing;
    startMs = calendar.after(startMs);
  };
  for (let snapshot = 1; snapshot < timeMs.length; snapshot++) {
    while (startMs < calendar.startOf(timeMs[snapshot]!) && opening > 0) close();
    closing = equityUsdt[snapshot]!;
  }
  if (opening > 0) close();
  return returns;
}

/** A longer span means times in another unit. */
const SPAN_MS_MAX = 100 * 366 * DAY_MS;

/** Throws for a curve that is not one: times not increasing ms, values not finite, columns of different length. */
export function checkCurve({ timeMs, equityUsdt }: EquityCurve): void {
  invariant(timeMs.length === equityUsdt.length, 'an equity curve needs one time per snapshot');
  for (let snapshot = 0; snapshot < timeMs.length; snapshot++) {
    invariant(
      Number.isFinite(equityUsdt[snapshot]),
      `equity snapshot ${snapshot} is ${equityUsdt[snapshot]}`,
    );
    invariant(Number.isInteger(timeMs[snapshot]), `equity snapshot ${snapshot} has time ${timeMs[snapshot]}`);
    invariant(
      snapshot === 0 || timeMs[snapshot]! > timeMs[snapshot - 1]!,
      `equity snapshot ${snapshot} is not after the one before`,
    );
  }
  if (timeMs.length === 0) return;
  const spanMs = timeMs[timeMs.length - 1]! - timeMs[0]!;
  invariant(spanMs <= SPAN_MS_MAX, `an equity curve of ${spanMs} ms is over the limit of ${SPAN_MS_MAX}`);
}
