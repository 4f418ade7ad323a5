// An evaluation as tables for a terminal: the conclusions first, the tables behind them below.
import {
  formatDay,
  formatFigure,
  formatInstant,
  formatPercent,
  NOT_AVAILABLE,
} from '../../lib/core/format-figure.ts';
import type { Interval } from '../../lib/core/statistics/block-bootstrap.ts';
import type { EnsembleFigures, Evaluation, ModelFigures } from '../../lib/research/evaluation.ts';
import { ANNUALISED_DAYS_MIN } from '../../lib/research/metrics/performance.ts';
import { formatTable } from '../format/text-table.ts';
import { IN_SAMPLE_WORDS } from './report-page.ts';

/** Symbols shown of the table: those with the most BUY and SELL signals; --json and --report have all. */
const SYMBOLS_SHOWN = 15;

export function formatEvaluation(evaluation: Evaluation): string {
  const tables = evaluationTables(evaluation).map((table) => formatTable(table));
  return [
    summariseEvaluation(evaluation),
    describeRange(evaluation),
    ...tables,
    describeStrategy(evaluation),
    formatSymbols(evaluation),
  ].join('\n\n');
}

/** What was found, in one paragraph, and which simulation each figure is from. */
export function summariseEvaluation({
  range,
  symbols,
  rows,
  inSample,
  ensemble,
  strategy,
}: Evaluation): string {
  const { edge, logLoss, priorLogLoss } = ensemble;
  const better = logLoss !== undefined && priorLogLoss !== undefined && logLoss < priorLogLoss;
  const interval = edge.netBpsInterval;
  return [
    `On ${rows} bars of ${symbols.length} symbols from ${range.from.slice(0, 10)} to ${range.to.slice(0, 10)} the ensemble's probabilities are ${better ? 'better' : 'no better'} than the frequencies of the range (log-loss ${formatFigure(logLoss, 4)} against ${formatFigure(priorLogLoss, 4)}). `,
    edge.signals === 0
      ? 'It acted on no bar. '
      : `It acted ${edge.signals} times; each signal followed on its own nets ${formatFigure(edge.netBps, 2)} bps on average after costs${interval === undefined ? ' (no interval: fewer than 5 days say nothing about the next)' : ` (95 % interval ${interval.low.toFixed(1)} to ${interval.high.toFixed(1)}${interval.low > 0 ? '' : interval.high < 0 ? ': it loses' : ': no evidence that it earns'})`}. `,
    `A simple simulated account that takes at most ${strategy.rules.positionsMax} of them at once, in equal parts, returned ${formatPercent(strategy.totalReturn, 2)} with a deepest fall of ${formatPercent(strategy.maxDrawdown, 2)}. `,
    'It is not how the system trades: sizes, gate, stops and funding are in qtrader backtest.',
    inSample === false
      ? ''
      : ' The models have seen these bars in training: this shows nothing about the future.',
  ].join('');
}

export function describeRange(evaluation: Evaluation): string {
  const { range, symbols, rows, everyBars, prior, label, abstentions } = evaluation;
  const [sell, hold, buy] = prior.frequencies.map((share) => formatPercent(share));
  const dropped = Object.entries(abstentions)
    .filter(([, bars]) => bars > 0)
    .map(([reason, bars]) => `${reason} ${bars}`);
  return [
    `ensemble ${evaluation.ensembleId}, label: ${label.horizonBars} bars, barriers ${label.atrMultiple} ATR and at least ${label.minBarrierBps} bps`,
    `${rows} rows of ${symbols.length} symbols, ${formatInstant(range.fromMs)} to ${formatInstant(range.toMs)}${everyBars > 1 ? `, one bar in ${everyBars}` : ''}`,
    IN_SAMPLE_WORDS[`${evaluation.inSample}`],
    `prior: class frequencies of this range (sell ${sell}, hold ${hold}, buy ${buy}), which no model could know`,
    `bars without a row: ${dropped.join(', ') || 'none'}`,
  ].join('\n');
}

/** Everyone who answers, in the order of the tables. */
export const votersOf = ({
  models,
  ensemble,
}: Evaluation): (readonly [name: string, figures: ModelFigures | EnsembleFigures])[] => [
  ...Object.entries(models),
  ['ensemble', ensemble],
];

interface EvaluationTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** Everything about probabilities, on the terminal and on the page. */
export function evaluationTables(evaluation: Evaluation): EvaluationTable[] {
  const ofVoters = (
    title: string,
    head: readonly string[],
    cellsOf: (figures: ModelFigures | EnsembleFigures) => (string | number)[],
  ): EvaluationTable => ({
    title,
    head: ['', ...head],
    rows: votersOf(evaluation).map(([name, figures]) => [name, ...cellsOf(figures)]),
  });
  return [
    ofVoters('Probabilities', ['rows', 'log-loss', 'prior', 'Brier', 'ECE'], (figures) => [
      figures.rows,
      formatFigure(figures.logLoss, 4),
      formatFigure(figures.priorLogLoss, 4),
      formatFigure(figures.brier, 4),
      formatFigure(figures.ece, 4),
    ]),
    ofVoters('Parts of the log-loss', ['volatility part', 'prior', 'direction part', 'prior'], (figures) => [
      formatFigure(figures.volatilityLogLoss, 4),
      formatFigure(figures.priorVolatilityLogLoss, 4),
      formatFigure(figures.directionLogLoss, 4),
      formatFigure(figures.priorDirectionLogLoss, 4),
    ]),
    ofVoters('Ranking', ['AUC sell', 'hold', 'buy', 'rank IC', 't', 'kind of t'], (figures) => [
      ...[figures.auc.sell, figures.auc.hold, figures.auc.buy].map((value) => formatFigure(value, 3)),
      formatFigure(figures.rankIc, 4),
      formatFigure(figures.rankIcT, 1),
      figures.rankIcTKind ?? NOT_AVAILABLE,
    ]),
    ofVoters('Votes', ['sell', 'hold', 'buy', 'XGB=LGBM', 'consensus', 'confid.', 'abstained'], (figures) => [
      figures.actions.SELL,
      figures.actions.HOLD,
      figures.actions.BUY,
      formatPercent(figures.agreementXgbLgbm),
      formatPercent(figures.consensusRate),
      formatFigure(figures.meanConfidence, 3),
      'abstentions' in figures ? describeAbstentions(figures) : figures.abstained,
    ]),
    weeksTable(evaluation),
    confidenceTable(evaluation),
  ];
}

const confidenceTable = ({ ensemble }: Evaluation): EvaluationTable => ({
  title: 'Confidence: stated and seen net profits',
  head: ['', 'signals', 'mean confidence', 'with a net profit', 'ECE'],
  rows: (['acting', 'leaning'] as const).map((among) => {
    const { signals, meanConfidence, profitable, ece } = ensemble.confidence[among];
    return [among, signals, ...[meanConfidence, profitable, ece].map((value) => formatFigure(value, 3))];
  }),
});

function describeAbstentions({ abstentions, quarantined }: ModelFigures): string {
  if (quarantined !== undefined) return `all: ${quarantined.reason}`;
  const counts = Object.entries(abstentions).map(([reason, rows]) => `${reason} ${rows}`);
  return counts.join(', ') || '0';
}

const weeksTable = ({ ensemble }: Evaluation): EvaluationTable => ({
  title: 'Weeks of the ensemble',
  head: ['week from', 'rows', 'log-loss', 'prior', "week's own prior", 'beats the prior'],
  rows: ensemble.weeks.map((week) => [
    formatDay(week.weekStartMs),
    week.rows,
    formatFigure(week.logLoss, 4),
    formatFigure(week.priorLogLoss, 4),
    formatFigure(week.weekPriorLogLoss, 4),
    week.logLoss < week.priorLogLoss ? 'yes' : 'NO',
  ]),
});

export function describeSharpe({ sharpe, sharpeInterval: interval }: Evaluation['strategy']): string {
  if (sharpe === undefined) return `${NOT_AVAILABLE} (only from ${ANNUALISED_DAYS_MIN} days on)`;
  return interval === undefined
    ? sharpe.toFixed(2)
    : `${sharpe.toFixed(2)} (95 % ${interval.low.toFixed(2)} to ${interval.high.toFixed(2)})`;
}

export function describeStrategy({ ensemble, strategy, edgeThresholdBps }: Evaluation): string {
  const { edge } = ensemble;
  const { rules } = strategy;
  return [
    `each signal followed on its own: ${edge.signals} BUY and SELL signals with an expected edge above ${edgeThresholdBps} bps: gross ${formatFigure(edge.grossBps, 2)} bps over the bars that it is held, costs ${edge.costsBps} bps, net ${formatFigure(edge.netBps, 2)} bps (${describeBounds(edge.netBpsInterval)})`,
    ...describeOtherDays(edge),
    `simulated account (not the executor's; see qtrader backtest): entry at the next bar's open, at most ${rules.positionsMax} positions of equal size, ${rules.feeBps} bps fee and ${rules.slippageBps} bps slippage per side, exit at the ensemble's stop or after the bars that it holds`,
    `  trades ${strategy.trades} (stopped ${strategy.stopped}; not traded: position already open ${strategy.skippedOpen}, all positions taken ${strategy.skippedFull})`,
    `  as traded: gross ${formatFigure(strategy.tradedGrossBps, 2)} bps, net ${formatFigure(strategy.tradedNetBps, 2)} bps, won ${formatPercent(strategy.winRate)}, return ${formatPercent(strategy.totalReturn)}`,
    `  Sharpe ${describeSharpe(strategy)}, Sortino ${formatFigure(strategy.sortino, 2)}, Calmar ${formatFigure(strategy.calmar, 2)}, profit factor ${formatFigure(strategy.profitFactor, 2)}, max drawdown ${formatPercent(strategy.maxDrawdown, 2)}`,
    strategy.trials === undefined
      ? `  deflated Sharpe ${NOT_AVAILABLE} (${strategy.trialsUnknown})`
      : `  deflated Sharpe ${formatFigure(strategy.deflatedSharpe, 3)} over ${strategy.trials} trials`,
  ].join('\n');
}

function describeOtherDays({
  busiestDay,
  otherDaysNetBps,
  ...edge
}: Evaluation['ensemble']['edge']): string[] {
  if (busiestDay === undefined || otherDaysNetBps === undefined) return [];
  return [
    `  ${busiestDay.signals} of them on ${formatDay(busiestDay.startMs)}; the others net ${formatFigure(otherDaysNetBps, 2)} bps (${describeBounds(edge.otherDaysNetBpsInterval)})`,
  ];
}

const describeBounds = (interval: Interval | undefined): string =>
  interval
    ? `95 % ${interval.low.toFixed(1)} … ${interval.high.toFixed(1)}`
    : 'no interval: fewer than 5 days';

function formatSymbols({ ensemble }: Evaluation): string {
  const acted = (symbol: SymbolEvaluation) => symbol.actions.BUY + symbol.actions.SELL;
  const shown = [...ensemble.bySymbol].sort((a, b) => acted(b) - acted(a)).slice(0, SYMBOLS_SHOWN);
  const table = formatTable({ head: SYMBOL_COLUMNS, rows: shown.map(symbolCells) });
  const more = ensemble.bySymbol.length - shown.length;
  return more > 0 ? `${table}\n${more} more symbols: --json or --report` : table;
}

type SymbolEvaluation = Evaluation['ensemble']['bySymbol'][number];

/** Of the table of symbols, on the terminal and on the page. */
export const SYMBOL_COLUMNS = [
  'symbol',
  'rows',
  'log-loss',
  'prior',
  'ECE',
  'sell',
  'hold',
  'buy',
  'gross bps',
  'net bps',
] as const;

export const symbolCells = (symbol: SymbolEvaluation): (string | number)[] => [
  symbol.symbol,
  symbol.rows,
  formatFigure(symbol.logLoss, 4),
  formatFigure(symbol.priorLogLoss, 4),
  formatFigure(symbol.ece, 4),
  symbol.actions.SELL,
  symbol.actions.HOLD,
  symbol.actions.BUY,
  formatFigure(symbol.grossBps, 1),
  formatFigure(symbol.netBps, 1),
];
