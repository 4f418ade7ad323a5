// A study of stops, other exits or entries as one HTML page.
import { formatFigure, formatPercent } from '../../lib/core/format-figure.ts';
import type { TradeStudy } from '../../lib/research/use-cases/study-trades.ts';
import { formatHtmlTable, formatNote, formatSection } from './html.ts';
import { drawn, placePlot, plotLines } from './plots.ts';
import { formatPage, type Verdict } from './report-page.ts';
import { columnsOf, describeStudy, STUDY_NOTES, SUBJECTS } from './trade-study-text.ts';

export function formatTradeStudyPage(study: TradeStudy): string {
  const { rules, conclusion, question } = study;
  const { one, many } = SUBJECTS[question];
  const columns = columnsOf(question);
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
      summary: `Mean net result of a trade under each ${one}, its 95 % interval, and that of a coin`,
    },
  );
  return formatPage({
    title: `${many[0]!.toUpperCase()}${many.slice(1)} of ensemble ${study.ensembleId}`,
    verdict: verdictOf(study),
    summary: conclusion.text,
    facts: [
      { name: 'Signals', value: String(study.acted), note: `${study.excluded} excluded` },
      { name: 'Days', value: String(study.days) },
      {
        name: `Net with ${active.name}, bps`,
        value: formatFigure(active.signals.netBps, 1),
        note: `the active ${one}`,
        signed: true,
      },
      { name: 'Stopped', value: formatPercent(active.signals.stopHitRate), note: `with the active ${one}` },
    ],
    plots: drawn([plot]),
    body: [
      formatSection(`Net result of a trade under each ${one}`, placePlot(plot)),
      formatSection(
        `All ${many}`,
        formatHtmlTable({
          label: `All ${many}`,
          head: [one, ...columns.map(({ head }) => head)],
          rows: rules.map((rule) => [rule.name, ...columns.map(({ cell }) => cell(rule))]),
          signed: ['gross', 'net', 'other days', 'coin net', 'if entered'],
        }),
      ),
      formatSection('About these figures', ...[...describeStudy(study), ...STUDY_NOTES].map(formatNote)),
    ],
  });
}

function verdictOf({ conclusion, rules, question }: TradeStudy): Verdict {
  const { code, survivors } = conclusion;
  if (code === 'no_trades' || code === 'too_few_days') return { text: 'no conclusion', tone: 'bad' };
  return {
    text: `${survivors.length} of ${rules.length} ${SUBJECTS[question].many} survive their costs`,
    tone: survivors.length > 0 ? 'good' : 'bad',
  };
}
