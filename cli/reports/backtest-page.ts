// A backtest as one HTML page: what happened, the account beside what holding would have brought, and every trade.
import {
  formatFigure,
  formatInstant,
  formatNumber,
  formatPercent,
  NOT_AVAILABLE,
} from '../../lib/core/format-figure.ts';
import { MINUTE_MS } from '../../lib/core/units.ts';
import type { CandleSeries } from '../../lib/market/candle-series.ts';
import { BACKTEST_SETTINGS, SETTING_NAMES } from '../../lib/research/backtest-settings.ts';
import { ANNUALISED_DAYS_MIN } from '../../lib/research/metrics/performance.ts';
import type { BacktestReport } from '../../lib/research/use-cases/backtest-report.ts';
import { summariseBacktest } from './backtest-summary.ts';
import { assumptionsOf, GROUP_HEAD, groupCells, SIDE_NAMES, summaryRows } from './backtest-text.ts';
import { chooseSymbols, plotTrades } from './candle-plot.ts';
import { type Fact, formatHtmlTable, formatMonths, formatNote, formatSection } from './html.ts';
import { drawn, placePlot, plotBars, plotEquity, plotGrowth } from './plots.ts';
import { formatPage, verdictOf } from './report-page.ts';

const COSTS = 'fees, slippage and funding';
const GROUP_SIGNED = ['profit USDT', 'mean bps'];

/**
 * @param market.series candles of the traded symbols
 * @param market.charts symbols whose trades are drawn besides the worst, the best and the most traded
 */
export function formatBacktestPage(
  report: BacktestReport,
  market: { readonly series: ReadonlyMap<string, CandleSeries>; readonly charts: readonly string[] },
): string {
  const { ensembleId, equity, benchmarks } = report;
  const account = plotEquity(equity, COSTS);
  const growth = plotGrowth(
    equity.timeMs,
    [
      { name: 'this backtest, %', equityUsdt: equity.equityUsdt },
      ...benchmarks.map((of) => ({
        name: of.name === 'bitcoin' ? 'Bitcoin held, %' : 'equal parts of all symbols held, %',
        equityUsdt: of.equityUsdt,
      })),
    ],
    { id: 'growth', summary: 'Growth of the account, and of the same money held in the market' },
  );
  const profits = plotBars(
    report.trades.map(({ closedAtMs, profitUsdt }) => [closedAtMs, profitUsdt]),
    {
      id: 'profits',
      name: 'closed profit, USDT',
      summary: 'Profit and loss of the trades, when they were closed',
    },
  );
  const candles = chooseSymbols(report, market.charts).flatMap((chosen) => {
    const series = market.series.get(chosen.symbol);
    return series === undefined ? [] : [{ ...chosen, plot: plotTrades(chosen, series, report) }];
  });
  return formatPage({
    title: `Backtest of ensemble ${ensembleId}`,
    verdict: verdictOf(report.inSample),
    summary: summariseBacktest(report),
    facts: factsOf(report),
    plots: drawn([account, growth, profits, ...candles.map(({ plot }) => plot)]),
    body: [
      formatSection('Equity and drawdown, at every bar', placePlot(account)),
      formatSection('Against holding', placePlot(growth)),
      formatSection('Months', formatMonths(report.months)),
      formatSection(
        'Long and short',
        formatGroups(
          'Long and short',
          'side',
          report.sides.map((of) => [SIDE_NAMES[of.side], of]),
        ),
      ),
      formatSection(
        'Exit reasons',
        formatGroups(
          'Exit reasons',
          'exit',
          report.exitReasons.map((of) => [of.reason, of]),
        ),
      ),
      formatSection(
        'Trades on candles',
        ...candles.map(
          ({ symbol, why, plot }) =>
            `<h3>${symbol}, ${why}</h3>${placePlot(plot)}${formatNote(`candles of ${plot.stepMs / MINUTE_MS} min`)}`,
        ),
      ),
      formatSection('Profit when closed', placePlot(profits)),
      formatSection(
        'Pairs',
        formatGroups(
          'Pairs',
          'pair',
          report.pairs.map((of) => [of.symbol, of]),
        ),
      ),
      formatSection('Closed trades', formatTrades(report)),
      formatSection('Still open', formatOpen(report)),
      formatSection('What was decided', formatDecisions(report)),
      formatSection(
        'All figures',
        formatHtmlTable({ label: 'All figures', head: [], rows: summaryRows(report), whole: true }),
      ),
      formatSection('Settings', formatSettings(report)),
    ],
  });
}

function factsOf({ summary, benchmarks }: BacktestReport): Fact[] {
  const { sharpe, sharpeInterval: interval, maxDrawdown: drawdown } = summary;
  return [
    { name: 'Return', value: formatPercent(summary.totalReturn, 2), signed: true },
    ...benchmarks.map(({ name, equityUsdt }) => ({
      name: name === 'bitcoin' ? 'Bitcoin held' : 'Equal parts held',
      value: formatPercent(equityUsdt.at(-1)! / equityUsdt[0]! - 1, 2),
      signed: true,
    })),
    {
      name: 'Max drawdown',
      value: formatPercent(drawdown?.fraction, 2),
      ...(drawdown && { note: `bottom ${formatInstant(drawdown.bottomMs)}` }),
    },
    {
      name: 'Closed trades',
      value: String(summary.trades),
      note: `${summary.wins} won, ${summary.losses} lost`,
    },
    { name: 'Profit factor', value: formatFigure(summary.profitFactor, 2) },
    {
      name: 'Sharpe (daily, √365)',
      value: formatFigure(sharpe, 2),
      note:
        sharpe === undefined
          ? `only from ${ANNUALISED_DAYS_MIN} days on`
          : interval === undefined
            ? 'no interval'
            : `95 % ${interval.low.toFixed(2)} to ${interval.high.toFixed(2)}`,
    },
  ];
}

const formatGroups = (
  label: string,
  name: string,
  groups: readonly (readonly [
    string,
    BacktestReport['pairs'][number] | BacktestReport['sides'][number] | BacktestReport['exitReasons'][number],
  ])[],
): string =>
  formatHtmlTable({
    label,
    head: [name, ...GROUP_HEAD],
    rows: groups.map(([of, group]) => [of, ...groupCells(group)]),
    signed: GROUP_SIGNED,
  });

const TRADE_HEAD = [
  ...['pair', 'side', 'opened, UTC', 'closed, UTC', 'quantity'],
  ...['entry', 'exit', 'reason', 'fees USDT', 'profit USDT', 'bps'],
];

const formatTrades = ({ trades }: BacktestReport): string =>
  formatHtmlTable({
    label: 'Closed trades',
    head: TRADE_HEAD,
    signed: ['profit USDT', 'bps'],
    rows: trades.map((trade) => [
      trade.symbol,
      SIDE_NAMES[trade.side],
      formatInstant(trade.openedAtMs),
      formatInstant(trade.closedAtMs),
      formatNumber(trade.quantity),
      trade.entryPrice.toPrecision(7),
      trade.exitPrice === null ? NOT_AVAILABLE : trade.exitPrice.toPrecision(7),
      trade.reason,
      formatFigure(trade.feesUsdt, 2),
      formatFigure(trade.profitUsdt, 2),
      formatFigure(trade.profitBps, 1),
    ]),
  });

const formatOpen = ({ openTrades }: BacktestReport): string =>
  openTrades.length === 0
    ? ''
    : formatHtmlTable({
        label: 'Still open',
        head: ['pair', 'side', 'opened, UTC', 'quantity', 'entry', 'stop', 'price', 'P&L USDT'],
        signed: ['P&L USDT'],
        rows: openTrades.map((trade) => [
          trade.symbol,
          SIDE_NAMES[trade.side],
          formatInstant(trade.openedAtMs),
          formatNumber(trade.quantity),
          trade.entryPrice.toPrecision(7),
          trade.stopPrice.toPrecision(7),
          trade.markPrice.toPrecision(7),
          formatFigure(trade.unrealisedUsdt, 2),
        ]),
      });

function formatDecisions({ signals, outcomes, abstentions, problems }: BacktestReport): string {
  const counted = (kind: string, counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([name, count]) => [kind, name.replaceAll('_', ' '), count]);
  return formatHtmlTable({
    label: 'What was decided',
    head: ['of', 'what', 'count'],
    rows: [
      ...counted('decision', signals.actions),
      ...counted('reason of a HOLD', signals.holdReasons),
      ...counted('outcome of BUY and SELL', outcomes),
      ...counted('bars without a decision', abstentions),
      ...(problems.length > 0 ? [['problems', problems[0]!, problems.length]] : []),
    ],
  });
}

const formatSettings = (report: BacktestReport): string =>
  [
    formatHtmlTable({
      label: 'Settings',
      head: ['setting', 'here', 'as released', 'meaning'],
      classOf: (text, column) => (column === 3 && text !== '' ? 'soft' : ''),
      rows: SETTING_NAMES.map((name) => [
        BACKTEST_SETTINGS[name].option,
        String(report.settings[name]),
        String(report.releasedSettings[name]),
        BACKTEST_SETTINGS[name].meaning,
      ]),
    }),
    ...assumptionsOf(report).map(formatNote),
  ].join('');
