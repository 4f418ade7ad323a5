// An evaluation as one HTML page with plots, to keep and to pass on: it loads nothing from anywhere and runs no script.
import type { Evaluation, ProbabilityFigures } from '../../lib/research/evaluation.ts';
import { formatDay, formatFigure, formatPercent } from '../format/format-figure.ts';
import { formatEvaluation, IN_SAMPLE_WORDS, SYMBOL_COLUMNS, symbolCells } from './evaluation-text.ts';
import { PAGE_STYLE } from './page-style.ts';
import { plotDrawdown } from './plot-drawdown.ts';
import { drawPlot, escapeHtml } from './svg-plot.ts';

const BLUE = '#1f5fae';
const GREY = '#8a8a8a';

export function formatEvaluationPage(evaluation: Evaluation): string {
  const { ensembleId, inSample, models, ensemble } = evaluation;
  const voters = [...Object.entries(models), ['ensemble', ensemble] as const];
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>Evaluation of ${escapeHtml(ensembleId)}</title><style>${PAGE_STYLE}</style></head><body>`,
    `<h1>Evaluation of ensemble ${escapeHtml(ensembleId)}</h1>`,
    `<p class="verdict${inSample === false ? '' : ' seen'}">${escapeHtml(IN_SAMPLE_WORDS[`${inSample}`])}</p>`,
    '<h2>Strategy</h2>',
    formatStrategyTable(evaluation),
    `<div class="plots">${plotEquity(evaluation)}${plotDrawdown(evaluation.strategy.equity)}</div>`,
    '<h2>Probabilities by week</h2>',
    `<div class="plots">${voters.map(([name, figures]) => plotWeeks(name, figures)).join('')}</div>`,
    '<h2>Calibration</h2>',
    `<div class="plots">${voters.map(([name, figures]) => plotReliability(name, figures)).join('')}</div>`,
    '<h2>Direction by day</h2>',
    `<div class="plots">${voters.map(([name, figures]) => plotDays(name, figures)).join('')}</div>`,
    '<h2>Symbols</h2>',
    formatSymbolTable(evaluation),
    '<h2>All figures</h2>',
    `<pre>${escapeHtml(formatEvaluation(evaluation))}</pre></body></html>\n`,
  ].join('\n');
}

function formatStrategyTable({ strategy, ensemble }: Evaluation): string {
  const figures: [string, string][] = [
    ['Sharpe (daily, √365)', formatFigure(strategy.sharpe, 2)],
    ['Sortino', formatFigure(strategy.sortino, 2)],
    ['Calmar', formatFigure(strategy.calmar, 2)],
    ['Deflated Sharpe', formatFigure(strategy.deflatedSharpe, 3)],
    ['Profit factor', formatFigure(strategy.profitFactor, 2)],
    ['Max drawdown', formatPercent(strategy.maxDrawdown)],
    ['Return', formatPercent(strategy.totalReturn)],
    ['Trades', String(strategy.trades)],
    ['Gross per acted-on signal, bps', formatFigure(ensemble.edge.grossBps, 2)],
    ['Net per acted-on signal, bps', formatFigure(ensemble.edge.netBps, 2)],
  ];
  const cells = figures.map(([name, value]) => `<tr><td>${name}</td><td>${value}</td></tr>`);
  return `<table>${cells.join('')}</table>`;
}

function plotEquity({ strategy }: Evaluation): string {
  const { timeMs, equityUsdt } = strategy.equity;
  const points = Array.from(timeMs, (ms, mark) => [ms, equityUsdt[mark]!] as const);
  return drawPlot({
    title: 'Account at the end of each day, USDT',
    lines: [{ name: 'net of fees and slippage', colour: BLUE, points }],
    formatX: formatDay,
    formatY: (value) => value.toFixed(0),
  });
}

function plotWeeks(name: string, { weeks }: ProbabilityFigures): string {
  return drawPlot({
    title: `${name}: log-loss by week`,
    lines: [
      { name, colour: BLUE, points: weeks.map((week) => [week.weekStartMs, week.logLoss]) },
      {
        name: 'prior of the range',
        colour: GREY,
        style: 'dashed',
        points: weeks.map((week) => [week.weekStartMs, week.priorLogLoss]),
      },
    ],
    formatX: formatDay,
    formatY: (value) => value.toFixed(3),
  });
}

function plotReliability(name: string, { reliability, ece }: ProbabilityFigures): string {
  const points = reliability.flatMap(({ meanConfidence, accuracy }) =>
    meanConfidence === undefined || accuracy === undefined ? [] : [[meanConfidence, accuracy] as const],
  );
  const perfect = points.length === 0 ? [] : ([[0, 0] as const, [1, 1] as const] as const);
  return drawPlot({
    title: `${name}: how often it was right against how sure it was (ECE ${formatFigure(ece, 4)})`,
    lines: [
      { name, colour: BLUE, points },
      { name: 'perfect', colour: GREY, style: 'dashed', points: perfect },
    ],
    span: { x: [0, 1], y: [0, 1] },
    formatX: (value) => value.toFixed(2),
    formatY: (value) => value.toFixed(2),
  });
}

function plotDays(name: string, { days, rankIc, rankIcT }: ProbabilityFigures): string {
  return drawPlot({
    title: `${name}: rank IC ${formatFigure(rankIc, 4)}, t ${formatFigure(rankIcT, 1)}`,
    lines: [
      {
        name: 'mean of the day',
        colour: BLUE,
        style: 'bars',
        points: days.map((day) => [day.dayStartMs, day.mean]),
      },
    ],
    formatX: formatDay,
    formatY: (value) => value.toFixed(3),
  });
}

function formatSymbolTable({ ensemble }: Evaluation): string {
  const cells = (tag: string, row: readonly (string | number)[]) =>
    `<tr>${row.map((cell) => `<${tag}>${escapeHtml(String(cell))}</${tag}>`).join('')}</tr>`;
  return `<table>${cells('th', SYMBOL_COLUMNS)}${ensemble.bySymbol.map((symbol) => cells('td', symbolCells(symbol))).join('')}</table>`;
}
