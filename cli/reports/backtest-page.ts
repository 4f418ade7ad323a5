// A backtest as one HTML page: equity, drawdown and every trade. It loads nothing from anywhere and runs no script.
import type { BacktestReport } from '../../lib/research/use-cases/backtest-report.ts';
import { formatDay, formatInstant } from '../format/format-figure.ts';
import { formatBacktest, groupCells, summaryRows } from './backtest-text.ts';
import { IN_SAMPLE_WORDS } from './evaluation-text.ts';
import { PAGE_STYLE } from './page-style.ts';
import { plotDrawdown } from './plot-drawdown.ts';
import { drawPlot, escapeHtml } from './svg-plot.ts';

const BLUE = '#1f5fae';
const GREEN = '#2b7a3d';

export function formatBacktestPage(report: BacktestReport): string {
  const { ensembleId, inSample, pairs, exitReasons, trades } = report;
  const group = ['trades', 'profit USDT', 'won', 'profit factor', 'mean bps', 'mean duration h'];
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>Backtest of ${escapeHtml(ensembleId)}</title><style>${PAGE_STYLE}</style></head><body>`,
    `<h1>Backtest of ensemble ${escapeHtml(ensembleId)}</h1>`,
    `<p class="verdict${inSample === false ? '' : ' seen'}">${escapeHtml(IN_SAMPLE_WORDS[`${inSample}`])}</p>`,
    `<div class="plots">${plotEquity(report)}${plotDrawdown(report.equity)}${plotTrades(report)}</div>`,
    '<h2>Pairs</h2>',
    formatTable(
      ['pair', ...group],
      pairs.map((pair) => [pair.symbol, ...groupCells(pair)]),
    ),
    '<h2>Exit reasons</h2>',
    formatTable(
      ['exit', ...group],
      exitReasons.map((exit) => [exit.reason, ...groupCells(exit)]),
    ),
    '<h2>Summary</h2>',
    formatTable([], summaryRows(report)),
    '<h2>Trades</h2>',
    formatTable(
      ['pair', 'side', 'opened', 'closed', 'quantity', 'entry', 'exit', 'why', 'fees USDT', 'profit USDT'],
      trades.map((trade) => [
        trade.symbol,
        trade.side,
        formatInstant(trade.openedAtMs),
        formatInstant(trade.closedAtMs),
        String(trade.quantity),
        trade.entryPrice.toPrecision(7),
        trade.exitPrice === null ? 'undefined' : trade.exitPrice.toPrecision(7),
        trade.reason,
        trade.feesUsdt.toFixed(2),
        trade.profitUsdt.toFixed(2),
      ]),
    ),
    '<h2>All figures</h2>',
    `<pre>${escapeHtml(formatBacktest(report))}</pre></body></html>\n`,
  ].join('\n');
}

function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '<p>none</p>';
  const cells = (tag: string, row: readonly string[]) =>
    `<tr>${row.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  return `<table>${head.length > 0 ? cells('th', head) : ''}${rows.map((row) => cells('td', row)).join('')}</table>`;
}

function plotEquity({ equity }: BacktestReport): string {
  const points = equity.timeMs.map((ms, mark) => [ms, equity.equityUsdt[mark]!] as const);
  return drawPlot({
    title: 'Equity at the end of each day, USDT',
    lines: [{ name: 'net of fees, slippage and funding', colour: BLUE, points }],
    formatX: formatDay,
    formatY: (value) => value.toFixed(0),
  });
}

function plotTrades({ trades }: BacktestReport): string {
  const byClose = [...trades].sort((a, b) => a.closedAtMs - b.closedAtMs);
  return drawPlot({
    title: 'Each closed trade, bps of what was paid',
    lines: [
      {
        name: 'profit',
        colour: GREEN,
        style: 'bars',
        points: byClose.map(({ closedAtMs, profitBps }) => [closedAtMs, profitBps]),
      },
    ],
    formatX: formatDay,
    formatY: (value) => value.toFixed(0),
  });
}
