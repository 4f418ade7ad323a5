// An evaluation as tables for a terminal: the verdicts first, the tables they rest on below.
import Table from 'cli-table3';
import type { Evaluation, InSample } from '../../lib/research/evaluation.ts';
import { formatDay, formatFigure, formatInstant, formatPercent } from '../format/format-figure.ts';

const PLAIN = { style: { head: [], border: [] } };
/** Symbols shown of the table: those most acted on; --json and --report have all. */
const SYMBOLS_SHOWN = 15;

export const IN_SAMPLE_WORDS: Readonly<Record<`${InSample}`, string>> = {
  true: 'IN SAMPLE: the models were trained on every bar judged here; these figures prove nothing',
  partly: 'PARTLY IN SAMPLE: the models were trained on some of the bars judged here; these figures flatter',
  false: 'out of sample: no serving model was trained on any bar judged here',
};

export function formatEvaluation(evaluation: Evaluation): string {
  return [
    describeRange(evaluation),
    formatModels(evaluation),
    formatVotes(evaluation),
    formatWeeks(evaluation),
    formatStrategy(evaluation),
    formatSymbols(evaluation),
  ].join('\n');
}

function describeRange(evaluation: Evaluation): string {
  const { range, symbols, rows, everyBars, prior, label, abstentions } = evaluation;
  const [sell, hold, buy] = prior.frequencies.map((share) => formatPercent(share));
  const dropped = Object.entries(abstentions)
    .filter(([, bars]) => bars > 0)
    .map(([reason, bars]) => `${reason} ${bars}`);
  return [
    `ensemble ${evaluation.ensembleId}, label: ${label.horizonBars} bars, barriers ${label.atrMultiple} ATR and at least ${label.minBarrierBps} bps`,
    `${rows} rows of ${symbols.length} symbols, ${formatInstant(range.fromMs)} to ${formatInstant(range.toMs)}${everyBars > 1 ? `, one bar in ${everyBars}` : ''}`,
    IN_SAMPLE_WORDS[`${evaluation.inSample}`],
    `prior: class frequencies of this very range (sell ${sell}, hold ${hold}, buy ${buy}), which no model could know`,
    `bars without a row: ${dropped.join(', ') || 'none'}`,
  ].join('\n');
}

/** Everyone who answers, in the order of the tables. */
function voters({ models, ensemble }: Evaluation) {
  return [...Object.entries(models), ['ensemble', ensemble] as const];
}

function formatModels(evaluation: Evaluation): string {
  const head = ['', 'rows', 'log-loss', 'prior', 'volatility part', 'direction part', 'Brier', 'ECE'];
  const table = new Table({ head: [...head, 'AUC sell hold buy', 'rank IC', 't'], ...PLAIN });
  for (const [name, figures] of voters(evaluation)) {
    const { auc, rankIcTKind } = figures;
    table.push([
      name,
      figures.rows,
      formatFigure(figures.logLoss, 4),
      formatFigure(figures.priorLogLoss, 4),
      gainOf(figures.volatilityLogLoss, figures.priorVolatilityLogLoss),
      gainOf(figures.directionLogLoss, figures.priorDirectionLogLoss),
      formatFigure(figures.brier, 4),
      formatFigure(figures.ece, 4),
      [auc.sell, auc.hold, auc.buy].map((value) => formatFigure(value, 3)).join(' '),
      formatFigure(figures.rankIc, 4),
      `${formatFigure(figures.rankIcT, 1)}${rankIcTKind === undefined ? '' : ` (${rankIcTKind})`}`,
    ]);
  }
  return table.toString();
}

/** `0.4012 (prior 0.4100)` */
const gainOf = (loss: number | undefined, prior: number | undefined): string =>
  `${formatFigure(loss, 4)} (prior ${formatFigure(prior, 4)})`;

function formatVotes(evaluation: Evaluation): string {
  const head = ['', 'sell', 'hold', 'buy', 'agreement XGB-LGBM', 'consensus', 'confidence', 'silent rows'];
  const table = new Table({ head, ...PLAIN });
  for (const [name, figures] of voters(evaluation)) {
    const { actions } = figures;
    const silent = 'abstentions' in figures ? describeSilence(figures) : String(figures.abstained);
    table.push([
      name,
      actions.SELL,
      actions.HOLD,
      actions.BUY,
      formatPercent(figures.agreementXgbLgbm),
      formatPercent(figures.consensusRate),
      formatFigure(figures.meanConfidence, 3),
      silent,
    ]);
  }
  return table.toString();
}

function describeSilence({ abstentions, quarantined }: Evaluation['models'][string]): string {
  if (quarantined !== undefined) return `all: ${quarantined.reason}`;
  return Object.entries(abstentions).reduce(
    (text, [reason, rows]) => `${text === '0' ? '' : `${text}, `}${reason} ${rows}`,
    '0',
  );
}

function formatWeeks({ ensemble }: Evaluation): string {
  const head = ['week from', 'rows', 'log-loss', 'prior', "week's own prior", 'beats the prior'];
  const table = new Table({ head, ...PLAIN });
  for (const week of ensemble.weeks)
    table.push([
      formatDay(week.weekStartMs),
      week.rows,
      formatFigure(week.logLoss, 4),
      formatFigure(week.priorLogLoss, 4),
      formatFigure(week.weekPriorLogLoss, 4),
      week.logLoss < week.priorLogLoss ? 'yes' : 'NO',
    ]);
  return table.toString();
}

function formatStrategy({ ensemble, strategy, edgeThresholdBps }: Evaluation): string {
  const { edge } = ensemble;
  const { rules, exits } = strategy;
  const interval = edge.netBpsInterval;
  const bounds = interval
    ? ` (95 % ${interval.low.toFixed(1)} … ${interval.high.toFixed(1)})`
    : ' (interval undefined)';
  return [
    `acted on ${edge.signals} signals with an expected edge above ${edgeThresholdBps} bps: gross ${formatFigure(edge.grossBps, 2)} bps over the horizon, costs ${edge.costsBps} bps, net ${formatFigure(edge.netBps, 2)} bps${bounds}`,
    `strategy: next bar's open, ${rules.positionsMax} places of equal size, ${rules.feeBps} bps fee and ${rules.slippageBps} bps slippage a side, out at barrier, stop or horizon`,
    `  trades ${strategy.trades} (target ${exits.target}, stop ${exits.stop}, horizon ${exits.horizon}; not traded: symbol held ${strategy.skippedOpen}, places full ${strategy.skippedFull})`,
    `  as traded: gross ${formatFigure(strategy.tradedGrossBps, 2)} bps, net ${formatFigure(strategy.tradedNetBps, 2)} bps, won ${formatPercent(strategy.winRate)}, return ${formatPercent(strategy.totalReturn)}`,
    `  Sharpe ${formatFigure(strategy.sharpe, 2)}, Sortino ${formatFigure(strategy.sortino, 2)}, Calmar ${formatFigure(strategy.calmar, 2)}, profit factor ${formatFigure(strategy.profitFactor, 2)}, max drawdown ${formatPercent(strategy.maxDrawdown)}`,
    `  deflated Sharpe ${formatFigure(strategy.deflatedSharpe, 3)} over ${strategy.trials ?? 'undefined'} trials${strategy.trialsUnknown === undefined ? '' : ` (${strategy.trialsUnknown})`}`,
  ].join('\n');
}

function formatSymbols({ ensemble }: Evaluation): string {
  const acted = (symbol: SymbolEvaluation) => symbol.actions.BUY + symbol.actions.SELL;
  const shown = [...ensemble.bySymbol].sort((a, b) => acted(b) - acted(a)).slice(0, SYMBOLS_SHOWN);
  const table = new Table({ head: [...SYMBOL_COLUMNS], ...PLAIN });
  table.push(...shown.map(symbolCells));
  const more = ensemble.bySymbol.length - shown.length;
  return more > 0 ? `${table}\n${more} more symbols: --json or --report` : table.toString();
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
