// A study of stops, other exits or entries as tables for a terminal and as a page, with its conclusion.
import {
  formatDay,
  formatFigure,
  formatInstant,
  formatPercent,
  NOT_AVAILABLE,
} from '../../lib/core/format-figure.ts';
import type { Interval } from '../../lib/core/statistics/block-bootstrap.ts';
import { MAKER_FEE_BPS } from '../../lib/research/trades/follow-trade.ts';
import type { RuleReport } from '../../lib/research/trades/trade-study.ts';
import type { StudyQuestion, TradeStudy } from '../../lib/research/use-cases/study-trades.ts';
import { formatTable } from '../format/text-table.ts';

/** Tables of the signals under each rule, of the coin, and of what the rule does against the active one and the coin. */
export function formatTradeStudy(study: TradeStudy): string {
  const table = (columns: readonly Column[]) =>
    formatTable({
      head: [SUBJECTS[study.question].one, ...columns.map(({ head }) => head)],
      rows: study.rules.map((rule) => [rule.name, ...columns.map(({ cell }) => cell(rule))]),
    });
  return [
    describeStudy(study).join('\n'),
    ...tablesOf(study.question).map(table),
    study.conclusion.text,
  ].join('\n\n');
}

/** What the rules of a question are called. */
export const SUBJECTS = {
  stops: { one: 'stop', many: 'stops' },
  exits: { one: 'exit', many: 'exits' },
  entries: { one: 'entry', many: 'entries' },
} as const;

export const STUDY_NOTES = [
  'a rule survives costs when the whole interval of its mean net, widened for all rules at once, lies above zero',
  'the coin enters at the same bars of the same symbols with a side drawn by a seeded generator: what a rule does to a trade without information',
  'every signal is followed on its own, also where the executor would already have a position; days are drawn whole, so that overlapping trades do not count as independent',
] as const;

/** The same as a page to keep: Markdown. @param dataFolder as it was given */
export function formatTradePage(study: TradeStudy, dataFolder: string): string {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const { one } = SUBJECTS[study.question];
  const columns = columnsOf(study.question);
  return [
    `# Which ${one} survives costs`,
    '',
    `**${study.conclusion.text}**`,
    '',
    ...describeStudy(study).map((line) => `- ${line}`),
    ...STUDY_NOTES.map((note) => `- ${note}`),
    '',
    row([one, ...columns.map(({ head }) => head)]),
    row(['---', ...columns.map(() => '---:')]),
    ...study.rules.map((rule) => row([rule.name, ...columns.map(({ cell }) => cell(rule))])),
    '',
    `Made by \`qtrader study ${study.question} --data ${dataFolder} --report FILE\`, range and symbols as above.`,
    '',
  ].join('\n');
}

interface Column {
  readonly head: string;
  readonly cell: (rule: RuleReport) => string;
}

const STOPPED: Column = { head: 'stopped', cell: ({ signals }) => formatPercent(signals.stopHitRate) };
const ENTERED: Column = { head: 'entered', cell: ({ signals }) => formatPercent(signals.enteredRate) };
const PROFIT_FACTOR: Column = {
  head: 'profit factor',
  cell: ({ signals }) => formatFigure(signals.profitFactor, 2),
};
const ENTERED_NET: Column = {
  head: 'if entered',
  cell: ({ signals }) => formatFigure(signals.enteredNetBps, 1),
};

const tablesOf = (question: StudyQuestion): readonly (readonly Column[])[] => [
  [
    { head: 'trades', cell: ({ signals }) => String(signals.trades) },
    question === 'entries' ? ENTERED : STOPPED,
    { head: 'gross', cell: ({ signals }) => formatFigure(signals.grossBps, 1) },
    { head: 'net', cell: ({ signals }) => formatFigure(signals.netBps, 1) },
    { head: '95 %', cell: ({ signals }) => formatInterval(signals.netInterval) },
    { head: 'adverse', cell: ({ signals }) => formatFigure(signals.adverseBps, 1) },
  ],
  [
    { head: 'other days', cell: ({ signals }) => formatFigure(signals.otherDaysNetBps, 1) },
    question === 'entries' ? ENTERED_NET : PROFIT_FACTOR,
    { head: 'coin net', cell: ({ control }) => formatFigure(control.netBps, 1) },
    { head: 'coin 95 %', cell: ({ control }) => formatInterval(control.netInterval) },
  ],
  [
    { head: 'net less active', cell: ({ versusActive }) => formatDifference(versusActive) },
    { head: 'net less coin', cell: ({ versusControl }) => formatDifference(versusControl) },
  ],
];

export const columnsOf = (question: StudyQuestion): readonly Column[] => tablesOf(question).flat();

export function describeStudy(study: TradeStudy): string[] {
  const { fromMs, toMs, busiestDay } = study;
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
    ...describeTrade(study),
    'per trade, in bps of the entry price; 95 % intervals from days drawn with replacement; the first row is the active rule',
  ];
}

function describeTrade({ question, holdBars, costs }: TradeStudy): string[] {
  const taken = `each side costs ${costs.feeBps} bps fee and ${costs.slippageBps} bps slippage`;
  switch (question) {
    case 'stops':
      return [`entry at the next open, exit after ${holdBars} bars unless stopped; ${taken}`];
    case 'exits':
      return [
        `entry at the next open, exit after ${holdBars} bars unless the rule says otherwise, and at the active stop at the latest; ${taken}`,
      ];
    case 'entries':
      return [
        `exit ${holdBars} bars after the signal unless stopped; ${taken}`,
        `an order rests at the next open, or so much of an ATR of 5 minutes on its better side, for the bars named; it is filled when the price goes ${costs.slippageBps} bps beyond it, without slippage and at a fee of ${MAKER_FEE_BPS} bps; unfilled, nothing is entered, or the market is taken`,
        'a signal that is not entered counts with nothing earned; "if entered" is the mean of the others',
      ];
  }
}

const formatInterval = (interval: Interval | undefined): string =>
  interval === undefined ? NOT_AVAILABLE : `${interval.low.toFixed(1)} to ${interval.high.toFixed(1)}`;

const formatDifference = ({ meanBps, interval }: RuleReport['versusActive']): string =>
  meanBps === undefined ? '' : `${meanBps.toFixed(1)} (${formatInterval(interval)})`;
