// A sweep as tables for a terminal: what choosing by the past would have earned first, then every trial.
import { formatDay, formatFigure, formatInstant, formatPercent } from '../../lib/core/format-figure.ts';
import { DAY_MS } from '../../lib/core/units.ts';
import type { SweepReport, SweepTrial } from '../../lib/research/use-cases/report-sweep.ts';
import { formatTable } from '../format/text-table.ts';
import { IN_SAMPLE_WORDS } from './report-page.ts';

/** Trials shown of the table; --json and --report have all. */
const TRIALS_SHOWN = 20;

export function formatSweep(report: SweepReport): string {
  const trials = trialRows(report);
  return [
    summariseSweep(report),
    IN_SAMPLE_WORDS[`${report.inSample}`],
    `walk-forward: chosen on ${report.chooseDays} days, judged on the ${report.judgeDays} that follow\n${formatTable({ head: FOLD_HEAD, rows: foldRows(report) })}`,
    `trials\n${formatTable({ head: TRIAL_HEAD, rows: trials.slice(0, TRIALS_SHOWN) })}${trials.length > TRIALS_SHOWN ? `\n${trials.length - TRIALS_SHOWN} more: --json or --report` : ''}`,
  ].join('\n\n');
}

export function summariseSweep(report: SweepReport): string {
  const { range, trials, judged, hindsight } = report;
  const best = trials[hindsight.best]!;
  const { dailyReturnInterval: interval } = judged;
  return [
    `${trials.length} settings were tried on ${report.symbols.length} symbols from ${formatInstant(range.fromMs)} to ${formatInstant(range.toMs)} UTC. `,
    `Chosen on the past and judged on the ${judged.days} days after, they returned ${formatPercent(judged.totalReturn, 2)}; without choosing, the base returned ${formatPercent(judged.baseReturn, 2)} on the same days. `,
    interval === undefined
      ? 'Fewer than 5 days were judged: that says nothing about the next. '
      : `A day judged returned ${bpsOf(interval.low)} to ${bpsOf(interval.high)} bps on average (95 % interval)${interval.low > 0 ? '' : interval.high < 0 ? ': it loses' : ': no evidence that it earns'}. `,
    `The best in hindsight, ${nameOf(best)}, returned ${formatPercent(best.totalReturn, 2)} over all days, which nobody could have known; `,
    hindsight.trials === undefined
      ? `how much of that is luck is unknown: ${hindsight.trialsUnknown}.`
      : hindsight.deflatedSharpe === undefined
        ? 'its days do not vary enough for a deflated Sharpe ratio.'
        : `its deflated Sharpe ratio, over ${hindsight.trials} trials here and in training, is ${hindsight.deflatedSharpe.toFixed(3)} (skill would be near 1).`,
  ].join('');
}

const bpsOf = (fraction: number): string => (10_000 * fraction).toFixed(1);
export const nameOf = ({ changes }: SweepTrial): string => changes || 'the base';

export const FOLD_HEAD = ['judged from', 'days', 'chosen', 'return chosen on', 'judged', 'base'];

export const foldRows = ({ folds, trials }: SweepReport): (string | number)[][] =>
  folds.map((fold) => [
    formatDay(fold.judgeFromMs),
    (fold.judgeToMs - fold.judgeFromMs) / DAY_MS,
    nameOf(trials[fold.chosen]!),
    formatPercent(fold.chosenReturn, 2),
    formatPercent(fold.judgedReturn, 2),
    formatPercent(fold.baseReturn, 2),
  ]);

export const TRIAL_HEAD = ['trial', 'trades', 'return', 'drawdown', 'won', 'profit factor', 'Sharpe a day'];

/** The highest return first. */
export const trialRows = ({ trials }: SweepReport): (string | number)[][] =>
  [...trials]
    .sort((a, b) => (b.totalReturn ?? 0) - (a.totalReturn ?? 0))
    .map((trial) => [
      nameOf(trial),
      trial.trades,
      formatPercent(trial.totalReturn, 2),
      formatPercent(trial.maxDrawdown, 2),
      formatPercent(trial.winRate),
      formatFigure(trial.profitFactor, 2),
      formatFigure(trial.dailySharpe, 3),
    ]);
