// An evaluation as one HTML page. Every figure says which simulation it is from.
import { formatFigure, formatPercent } from '../../lib/core/format-figure.ts';
import type { Evaluation, ProbabilityFigures } from '../../lib/research/evaluation.ts';
import { monthlyReturns } from '../../lib/risk/equity-curve.ts';
import {
  describeRange,
  describeSharpe,
  describeStrategy,
  evaluationTables,
  SYMBOL_COLUMNS,
  summariseEvaluation,
  symbolCells,
  votersOf,
} from './evaluation-text.ts';
import { type Fact, formatHtmlTable, formatMonths, formatNote, formatSection } from './html.ts';
import { drawn, placePlot, plotBars, plotEquity, plotGrowth, plotLines } from './plots.ts';
import { formatPage, verdictOf } from './report-page.ts';

/** What each group of figures is from. */
const SIGNALS = 'from every signal followed on its own';
const ACCOUNT = 'from the simulated account';

export function formatEvaluationPage(evaluation: Evaluation): string {
  const { ensembleId, inSample, ensemble, strategy } = evaluation;
  const { equity, heldUsdt } = strategy;
  const account = plotEquity(equity, 'fees and slippage');
  const growth = plotGrowth(
    equity.timeMs,
    [
      { name: 'simulated account, %', equityUsdt: equity.equityUsdt },
      { name: 'equal parts of all symbols held, %', equityUsdt: heldUsdt },
    ],
    { id: 'growth', summary: 'Growth of the simulated account, and of the same money held in the market' },
  );
  const voters = votersOf(evaluation);
  const weeks = voters.map(([name, figures]) => plotWeeks(name, figures));
  const calibration = voters.map(([name, figures]) => plotReliability(name, figures));
  const days = voters.map(([name, figures]) => plotDays(name, figures));
  const placed = (plots: typeof weeks, titleOf: (figures: ProbabilityFigures) => string) =>
    `<div class="plots">${plots
      .map((plot, index) => {
        const [name, figures] = voters[index]!;
        return `<div>${formatSection(`${name}: ${titleOf(figures)}`, placePlot(plot)).replaceAll('h2>', 'h3>')}</div>`;
      })
      .join('')}</div>`;
  return formatPage({
    title: `Evaluation of ensemble ${ensembleId}`,
    verdict: verdictOf(inSample),
    summary: summariseEvaluation(evaluation),
    facts: factsOf(evaluation),
    plots: drawn([account, growth, ...weeks, ...calibration, ...days]),
    body: [
      formatSection('Simulated account', ...describeStrategy(evaluation).split('\n').map(formatNote)),
      formatSection('Equity and drawdown of the simulated account, at every bar', placePlot(account)),
      formatSection('Simulated account against holding', placePlot(growth)),
      formatSection('Months of the simulated account', formatMonths(monthsOf(evaluation))),
      ...evaluationTables(evaluation).map(({ title, head, rows }) =>
        formatSection(
          title,
          formatHtmlTable({ label: title, head: [head[0] || 'model', ...head.slice(1)], rows, whole: true }),
        ),
      ),
      formatSection(
        'Log-loss by week',
        placed(weeks, () => 'against the prior of the range'),
      ),
      formatSection(
        'Calibration',
        placed(calibration, ({ ece }) => `ECE ${formatFigure(ece, 4)}`),
      ),
      formatSection(
        'Direction by day',
        placed(
          days,
          ({ rankIc, rankIcT }) => `rank IC ${formatFigure(rankIc, 4)}, t ${formatFigure(rankIcT, 1)}`,
        ),
      ),
      formatSection(
        `Symbols, ${SIGNALS}`,
        formatHtmlTable({
          label: 'Symbols',
          head: SYMBOL_COLUMNS,
          rows: ensemble.bySymbol.map(symbolCells),
          signed: ['gross bps', 'net bps'],
        }),
      ),
      formatSection('About these figures', ...describeRange(evaluation).split('\n').map(formatNote)),
    ],
  });
}

const monthsOf = ({ strategy }: Evaluation) =>
  monthlyReturns(strategy.equity).map(({ startMs, value }) => ({ startMs, return: value }));

function factsOf({ strategy, ensemble }: Evaluation): Fact[] {
  const { edge } = ensemble;
  return [
    { name: 'Net per signal, bps', value: formatFigure(edge.netBps, 2), note: SIGNALS, signed: true },
    { name: 'Gross per signal, bps', value: formatFigure(edge.grossBps, 2), note: SIGNALS, signed: true },
    {
      name: 'Net per trade, bps',
      value: formatFigure(strategy.tradedNetBps, 2),
      note: ACCOUNT,
      signed: true,
    },
    { name: 'Return', value: formatPercent(strategy.totalReturn, 2), note: ACCOUNT, signed: true },
    { name: 'Max drawdown', value: formatPercent(strategy.maxDrawdown, 2), note: ACCOUNT },
    { name: 'Trades', value: String(strategy.trades), note: ACCOUNT },
    { name: 'Profit factor', value: formatFigure(strategy.profitFactor, 2), note: ACCOUNT },
    { name: 'Sharpe (daily, √365)', value: describeSharpe(strategy), note: ACCOUNT },
    { name: 'Sortino', value: formatFigure(strategy.sortino, 2), note: ACCOUNT },
    { name: 'Calmar', value: formatFigure(strategy.calmar, 2), note: ACCOUNT },
    {
      name: 'Deflated Sharpe',
      value: formatFigure(strategy.deflatedSharpe, 3),
      note: strategy.trials === undefined ? (strategy.trialsUnknown ?? '') : `${strategy.trials} trials`,
    },
  ];
}

const idOf = (kind: string, name: string): string => `${kind}-${name.replaceAll(/[^a-z0-9]/gi, '-')}`;

const plotWeeks = (name: string, { weeks }: ProbabilityFigures) =>
  plotLines(
    { timeMs: weeks.map(({ weekStartMs }) => weekStartMs) },
    [
      { name, type: 'line', colour: 'accent', values: weeks.map(({ logLoss }) => logLoss) },
      {
        name: 'prior',
        type: 'dashed',
        colour: 'text',
        values: weeks.map(({ priorLogLoss }) => priorLogLoss),
      },
    ],
    { id: idOf('weeks', name), summary: `Log-loss of ${name} by week, and of the prior` },
  );

/** Where both lines meet, what was stated is what happened. */
function plotReliability(name: string, { reliability }: ProbabilityFigures) {
  const bins = reliability.filter(({ meanConfidence }) => meanConfidence !== undefined);
  return plotLines(
    { names: bins.map(({ meanConfidence }) => meanConfidence!.toFixed(2)) },
    [
      {
        name: 'share that came true',
        type: 'line',
        colour: 'accent',
        values: bins.map(({ accuracy }) => accuracy ?? null),
      },
      {
        name: 'stated',
        type: 'dashed',
        colour: 'text',
        values: bins.map(({ meanConfidence }) => meanConfidence ?? null),
      },
    ],
    {
      id: idOf('calibration', name),
      summary: `Share of ${name}'s answers that came true, by stated probability`,
    },
  );
}

const plotDays = (name: string, { days }: ProbabilityFigures) =>
  plotBars(
    days.map(({ dayStartMs, mean }) => [dayStartMs, mean]),
    { id: idOf('days', name), name: 'mean of the day', summary: `Rank correlation of ${name} by day` },
  );
