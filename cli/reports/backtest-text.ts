// A backtest as tables for a terminal, in the order that traders know.
import Table from 'cli-table3';
import type { BacktestReport, TradeGroup } from '../../lib/research/use-cases/backtest-report.ts';
import { formatDay, formatFigure, formatInstant, formatPercent } from '../format/format-figure.ts';
import { IN_SAMPLE_WORDS } from './evaluation-text.ts';

/** Pairs shown of the table; --json and --report have all. */
const PAIRS_SHOWN = 20;
const PROBLEMS_SHOWN = 10;
const HOUR_MS = 3_600_000;

const COMPACT = {
  style: { head: [], border: [] },
  chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
};

export function formatBacktest(report: BacktestReport): string {
  return [
    describeRun(report),
    titled('pairs', formatPairs(report)),
    titled('open trades', formatOpenTrades(report)),
    titled('exit reasons', formatExitReasons(report)),
    titled('summary', table([], summaryRows(report))),
    titled('months', formatMonths(report)),
    ...describeProblems(report),
  ].join('\n');
}

const titled = (title: string, text: string): string => `\n${title}\n${text}`;

const table = (head: string[], rows: readonly (readonly string[])[]): string => {
  if (rows.length === 0) return 'none';
  const made = new Table({ head, ...COMPACT });
  made.push(...rows.map((row) => [...row]));
  return made.toString();
};

function describeRun(report: BacktestReport): string {
  const { range, costs, bars, symbols } = report;
  return [
    `ensemble ${report.ensembleId}: ${report.decisions} decisions on ${symbols.length} symbols, ${bars} bars from ${formatInstant(range.fromMs)} to ${formatInstant(range.toMs)} UTC`,
    IN_SAMPLE_WORDS[`${report.inSample}`],
    `costs: taker fee ${costs.takerFeeBps} bps, slippage with half the spread ${costs.halfSpreadBps + costs.slippageBps} bps a side, funding ${(10_000 * costs.fundingRatePer8h).toFixed(1)} bps per 8 h (assumed: spot candles have no rates)`,
    `resolution ${report.resolutionMs / 60_000} min: guard, stops and exits act at bar closes; a stop that a bar reached was hit, before anything else in that bar`,
    describeBreaker(report),
  ].join('\n');
}

function describeBreaker({ withBreaker, trip }: BacktestReport): string {
  if (!withBreaker) return 'circuit breaker: not judging (--breaker lets it); its lease was renewed unseen';
  return trip === undefined
    ? 'circuit breaker: judged every bar, did not trip'
    : `circuit breaker: TRIPPED at ${formatInstant(trip.atMs)} UTC, nothing was entered from then on (${trip.message})`;
}

const GROUP_HEAD = ['trades', 'profit USDT', 'won', 'profit factor', 'mean bps', 'mean duration h'];

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
  const text = table(
    ['pair', ...GROUP_HEAD],
    shown.map((pair) => [pair.symbol, ...groupCells(pair)]),
  );
  return shown.length === pairs.length
    ? text
    : `${text}\nthe best and the worst of ${pairs.length}; --json and --report have all`;
}

function formatOpenTrades({ openTrades }: BacktestReport): string {
  return table(
    ['pair', 'side', 'opened', 'quantity', 'entry', 'stop', 'last', 'unrealised USDT'],
    openTrades.map((trade) => [
      trade.symbol,
      trade.side,
      formatInstant(trade.openedAtMs),
      String(trade.quantity),
      String(trade.entryPrice),
      String(trade.stopPrice),
      String(trade.markPrice),
      trade.unrealisedUsdt.toFixed(2),
    ]),
  );
}

const formatExitReasons = ({ exitReasons }: BacktestReport): string =>
  table(
    ['exit', ...GROUP_HEAD],
    exitReasons.map((group) => [group.reason, ...groupCells(group)]),
  );

/** Name and value; of what cannot be computed "undefined". */
export function summaryRows({ summary, bookedLedger }: BacktestReport): [string, string][] {
  const { maxDrawdown: drawdown } = summary;
  const days = (ms: number | undefined) => (ms === undefined ? 'not yet' : formatInstant(ms));
  return [
    ['trades', String(summary.trades)],
    ['deposit USDT', bookedLedger.depositUsdt.toFixed(2)],
    ['equity at the end USDT', bookedLedger.equityUsdt.toFixed(2)],
    ['realised USDT', bookedLedger.realisedUsdt.toFixed(2)],
    ['unrealised USDT', bookedLedger.unrealisedUsdt.toFixed(2)],
    ['fees USDT', bookedLedger.feesUsdt.toFixed(2)],
    ['funding USDT', bookedLedger.fundingUsdt.toFixed(2)],
    ['return', formatPercent(summary.totalReturn, 2)],
    ['return per year', formatPercent(summary.annualReturn, 2)],
    ['Sharpe (daily, √365)', formatFigure(summary.sharpe, 2)],
    ['Sortino', formatFigure(summary.sortino, 2)],
    ['Calmar', formatFigure(summary.calmar, 2)],
    ['SQN', formatFigure(summary.sqn, 2)],
    ['profit factor', formatFigure(summary.profitFactor, 2)],
    ['expectancy USDT', formatFigure(summary.expectancyUsdt, 3)],
    ['won', formatPercent(summary.winRate)],
    ['max drawdown', formatPercent(drawdown?.fraction, 2)],
    [
      'max drawdown from, bottom, recovered',
      drawdown === undefined
        ? 'undefined'
        : `${days(drawdown.startMs)}, ${days(drawdown.bottomMs)}, ${days(drawdown.recoveredMs)}`,
    ],
    ['market change (equal parts, held)', formatPercent(summary.marketChange, 2)],
  ];
}

const formatMonths = ({ months }: BacktestReport): string =>
  table(
    ['month', 'return', 'trades', 'profit USDT'],
    months.map((month) => [
      formatDay(month.startMs).slice(0, 7),
      formatPercent(month.return, 2),
      String(month.trades),
      month.profitUsdt.toFixed(2),
    ]),
  );

function describeProblems({ outcomes, problems }: BacktestReport): string[] {
  const counted = Object.entries(outcomes).map(([outcome, count]) => `${outcome} ${count}`);
  return [
    `\nsignals that wanted to act: ${counted.join(', ') || 'none'}`,
    ...(problems.length === 0
      ? []
      : [
          `${problems.length} problems, first ${Math.min(problems.length, PROBLEMS_SHOWN)}:`,
          ...problems.slice(0, PROBLEMS_SHOWN),
        ]),
  ];
}
