// An evaluation as one HTML page with plots.
import { formatFigure, formatPercent } from '../../lib/core/format-figure.ts';
import type { Evaluation, ProbabilityFigures } from '../../lib/research/evaluation.ts';
import { formatEvaluation, SYMBOL_COLUMNS, symbolCells, votersOf } from './evaluation-text.ts';
import { plotEquity } from './plot-equity.ts';
import { formatHtmlTable, formatPage, formatPlots } from './report-page.ts';
import { drawPlot, escapeHtml } from './svg-plot.ts';

const BLUE = '#1f5fae';
const GREY = '#8a8a8a';

export function formatEvaluationPage(evaluation: Evaluation): string {
  const { ensembleId, inSample, ensemble, strategy } = evaluation;
  const plotVoters = (plot: (name: string, figures: ProbabilityFigures) => string) =>
    formatPlots(votersOf(evaluation).map(([name, figures]) => plot(name, figures)));
  return formatPage({
    title: `Evaluation of ensemble ${ensembleId}`,
    inSample,
    body: [
      '<h2>Strategy</h2>',
      formatStrategyTable(evaluation),
      formatPlots([plotEquity(strategy.equity, 'fees and slippage')]),
      '<h2>Probabilities by week</h2>',
      plotVoters(plotWeeks),
      '<h2>Calibration</h2>',
      plotVoters(plotReliability),
      '<h2>Direction by day</h2>',
      plotVoters(plotDays),
      '<h2>Symbols</h2>',
      formatHtmlTable(SYMBOL_COLUMNS, ensemble.bySymbol.map(symbolCells)),
      '<h2>All figures</h2>',
      `<pre>${escapeHtml(formatEvaluation(evaluation))}</pre>`,
    ],
  });
}

const formatStrategyTable = ({ strategy, ensemble }: Evaluation): string =>
  formatHtmlTable(
    [],
    [
      ['Sharpe (daily, √365)', formatFigure(strategy.sharpe, 2)],
      ['Sortino', formatFigure(strategy.sortino, 2)],
      ['Calmar', formatFigure(strategy.calmar, 2)],
      ['Deflated Sharpe', formatFigure(strategy.deflatedSharpe, 3)],
      ['Profit factor', formatFigure(strategy.profitFactor, 2)],
      ['Max drawdown', formatPercent(strategy.maxDrawdown, 2)],
      ['Return', formatPercent(strategy.totalReturn)],
      ['Trades', strategy.trades],
      ['Gross per BUY or SELL signal, bps', formatFigure(ensemble.edge.grossBps, 2)],
      ['Net per BUY or SELL signal, bps', formatFigure(ensemble.edge.netBps, 2)],
    ],
  );

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
    x: 'time',
  });
}

function plotReliability(name: string, { reliability, ece }: ProbabilityFigures): string {
  const points = reliability.flatMap(({ meanConfidence, accuracy }) =>
    meanConfidence === undefined || accuracy === undefined ? [] : [[meanConfidence, accuracy] as const],
  );
  const perfect = points.length === 0 ? [] : ([[0, 0] as const, [1, 1] as const] as const);
  return drawPlot({
    title: `${name}: accuracy against confidence (ECE ${formatFigure(ece, 4)})`,
    lines: [
      { name, colour: BLUE, points },
      { name: 'perfect', colour: GREY, style: 'dashed', points: perfect },
    ],
    span: { x: [0, 1], y: [0, 1] },
    x: 'number',
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
    x: 'time',
  });
}
