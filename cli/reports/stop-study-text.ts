// A study of stops as a table for a terminal, and what follows from it.
import Table from 'cli-table3';
import type { Interval } from '../../lib/core/statistics/block-bootstrap.ts';
import type { RuleReport } from '../../lib/research/stops/stop-study.ts';
import type { StopStudy } from '../../lib/research/use-cases/study-stops.ts';
import { formatDay, formatFigure, formatInstant, formatPercent } from '../format/format-figure.ts';

export function formatStopStudy(study: StopStudy): string {
  const table = new Table({
    head: HEAD,
    colAligns: ['left', ...HEAD.slice(1).map(() => 'right' as const)],
    style: { head: [], border: [] },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  });
  table.push(...study.rules.map(formatRule));
  return [...describeStudy(study), table.toString(), study.conclusion.text].join('\n');
}

/** The same as a page to keep: Markdown. @param dataFolder as it was given */
export function formatStopPage(study: StopStudy, dataFolder: string): string {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    '# Which stop survives costs',
    '',
    `**${study.conclusion.text}**`,
    '',
    ...describeStudy(study).map((line) => `- ${line}`),
    '- a rule survives when the whole interval of its mean net, widened so that all rules hold at once, lies above zero',
    '- the coin enters at the same bars of the same symbols with its side drawn by a seeded generator: what a stop does to a trade that knows nothing',
    '- every signal is followed by itself, also where the executor would hold a position already; days are drawn whole, so that overlapping trades do not count as independent',
    '',
    row(HEAD),
    row(HEAD.map((_, column) => (column === 0 ? '---' : '---:'))),
    ...study.rules.map((rule) => row(formatRule(rule))),
    '',
    `Made by \`qt study stops --data ${dataFolder} --report FILE\`, range and symbols as stated above.`,
    '',
  ].join('\n');
}

const HEAD = [
  'stop',
  'trades',
  'stopped',
  'gross bps',
  'net bps',
  '95 %',
  'other days',
  'profit factor',
  'adverse bps',
  'less the one in force',
  'coin: net bps',
  '95 %',
  'less the coin',
];

function describeStudy(study: StopStudy): string[] {
  const { fromMs, toMs, costs, horizonBars, busiestDay } = study;
  const range =
    fromMs === undefined || toMs === undefined
      ? 'no bar'
      : `${formatInstant(fromMs)} to ${formatInstant(toMs)} UTC`;
  return [
    `ensemble ${study.ensembleId}: ${study.decided} bars decided of ${study.symbols} symbols, ${range}`,
    `${study.acted} signals acted on, on ${study.days} days; ${study.leftOut} left out (their path is not whole)`,
    ...(busiestDay === undefined
      ? []
      : [
          `busiest day ${formatDay(busiestDay.startMs)} with ${busiestDay.trades} of them; "other days" is the net without it`,
        ]),
    `entry at the next open, exit after ${horizonBars} bars unless stopped; each side costs ${costs.feeBps} bps fee and ${costs.slippageBps} bps slippage`,
    'per trade, in bps of the entry price; 95 % intervals from days drawn with replacement; the first row is the rule in force',
  ];
}

function formatRule({ name, signals, control, versusActive, versusControl }: RuleReport): string[] {
  return [
    name,
    String(signals.trades),
    formatPercent(signals.stopHitRate),
    formatFigure(signals.grossBps, 1),
    formatFigure(signals.netBps, 1),
    formatInterval(signals.netInterval),
    formatFigure(signals.otherDaysNetBps, 1),
    formatFigure(signals.profitFactor, 2),
    formatFigure(signals.adverseBps, 1),
    formatDifference(versusActive),
    formatFigure(control.netBps, 1),
    formatInterval(control.netInterval),
    formatDifference(versusControl),
  ];
}

const formatInterval = (interval: Interval | undefined): string =>
  interval === undefined ? 'undefined' : `${interval.low.toFixed(1)} to ${interval.high.toFixed(1)}`;

const formatDifference = ({ meanBps, interval }: RuleReport['versusActive']): string =>
  meanBps === undefined ? '' : `${meanBps.toFixed(1)} (${formatInterval(interval)})`;
