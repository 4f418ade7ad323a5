// A backtest as tables for a terminal, in the order that traders know.
import {
  formatDay,
  formatFigure,
  formatInstant,
  formatNumber,
  formatPercent,
  NOT_AVAILABLE,
} from '../../lib/core/format-figure.ts';
import type { Interval } from '../../lib/core/statistics/block-bootstrap.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../lib/core/units.ts';
import { ANNUALISED_DAYS_MIN } from '../../lib/research/metrics/performance.ts';
import type { BacktestReport, TradeGroup } from '../../lib/research/use-cases/backtest-report.ts';
import { formatTable } from '../format/text-table.ts';
import { summariseBacktest } from './backtest-summary.ts';
import { IN_SAMPLE_WORDS } from './report-page.ts';

/** Pairs shown of the table; --json and --report have all. */
const PAIRS_SHOWN = 20;
const PROBLEMS_SHOWN = 10;

export function formatBacktest(report: BacktestReport): string {
  return [
    summariseBacktest(report),
    '',
    describeRun(report),
    titled('pairs', formatPairs(report)),
    titled('open trades', formatOpenTrades(report)),
    titled('long and short', formatSides(report)),
    titled('exit reasons', formatExitReasons(report)),
    titled('summary', formatTable({ head: [], rows: summaryRows(report) })),
    titled('months', formatMonths(report)),
    ...describeProblems(report),
  ].join('\n');
}

const titled = (title: string, text: string): string => `\n${title}\n${text}`;

const describeCounts = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'none';

function describeRun(report: BacktestReport): string {
  const { range, bars, symbols, signals } = report;
  return [
    `ensemble ${report.ensembleId}: ${report.decisions} decisions on ${symbols.length} symbols, ${bars} bars from ${formatInstant(range.fromMs)} to ${formatInstant(range.toMs)} UTC`,
    `decided: ${describeCounts(signals.actions)}; reasons of HOLD: ${describeCounts(signals.holdReasons)}`,
    `bars without a decision: ${describeCounts(report.abstentions)}`,
    IN_SAMPLE_WORDS[`${report.inSample}`],
    ...assumptionsOf(report),
  ].join('\n');
}

/** What the figures rest on, one line each. */
export function assumptionsOf(report: BacktestReport): string[] {
  const { costs } = report;
  return [
    `costs: taker fee ${costs.takerFeeBps} bps, slippage and half the spread ${formatNumber(costs.halfSpreadBps + costs.slippageBps)} bps per side, funding ${(10_000 * costs.fundingRatePer8h).toFixed(1)} bps per 8 h (assumed: spot candles have no rates)`,
    `resolution ${report.resolutionMs / MINUTE_MS} min: stops and exits act at bar closes; a stop that a bar reached was hit before anything else in that bar`,
    describeBreaker(report),
    ...(report.slowReplay === undefined
      ? []
      : [`traded order by order, which takes longer and gives the same: ${report.slowReplay}`]),
  ];
}

function describeBreaker({ withBreaker, trip }: BacktestReport): string {
  if (!withBreaker) return 'circuit breaker: off (--breaker turns it on)';
  return trip === undefined
    ? 'circuit breaker: evaluated every bar, did not trip'
    : `circuit breaker: TRIPPED at ${formatInstant(trip.atMs)} UTC, no entries after that (${trip.message})`;
}

export const GROUP_HEAD = ['trades', 'profit USDT', 'won', 'profit factor', 'mean bps', 'mean hours'];

export const groupCells = (group: TradeGroup): string[] => [
  String(group.trades),
  formatFigure(group.profitUsdt, 2),
  formatPercent(group.winRate),
  formatFigure(group.profitFactor, 2),
  formatFigure(group.meanProfitBps, 1),
  formatFigure(group.averageDurationMs === undefined ? undefined : group.averageDurationMs / HOUR_MS, 2),
];

function formatPairs({ pairs }: BacktestReport): string {
  const shown =
    pairs.length <= PAIRS_SHOWN
      ? pairs
      : [...pairs.slice(0, PAIRS_SHOWN / 2), ...pairs.slice(-PAIRS_SHOWN / 2)];
  const text = formatTable({
    head: ['pair', ...GROUP_HEAD],
    rows: shown.map((pair) => [pair.symbol, ...groupCells(pair)]),
  });
  return shown.length === pairs.length
    ? text
    : `${text}\nthe best and the worst of ${pairs.length}; --json and --report have all`;
}

function formatOpenTrades({ openTrades }: BacktestReport): string {
  return formatTable({
    head: ['pair', 'side', 'opened', 'quantity', 'entry', 'stop', 'P&L USDT'],
    rows: openTrades.map((trade) => [
      trade.symbol,
      trade.side,
      formatInstant(trade.openedAtMs).slice('2024-'.length),
      trade.quantity.toPrecision(5),
      trade.entryPrice.toPrecision(5),
      trade.stopPrice.toPrecision(5),
      trade.unrealisedUsdt.toFixed(2),
    ]),
    left: [0, 1, 2],
  });
}

export const SIDE_NAMES = { BUY: 'long', SELL: 'short' } as const;

const formatSides = ({ sides }: BacktestReport): string =>
  formatTable({
    head: ['side', ...GROUP_HEAD],
    rows: sides.map((group) => [SIDE_NAMES[group.side], ...groupCells(group)]),
  });

const formatExitReasons = ({ exitReasons }: BacktestReport): string =>
  formatTable({
    head: ['exit', ...GROUP_HEAD],
    rows: exitReasons.map((group) => [group.reason, ...groupCells(group)]),
  });

/** Name and value; "n/a" for what cannot be computed. */
export function summaryRows({ summary, bookedLedger, range }: BacktestReport): [string, string][] {
  const { maxDrawdown: drawdown } = summary;
  const instant = (ms: number | undefined) => (ms === undefined ? 'not yet' : formatInstant(ms));
  const isLong = range.toMs - range.fromMs >= ANNUALISED_DAYS_MIN * DAY_MS;
  const annualised = (text: string) =>
    isLong ? text : `${NOT_AVAILABLE} (under ${ANNUALISED_DAYS_MIN} days)`;
  return [
    ['trades', String(summary.trades)],
    ['deposit USDT', bookedLedger.depositUsdt.toFixed(2)],
    ['equity at the end USDT', bookedLedger.equityUsdt.toFixed(2)],
    ['realised USDT', bookedLedger.realisedUsdt.toFixed(2)],
    ['unrealised USDT', bookedLedger.unrealisedUsdt.toFixed(2)],
    ['fees USDT', bookedLedger.feesUsdt.toFixed(2)],
    ['funding USDT', bookedLedger.fundingUsdt.toFixed(2)],
    ['return', formatPercent(summary.totalReturn, 2)],
    ['return per year', annualised(formatPercent(summary.annualReturn, 2))],
    ['Sharpe (daily, √365)', annualised(formatFigure(summary.sharpe, 2))],
    ['Sharpe, 95 % interval', annualised(formatInterval(summary.sharpeInterval))],
    ['Sortino', annualised(formatFigure(summary.sortino, 2))],
    ['Calmar', annualised(formatFigure(summary.calmar, 2))],
    ['SQN', formatFigure(summary.sqn, 2)],
    ['profit factor', formatFigure(summary.profitFactor, 2)],
    ['expectancy USDT', formatFigure(summary.expectancyUsdt, 3)],
    ['won', formatPercent(summary.winRate)],
    ['max drawdown', formatPercent(drawdown?.fraction, 2)],
    ['max drawdown from', drawdown === undefined ? NOT_AVAILABLE : instant(drawdown.startMs)],
    ['max drawdown bottom', drawdown === undefined ? NOT_AVAILABLE : instant(drawdown.bottomMs)],
    ['max drawdown recovered', drawdown === undefined ? NOT_AVAILABLE : instant(drawdown.recoveredMs)],
    ['buy and hold, equal parts', formatPercent(summary.marketChange, 2)],
  ];
}

const formatInterval = (interval: Interval | undefined): string =>
  interval === undefined ? NOT_AVAILABLE : `${interval.low.toFixed(2)} to ${interval.high.toFixed(2)}`;

const formatMonths = ({ months }: BacktestReport): string =>
  formatTable({
    head: ['month', 'return', 'trades', 'profit USDT'],
    rows: months.map((month) => [
      formatDay(month.startMs).slice(0, '2024-08'.length),
      formatPercent(month.return, 2),
      month.trades,
      month.profitUsdt.toFixed(2),
    ]),
  });

function describeProblems({ outcomes, problems }: BacktestReport): string[] {
  return [
    `\noutcomes of BUY and SELL signals: ${describeCounts(outcomes)}`,
    ...(problems.length === 0
      ? []
      : [
          `${problems.length} problems, first ${Math.min(problems.length, PROBLEMS_SHOWN)}:`,
          ...problems.slice(0, PROBLEMS_SHOWN),
        ]),
  ];
}
