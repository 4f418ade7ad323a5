// Use case: follow the ensemble's BUY and SELL signals under every rule of a question, on recorded candles.

import { type Result, success } from '../../core/result.ts';
import type { DrawIndex } from '../../core/statistics/block-bootstrap.ts';
import type { OpenTimeRange } from '../../market/bar-range.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { CandleSeries } from '../../market/candle-series.ts';
import type { CandleGrid } from '../../market/grid.ts';
import type { CandleSource } from '../../market/ports.ts';
import type { Ensemble } from '../../models/ensemble.ts';
import { STOP_TIMEFRAME_NAMES, type StopTimeframe } from '../../models/stop-timeframe.ts';
import { gridBefore } from '../grid-before.ts';
import type { TradingCosts } from '../labels/triple-barrier.ts';
import type { SymbolProblem } from '../symbol-problem.ts';
import { concludeStudy, type StudyConclusion } from '../trades/conclude-study.ts';
import { entryRules, exitRules, stopRules, type TradeRule } from '../trades/trade-rule.ts';
import { type BusiestDay, type RuleReport, TradeStudyTally } from '../trades/trade-study.ts';
import { type Predictions, signalOfRow } from './predictions.ts';
import { longerAtrs } from './served-rows.ts';

/** Which stop, which other way out beside the active stop, or which way in. */
export type StudyQuestion = 'stops' | 'exits' | 'entries';
const RULES = { stops: stopRules, exits: exitRules, entries: entryRules };

export interface TradeStudyRequest {
  readonly question: StudyQuestion;
  readonly source: CandleSource;
  readonly ensemble: Ensemble;
  readonly symbols: readonly string[];
  readonly range: OpenTimeRange;
  /** The models' answers; one line of why there is none for the symbol. */
  readonly predict: (symbol: string, candles: CandleSeries) => Promise<Result<Predictions, string>>;
  /** For confidence intervals and for the coin. */
  readonly drawIndex: DrawIndex;
}

export interface TradeStudy {
  readonly question: StudyQuestion;
  readonly ensembleId: string;
  readonly holdBars: number;
  readonly costs: TradingCosts;
  /** Open times of the first and last bar decided; undefined without any. */
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
  readonly symbols: number;
  /** Bars decided, of all symbols. */
  readonly decided: number;
  /** BUY and SELL signals, and how many of them are excluded because their path has a missing bar or runs over the end. */
  readonly acted: number;
  readonly excluded: number;
  readonly days: number;
  readonly busiestDay: BusiestDay | undefined;
  readonly rules: readonly RuleReport[];
  readonly conclusion: StudyConclusion;
  readonly symbolProblems: readonly SymbolProblem[];
}

export async function studyTrades(request: TradeStudyRequest): Promise<TradeStudy> {
  const { ensemble, symbols, drawIndex } = request;
  const compared = RULES[request.question](ensemble);
  const tally = new TradeStudyTally({ rules: compared, costs: ensemble.costs });
  const symbolProblems: SymbolProblem[] = [];
  const counts = { decided: 0, acted: 0, excluded: 0 };
  let [fromMs, toMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const symbol of symbols) {
    const past = await readPast(request, symbol);
    if (!past.ok) {
      symbolProblems.push({ symbol, message: past.error });
      continue;
    }
    const { grid, predictions } = past.value;
    const { openTimeMs } = predictions;
    fromMs = Math.min(fromMs, openTimeMs[0] ?? fromMs);
    toMs = Math.max(toMs, openTimeMs.at(-1) ?? toMs);
    addSymbol(tally, { grid, predictions, ensemble, rules: compared, drawIndex, counts });
  }
  const { days, busiestDay, rules } = tally.summary(drawIndex);
  return {
    question: request.question,
    ensembleId: ensemble.id,
    holdBars: ensemble.holdBars,
    costs: ensemble.costs,
    fromMs: Number.isFinite(fromMs) ? fromMs : undefined,
    toMs: Number.isFinite(toMs) ? toMs : undefined,
    symbols: symbols.length - symbolProblems.length,
    ...counts,
    days,
    busiestDay,
    rules,
    conclusion: concludeStudy({ rules, busiestDay }),
    symbolProblems,
  };
}

async function readPast(
  { source, range, predict }: TradeStudyRequest,
  symbol: string,
): Promise<Result<{ grid: CandleGrid; predictions: Predictions }, string>> {
  const candles = await source.read(symbol);
  if (!candles.ok) return candles;
  const predictions = await predict(symbol, candles.value);
  if (!predictions.ok) return predictions;
  const grid = gridBefore(candles.value, range.toMs);
  return grid.ok ? success({ grid: grid.value, predictions: predictions.value }) : grid;
}

function addSymbol(
  tally: TradeStudyTally,
  context: {
    readonly grid: CandleGrid;
    readonly predictions: Predictions;
    readonly ensemble: Ensemble;
    readonly rules: readonly TradeRule[];
    readonly drawIndex: DrawIndex;
    readonly counts: { decided: number; acted: number; excluded: number };
  },
): void {
  const { grid, predictions, ensemble, rules, drawIndex, counts } = context;
  // The longest of all, so that every rule is tried on the same entries.
  const pathBars = Math.max(...rules.map(({ holdBars }) => holdBars));
  const atrAt = longerAtrs(grid);
  const barOf = (row: number) => (predictions.openTimeMs[row]! - grid.openTimeMs[0]!) / BAR_MS;
  const expectedMove = new Float64Array(grid.length).fill(Number.NaN);
  const entries: { readonly bar: number; readonly side: 'BUY' | 'SELL'; readonly atr: number }[] = [];
  for (let row = 0; row < predictions.openTimeMs.length; row++) {
    const { action, atr, expectedMoveBps } = signalOfRow(predictions, row, ensemble);
    const bar = barOf(row);
    expectedMove[bar] = expectedMoveBps ?? Number.NaN;
    if (action !== 'HOLD') entries.push({ bar, side: action, atr });
  }
  counts.decided += predictions.openTimeMs.length;
  counts.acted += entries.length;
  for (const { bar, side, atr: own } of entries) {
    // Of 5 minutes it is the signal's own.
    const atr = Object.fromEntries(
      STOP_TIMEFRAME_NAMES.map((timeframe) => [timeframe, timeframe === '5m' ? own : atrAt(timeframe, bar)]),
    ) as Record<StopTimeframe, number>;
    // Drawn for every signal, so that excluding one does not change the coins of the others.
    const coin = drawIndex(2) === 0 ? 'BUY' : 'SELL';
    if (hasPath(grid, bar, pathBars) && STOP_TIMEFRAME_NAMES.every((timeframe) => atr[timeframe] > 0))
      tally.add(grid, { bar, side, atr, expectedMove }, coin);
    else counts.excluded++;
  }
}

function hasPath(grid: CandleGrid, bar: number, bars: number): boolean {
  if (bar + bars >= grid.length) return false;
  return !grid.filled.subarray(bar + 1, bar + bars + 1).includes(1);
}
