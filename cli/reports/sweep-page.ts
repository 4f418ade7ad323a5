// A sweep as one HTML page.
import { formatFigure, formatPercent } from '../../lib/core/format-figure.ts';
import { DAY_MS } from '../../lib/core/units.ts';
import type { SweepReport } from '../../lib/research/use-cases/report-sweep.ts';
import { formatHtmlTable, formatNote, formatSection } from './html.ts';
import { drawn, placePlot, plotGrowth } from './plots.ts';
import { formatPage, verdictOf } from './report-page.ts';
import { FOLD_HEAD, foldRows, nameOf, summariseSweep, TRIAL_HEAD, trialRows } from './sweep-text.ts';

export function formatSweepPage(report: SweepReport): string {
  const { judged, hindsight, trials } = report;
  const growth = (daily: SweepReport['judged']['daily']) => {
    const equity = [1];
    for (const { value } of daily) equity.push(equity.at(-1)! * (1 + value));
    return equity;
  };
  const firstMs = judged.daily[0]?.startMs;
  const walked = plotGrowth(
    firstMs === undefined ? [] : [firstMs, ...judged.daily.map(({ startMs }) => startMs + DAY_MS)],
    [
      { name: 'chosen on the past, %', equityUsdt: growth(judged.daily) },
      { name: 'base, %', equityUsdt: growth(judged.baseDaily) },
    ],
    { id: 'walked', summary: 'Growth over the days judged: chosen on the past, and the base' },
  );
  return formatPage({
    title: `Sweep of ensemble ${report.ensembleId}`,
    verdict: verdictOf(report.inSample),
    summary: summariseSweep(report),
    facts: [
      {
        name: 'Judged',
        value: formatPercent(judged.totalReturn, 2),
        note: `${judged.days} days`,
        signed: true,
      },
      { name: 'Base', value: formatPercent(judged.baseReturn, 2), note: 'the same days', signed: true },
      {
        name: 'Best in hindsight',
        value: formatPercent(trials[hindsight.best]!.totalReturn, 2),
        note: `${nameOf(trials[hindsight.best]!)}; all days`,
        signed: true,
      },
      {
        name: 'Deflated Sharpe',
        value: formatFigure(hindsight.deflatedSharpe, 3),
        note: hindsight.trialsUnknown ?? `${hindsight.trials} trials`,
      },
      { name: 'Settings tried', value: String(trials.length) },
    ],
    plots: drawn([walked]),
    body: [
      formatSection('Chosen on the past, judged on what followed', placePlot(walked)),
      formatSection(
        'Walk-forward',
        formatHtmlTable({
          label: 'Walk-forward',
          head: FOLD_HEAD,
          rows: foldRows(report),
          signed: ['return chosen on', 'judged', 'base'],
        }),
        formatNote(
          `Chosen on ${report.chooseDays} days by the Sharpe ratio, judged on the ${report.judgeDays} that follow.`,
        ),
      ),
      formatSection(
        'Trials, over all days',
        formatHtmlTable({ label: 'Trials', head: TRIAL_HEAD, rows: trialRows(report), signed: ['return'] }),
        formatNote('Known only in hindsight: the top of this table is chosen by luck as much as by skill.'),
      ),
    ],
  });
}
