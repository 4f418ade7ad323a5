// The deepest fall of an equity curve from its high, and when it began, ended and was made good; and the deepest within a day.
import { checkCurve, dayStartMs, type EquityCurve } from './equity-curve.ts';

export interface Drawdown {
  /** Fall from the high as a share of the high, over 0; above 1 when equity went negative. */
  readonly fraction: number;
  /** The high it fell from. */
  readonly startMs: number;
  readonly bottomMs: number;
  /** First snapshot back at the high or above; undefined when it was not reached again. */
  readonly recoveredMs: number | undefined;
}

/** The deepest drawdown over all snapshots (the first of equal ones); undefined when equity never stood below its high. */
export function maxDrawdown(curve: EquityCurve): Drawdown | undefined {
  checkCurve(curve);
  const { timeMs, equityUsdt } = curve;
  let high = 0;
  let deepest: { high: number; bottom: number; fraction: number } | undefined;
  for (let snapshot = 1; snapshot < timeMs.length; snapshot++) {
    if (equityUsdt[snapshot]! > equityUsdt[high]!) high = snapshot;
    const fraction = 1 - equityUsdt[snapshot]! / equityUsdt[high]!;
    if (equityUsdt[high]! > 0 && fraction > (deepest?.fraction ?? 0)) {
      deepest = { high, bottom: snapshot, fraction };
    }
  }
  if (deepest === undefined) return undefined;
  let recovered = deepest.bottom;
  while (recovered < timeMs.length && equityUsdt[recovered]! < equityUsdt[deepest.high]!) recovered++;
  return {
    fraction: deepest.fraction,
    startMs: timeMs[deepest.high]!,
    bottomMs: timeMs[deepest.bottom]!,
    recoveredMs: timeMs[recovered],
  };
}

/**
 * The deepest fall from a high within one UTC day, as a share of that high, ≥ 0; a day's first high is what it opened
 * with. undefined for fewer than 2 snapshots, or when equity began at 0 or below.
 */
export function worstDailyDrawdown(curve: EquityCurve): number | undefined {
  checkCurve(curve);
  const { timeMs, equityUsdt } = curve;
  if (timeMs.length < 2 || equityUsdt[0]! <= 0) return undefined;
  let worst = 0;
  let high = equityUsdt[0]!;
  for (let snapshot = 1; snapshot < timeMs.length; snapshot++) {
    const opensDay = dayStartMs(timeMs[snapshot]!) !== dayStartMs(timeMs[snapshot - 1]!);
    if (opensDay) high = equityUsdt[snapshot - 1]!;
    // Nothing is left to lose: the fall to here was counted when it happened.
    if (high <= 0) break;
    worst = Math.max(worst, 1 - equityUsdt[snapshot]! / high);
    high = Math.max(high, equityUsdt[snapshot]!);
  }
  return worst;
}
