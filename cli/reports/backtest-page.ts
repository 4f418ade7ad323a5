// A backtest as one HTML page: equity, drawdown and every trade.
import { formatFigure, formatInstant, formatNumber, NOT_AVAILABLE } from '../../lib/core/format-figure.ts';
import type { BacktestReport } from '../../lib/research/use-cases/backtest-report.ts';
import { formatBacktest, GROUP_HEAD, groupCells, summaryRows } from './backtest-text.ts';
import { plotEquity } from './plot-equity.ts';
import { formatHtmlTable, formatPage, formatPlots } from './report-page.ts';
import { drawPlot, escapeHtml } from './svg-plot.ts';

export function formatBacktestPage(report: BacktestReport): string {
  const { ensembleId, inSample, pairs, exitReasons, equity } = report;
  return formatPage({
    title: `Backtest of ensemble ${ensembleId}`,
    inSample,
    body: [
      formatPlots([plotEquity(equity, 'fees, slippage and funding'), plotTrades(report)]),
      '<h2>Pairs</h2>',
      formatHtmlTable(
        ['pair', ...GROUP_HEAD],
        pairs.map((pair) => [pair.symbol, ...groupCells(pair)]),
      ),
      '<h2>Exit reasons</h2>',
      formatHtmlTable(
        ['exit', ...GROUP_HEAD],
        exitReasons.map((exit) => [exit.reason, ...groupCells(exit)]),
      ),
      '<h2>Summary</h2>',
      formatHtmlTable([], summaryRows(report)),
      '<h2>Trades</h2>',
      formatTrades(report),
      '<h2>All figures</h2>',
      `<pre>${escapeHtml(formatBacktest(report))}</pre>`,
    ],
  });
}

const TRADE_HEAD = [
  ...['pair', 'side', 'opened', 'closed', 'quantity'],
  ...['entry', 'exit', 'reason', 'fees USDT', 'profit USDT'],
];

const formatTrades = ({ trades }: BacktestReport): string =>
  formatHtmlTable(
    TRADE_HEAD,
    trades.map((trade) => [
      trade.symbol,
      trade.side,
      formatInstant(trade.openedAtMs),
      formatInstant(trade.closedAtMs),
      formatNumber(trade.quantity),
      trade.entryPrice.toPrecision(7),
      trade.exitPrice === null ? NOT_AVAILABLE : trade.exitPrice.toPrecision(7),
      trade.reason,
      formatFigure(trade.feesUsdt, 2),
      formatFigure(trade.profitUsdt, 2),
    ]),
  );

function plotTrades({ trades }: BacktestReport): string {
  const byClose = [...trades].sort((a, b) => a.closedAtMs - b.closedAtMs);
  return drawPlot({
    title: 'Profit of each closed trade, bps of the notional at entry',
    lines: [
      {
        name: 'profit',
        colour: '#2b7a3d',
        style: 'bars',
        points: byClose.map(({ closedAtMs, profitBps }) => [closedAtMs, profitBps]),
      },
    ],
    x: 'time',
  });
}
