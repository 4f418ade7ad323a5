// A study of stops or other exits as tables for a terminal and as a page, with its conclusion.
import {
  formatDay,
  formatFigure,
  formatInstant,
  formatPercent,
  NOT_AVAILABLE,
} from '../../lib/core/format-figure.ts';
import type { Interval } from '../../lib/core/statistics/block-bootstrap.ts';
import type { RuleReport } from '../../lib/research/exits/exit-study.ts';
import type { ExitStudy } from '../../lib/research/use-cases/study-exits.ts';
import { formatTable } from '../format/text-table.ts';

/** Tables of the signals under each rule, of the coin, and of what the rule does against the active one and the coin. */
export function formatExitStudy(study: ExitStudy): string {
  const table = (columns: readonly Column[]) =>
    formatTable({
      head: [SUBJECTS[study.question].one, ...columns.map(({ head }) => head)],
      rows: study.rules.map((rule) => [rule.name, ...columns.map(({ cell }) => cell(rule))]),
    });
  return [describeStudy(study).join('\n'), ...TABLES.map(table), study.conclusion.text].join('\n\n');
}

/** What the rules of a question are called. */
export const SUBJECTS = {
  stops: { one: 'stop', many: 'stops' },
  exits: { one: 'exit', many: 'exits' },
} as const;

export const STUDY_NOTES = [
  'a rule survives costs when the whole interval of its mean net, widened for all rules at once, lies above zero',
  'the coin enters at the same bars of the same symbols with a side drawn by a seeded generator: what a rule does to a trade without information',
  'every signal is followed on its own, also where the executor would already have a position; days are drawn whole, so that overlapping trades do not count as independent',
] as const;

/** The same as a page to keep: Markdown. @param dataFolder as it was given */
export function formatExitPage(study: ExitStudy, dataFolder: string): string {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const { one } = SUBJECTS[study.question];
  return [
    `# Which ${one} survives costs`,
    '',
    `**${study.conclusion.text}**`,
    '',
    ...describeStudy(study).map((line) => `- ${line}`),
    ...STUDY_NOTES.map((note) => `- ${note}`),
    '',
    row([one, ...COLUMNS.map(({ head }) => head)]),
    row(['---', ...COLUMNS.map(() => '---:')]),
    ...study.rules.map((rule) => row([rule.name, ...COLUMNS.map(({ cell }) => cell(rule))])),
    '',
    `Made by \`qtrader study ${study.question} --data ${dataFolder} --report FILE\`, range and symbols as above.`,
    '',
  ].join('\n');
}

interface Column {
  readonly head: string;
  readonly cell: (rule: RuleReport) => string;
}

const TABLES: readonly (readonly Column[])[] = [
  [
    { head: 'trades', cell: ({ signals }) => String(signals.trades) },
    { head: 'stopped', cell: ({ signals }) => formatPercent(signals.stopHitRate) },
    { head: 'gross', cell: ({ signals }) => formatFigure(signals.grossBps, 1) },
    { head: 'net', cell: ({ signals }) => formatFigure(signals.netBps, 1) },
    { head: '95 %', cell: ({ signals }) => formatInterval(signals.netInterval) },
    { head: 'adverse', cell: ({ signals }) => formatFigure(signals.adverseBps, 1) },
  ],
  [
    { head: 'other days', cell: ({ signals }) => formatFigure(signals.otherDaysNetBps, 1) },
    { head: 'profit factor', cell: ({ signals }) => formatFigure(signals.profitFactor, 2) },
    { head: 'coin net', cell: ({ control }) => formatFigure(control.netBps, 1) },
    { head: 'coin 95 %', cell: ({ control }) => formatInterval(control.netInterval) },
  ],
  [
    { head: 'net less active', cell: ({ versusActive }) => formatDifference(versusActive) },
    { head: 'net less coin', cell: ({ versusControl }) => formatDifference(versusControl) },
  ],
];

export const COLUMNS = TABLES.flat();

export function describeStudy(study: ExitStudy): string[] {
  const { fromMs, toMs, costs, holdBars, busiestDay } = study;
  const range =
    fromMs === undefined || toMs === undefined
      ? 'no bar'
      : `${formatInstant(fromMs)} to ${formatInstant(toMs)} UTC`;
  return [
    `ensemble ${study.ensembleId}: ${study.decided} bars decided of ${study.symbols} symbols, ${range}`,
    `${study.acted} BUY and SELL signals on ${study.days} days; ${study.excluded} excluded (incomplete path)`,
    ...(busiestDay === undefined
      ? []
      : [
          `busiest day ${formatDay(busiestDay.startMs)} with ${busiestDay.trades} of them; "other days" is the net without that day`,
        ]),
    `entry at the next open, exit after ${holdBars} bars unless ${study.question === 'stops' ? 'stopped' : 'the rule says otherwise, and at the active stop at the latest'}; each side costs ${costs.feeBps} bps fee and ${costs.slippageBps} bps slippage`,
    'per trade, in bps of the entry price; 95 % intervals from days drawn with replacement; the first row is the active rule',
  ];
}

const formatInterval = (interval: Interval | undefined): string =>
  interval === undefined ? NOT_AVAILABLE : `${interval.low.toFixed(1)} to ${interval.high.toFixed(1)}`;

const formatDifference = ({ meanBps, interval }: RuleReport['versusActive']): string =>
  meanBps === undefined ? '' : `${meanBps.toFixed(1)} (${formatInterval(interval)})`;
