// What a sweep found: every trial, what choosing by the past would have earned, and how much of the best trial luck explains.

import { failure, type Result } from '../../core/result.ts';
import type { DrawIndex, Interval } from '../../core/statistics/block-bootstrap.ts';
import { MICRO } from '../../core/units.ts';
import type { PeriodReturn } from '../../risk/equity-curve.ts';
import type { BacktestRun } from '../backtest-run.ts';
import { type BacktestSettings, describeSettings } from '../backtest-settings.ts';
import type { InSample } from '../evaluation.ts';
import { dailyReturnInterval } from '../metrics/daily-intervals.ts';
import { ANNUALISED_DAYS_MIN, dailySharpe, performanceOf } from '../metrics/performance.ts';
import { tradeStatistics } from '../metrics/trade-statistics.ts';
import { compound, type Fold, walkForward } from '../sweep/walk-forward.ts';
import type { SymbolProblem } from '../symbol-problem.ts';
import type { BacktestReport, BacktestSummary } from './backtest-report.ts';
import { deflateTrials, type TrialLog } from './trial-log.ts';

type Figure = number | undefined;

export interface SweepTrial {
  readonly settings: BacktestSettings;
  /** Where it differs from the base, in words; empty for the base. */
  readonly changes: string;
  readonly trades: number;
  readonly totalReturn: Figure;
  readonly maxDrawdown: Figure;
  readonly winRate: Figure;
  readonly profitFactor: Figure;
  /** Per day, not annualised; undefined without variance. */
  readonly dailySharpe: Figure;
}

export interface SweepReport {
  readonly ensembleId: string;
  readonly range: BacktestReport['range'];
  readonly inSample: InSample;
  readonly symbols: readonly string[];
  readonly days: number;
  readonly chooseDays: number;
  readonly judgeDays: number;
  /** The base first. */
  readonly trials: readonly SweepTrial[];
  readonly folds: readonly Fold[];
  /** Over the days judged. */
  readonly judged: {
    readonly days: number;
    readonly totalReturn: number;
    readonly baseReturn: number;
    /** 95 % of the mean return of a day. */
    readonly dailyReturnInterval: Interval | undefined;
    readonly daily: readonly PeriodReturn[];
    readonly baseDaily: readonly PeriodReturn[];
  };
  readonly hindsight: {
    /** Index of the trial with the highest Sharpe ratio over the whole range: known only afterwards. */
    readonly best: number;
    /** Probability that its true Sharpe ratio exceeds what the luckiest of all trials shows by chance. */
    readonly deflatedSharpe: Figure;
    /** Settings tried here and models tried in training. */
    readonly trials: Figure;
    readonly trialsUnknown: string | undefined;
  };
  readonly symbolProblems: readonly SymbolProblem[];
}

/** What a sweep keeps of each run. */
export interface SweptRun {
  readonly settings: BacktestSettings;
  readonly summary: Pick<
    BacktestSummary,
    'trades' | 'totalReturn' | 'maxDrawdown' | 'winRate' | 'profitFactor'
  >;
  readonly daily: readonly PeriodReturn[];
}

/** As a report's summary says it, without the figures that a sweep has no use for. */
export function sweptRun({ trades, snapshots }: BacktestRun, settings: BacktestSettings): SweptRun {
  const closed = trades.map(({ openedAtMs, closedAtMs, profitMicroUsdt }) => ({
    openedMs: openedAtMs,
    closedMs: closedAtMs,
    profitUsdt: profitMicroUsdt / MICRO,
  }));
  const { winRate, profitFactor } = tradeStatistics(closed);
  const { totalReturn, maxDrawdown, dailyReturns } = performanceOf({
    timeMs: snapshots.map(({ atMs }) => atMs),
    equityUsdt: snapshots.map(({ equityMicroUsdt }) => equityMicroUsdt / MICRO),
  });
  const summary = { trades: trades.length, totalReturn, maxDrawdown, winRate, profitFactor };
  return { settings, summary, daily: dailyReturns };
}

/** @param runs the base first */
export function reportSweep(
  runs: readonly SweptRun[],
  context: Pick<
    SweepReport,
    'ensembleId' | 'range' | 'inSample' | 'symbols' | 'chooseDays' | 'judgeDays' | 'symbolProblems'
  > & { readonly log: Result<TrialLog, string>; readonly drawIndex: DrawIndex },
): SweepReport {
  const { log, drawIndex, ...about } = context;
  const base = runs[0]!.settings;
  const {
    folds,
    judged,
    base: baseDaily,
  } = walkForward(
    runs.map(({ daily }) => daily),
    { choose: about.chooseDays, judge: about.judgeDays },
  );
  const ratios = runs.map(({ daily }) => dailySharpe(valuesOf(daily)));
  // A trial that never traded was tried all the same, and earned nothing.
  const tried = ratios.map((ratio) => ratio ?? 0);
  const best = tried.indexOf(Math.max(...tried));
  return {
    ...about,
    days: Math.max(...runs.map(({ daily }) => daily.length)),
    trials: runs.map(({ settings, summary }, index) => ({
      settings,
      changes: describeSettings(settings, base),
      trades: summary.trades,
      totalReturn: summary.totalReturn,
      maxDrawdown: summary.maxDrawdown?.fraction,
      winRate: summary.winRate,
      profitFactor: summary.profitFactor,
      dailySharpe: ratios[index],
    })),
    folds,
    judged: {
      days: judged.length,
      totalReturn: compound(valuesOf(judged)),
      baseReturn: compound(valuesOf(baseDaily)),
      dailyReturnInterval: dailyReturnInterval(valuesOf(judged), drawIndex),
      daily: judged,
      baseDaily,
    },
    hindsight: { best, ...deflate(valuesOf(runs[best]!.daily), tried, log) },
  };
}

/** A ratio of a few days, deflated or not, says nothing. */
const deflate: typeof deflateTrials = (returns, tried, log) =>
  returns.length < ANNUALISED_DAYS_MIN
    ? deflateTrials(returns, tried, failure(`fewer than ${ANNUALISED_DAYS_MIN} days`))
    : deflateTrials(returns, tried, log);

const valuesOf = (daily: readonly PeriodReturn[]): number[] => daily.map(({ value }) => value);
