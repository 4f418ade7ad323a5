// Chooses settings on past days and judges them on the days that follow, again and again: what choosing would have earned, and not
// what the best of many looks like in hindsight.
import { DAY_MS } from '../../core/units.ts';
import type { PeriodReturn } from '../../risk/equity-curve.ts';
import { dailySharpe } from '../metrics/performance.ts';

export interface Fold {
  /** 00:00 UTC of the first day chosen on, of the first day judged, and of the day after the last. */
  readonly chooseFromMs: number;
  readonly judgeFromMs: number;
  readonly judgeToMs: number;
  /** Index of the trial. */
  readonly chosen: number;
  readonly chosenReturn: number;
  readonly judgedReturn: number;
  /** Of the first trial, over the days judged. */
  readonly baseReturn: number;
}

export interface WalkForward {
  readonly folds: readonly Fold[];
  /** Days judged, in order: each by the trial chosen before it. */
  readonly judged: readonly PeriodReturn[];
  readonly base: readonly PeriodReturn[];
}

/**
 * @param trials returns by day over the same days; one that ends earlier was ruined, and earns nothing more
 * @param days.choose days looked back on; there are folds only where at least one day follows them
 */
export function walkForward(
  trials: readonly (readonly PeriodReturn[])[],
  days: { readonly choose: number; readonly judge: number },
): WalkForward {
  const longest = trials.reduce((best, trial) => (trial.length > best.length ? trial : best), []);
  const starts = longest.map(({ startMs }) => startMs);
  const valuesOf = (trial: number, from: number, to: number) =>
    starts.slice(from, to).map((_, day) => trials[trial]![from + day]?.value ?? 0);
  const folds: Fold[] = [];
  const judged: PeriodReturn[] = [];
  const base: PeriodReturn[] = [];
  for (let from = days.choose; from < starts.length; from += days.judge) {
    const to = Math.min(from + days.judge, starts.length);
    const chosen = choose(trials.map((_, trial) => valuesOf(trial, from - days.choose, from)));
    const [own, first] = [valuesOf(chosen, from, to), valuesOf(0, from, to)];
    own.forEach((value, day) => {
      judged.push({ startMs: starts[from + day]!, value });
      base.push({ startMs: starts[from + day]!, value: first[day]! });
    });
    folds.push({
      chooseFromMs: starts[from - days.choose]!,
      judgeFromMs: starts[from]!,
      judgeToMs: starts[to - 1]! + DAY_MS,
      chosen,
      chosenReturn: compound(valuesOf(chosen, from - days.choose, from)),
      judgedReturn: compound(own),
      baseReturn: compound(first),
    });
  }
  return { folds, judged, base };
}

/** The highest mean for its deviation; days without a trade have neither, and count as 0. Of equals the first. */
function choose(candidates: readonly (readonly number[])[]): number {
  const ratios = candidates.map((returns) => dailySharpe(returns) ?? 0);
  return ratios.indexOf(Math.max(...ratios));
}

export const compound = (returns: readonly number[]): number =>
  returns.reduce((growth, value) => growth * (1 + value), 1) - 1;
