// A study of stops as a table for a terminal, and what follows from it.
import Table from 'cli-table3';
import type { StopStudy } from '../lib/app/study-stops.ts';
import type { Interval } from '../lib/evaluation/block-bootstrap.ts';
import type { RuleReport } from '../lib/evaluation/stop-study.ts';
import { formatFigure, formatInstant, formatPercent } from './format-figure.ts';

export function formatStopStudy(study: StopStudy): string {
  const table = new Table({
    head: [
      'stop',
      'trades',
      'stopped',
      'gross bps',
      'net bps',
      '95 %',
      'profit factor',
      'adverse bps',
      'less the one in force',
      'coin: net bps',
      '95 %',
      'less the coin',
    ],
    colAligns: ['left', ...Array<'right'>(11).fill('right')],
    style: { head: [], border: [] },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  });
  table.push(...study.rules.map(formatRule));
  return [describeStudy(study), table.toString(), study.conclusion.text].join('\n');
}

function describeStudy(study: StopStudy): string {
  const { fromMs, toMs, costs, horizonBars } = study;
  const range =
    fromMs === undefined || toMs === undefined
      ? 'no bar'
      : `${formatInstant(fromMs)} to ${formatInstant(toMs)} UTC`;
  return [
    `ensemble ${study.ensembleId}: ${study.decided} bars decided of ${study.symbols} symbols, ${range}`,
    `${study.acted} signals acted on, on ${study.days} days; ${study.leftOut} left out (their path is not whole)`,
    `entry at the next open, exit after ${horizonBars} bars unless stopped; each side costs ${costs.feeBps} bps fee and ${costs.slippageBps} bps slippage`,
    'per trade, in bps of the entry price; 95 % intervals from days drawn with replacement; the first row is the rule in force',
  ].join('\n');
}

function formatRule({ name, signals, control, versusInForce, versusControl }: RuleReport): string[] {
  return [
    name,
    String(signals.trades),
    formatPercent(signals.stopHitRate),
    formatFigure(signals.grossBps, 1),
    formatFigure(signals.netBps, 1),
    formatInterval(signals.netInterval),
    formatFigure(signals.profitFactor, 2),
    formatFigure(signals.adverseBps, 1),
    formatDifference(versusInForce),
    formatFigure(control.netBps, 1),
    formatInterval(control.netInterval),
    formatDifference(versusControl),
  ];
}

const formatInterval = (interval: Interval | undefined): string =>
  interval === undefined ? 'undefined' : `${interval.low.toFixed(1)} to ${interval.high.toFixed(1)}`;

const formatDifference = ({ meanBps, interval }: RuleReport['versusInForce']): string =>
  meanBps === undefined ? '' : `${meanBps.toFixed(1)} (${formatInterval(interval)})`;
