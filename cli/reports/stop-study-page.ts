// A study of stops as one HTML page.
import { formatFigure, formatPercent } from '../../lib/core/format-figure.ts';
import type { StopStudy } from '../../lib/research/use-cases/study-stops.ts';
import { formatHtmlTable, formatNote, formatSection } from './html.ts';
import { drawn, placePlot, plotLines } from './plots.ts';
import { formatPage, type Verdict } from './report-page.ts';
import { COLUMNS, describeStudy, STOP_NOTES } from './stop-study-text.ts';

export function formatStopStudyPage(study: StopStudy): string {
  const { rules, conclusion } = study;
  const active = rules[0]!;
  const of = (read: (rule: (typeof rules)[number]) => number | undefined) =>
    rules.map((rule) => read(rule) ?? null);
  const plot = plotLines(
    { names: active.signals.trades === 0 ? [] : rules.map(({ name }) => name) },
    [
      {
        name: 'net bps a trade',
        type: 'line',
        colour: 'accent',
        values: of(({ signals }) => signals.netBps),
      },
      {
        name: 'lower bound, 95 %',
        type: 'dashed',
        colour: 'loss',
        values: of(({ signals }) => signals.netInterval?.low),
      },
      {
        name: 'upper bound, 95 %',
        type: 'dashed',
        colour: 'gain',
        values: of(({ signals }) => signals.netInterval?.high),
      },
      { name: 'a coin, net', type: 'dashed', colour: 'text', values: of(({ control }) => control.netBps) },
    ],
    {
      id: 'net',
      summary: 'Mean net result of a trade under each stop, its 95 % interval, and that of a coin',
    },
  );
  return formatPage({
    title: `Stops of ensemble ${study.ensembleId}`,
    verdict: verdictOf(study),
    summary: conclusion.text,
    facts: [
      { name: 'Signals', value: String(study.acted), note: `${study.excluded} excluded` },
      { name: 'Days', value: String(study.days) },
      {
        name: `Net with ${active.name}, bps`,
        value: formatFigure(active.signals.netBps, 1),
        note: 'the active stop',
        signed: true,
      },
      { name: 'Stopped', value: formatPercent(active.signals.stopHitRate), note: 'by the active stop' },
    ],
    plots: drawn([plot]),
    body: [
      formatSection('Net result of a trade under each stop', placePlot(plot)),
      formatSection(
        'All stops',
        formatHtmlTable({
          label: 'All stops',
          head: ['stop', ...COLUMNS.map(({ head }) => head)],
          rows: rules.map((rule) => [rule.name, ...COLUMNS.map(({ cell }) => cell(rule))]),
          signed: ['gross', 'net', 'other days', 'coin net'],
        }),
      ),
      formatSection('About these figures', ...[...describeStudy(study), ...STOP_NOTES].map(formatNote)),
    ],
  });
}

function verdictOf({ conclusion, rules }: StopStudy): Verdict {
  const { code, survivors } = conclusion;
  if (code === 'no_trades' || code === 'too_few_days') return { text: 'no conclusion', tone: 'bad' };
  return {
    text: `${survivors.length} of ${rules.length} stops survive their costs`,
    tone: survivors.length > 0 ? 'good' : 'bad',
  };
}
