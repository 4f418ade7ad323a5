// Use case: follow the ensemble's BUY and SELL signals under every stop rule, on recorded candles.

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
import { concludeStops, type StopConclusion } from '../stops/conclude-stops.ts';
import { stopRules } from '../stops/stop-rule.ts';
import { type BusiestDay, type RuleReport, StopStudyTally } from '../stops/stop-study.ts';
import type { SymbolProblem } from '../symbol-problem.ts';
import { type Predictions, signalOfRow } from './predictions.ts';
import { longerAtrs } from './served-rows.ts';

export interface StopStudyRequest {
  readonly source: CandleSource;
  readonly ensemble: Ensemble;
  readonly symbols: readonly string[];
  readonly range: OpenTimeRange;
  /** The models' answers; one line of why there is none for the symbol. */
  readonly predict: (symbol: string, candles: CandleSeries) => Promise<Result<Predictions, string>>;
  /** For confidence intervals and for the coin. */
  readonly drawIndex: DrawIndex;
}

export interface StopStudy {
  readonly ensembleId: string;
  readonly horizonBars: number;
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
  readonly conclusion: StopConclusion;
  readonly symbolProblems: readonly SymbolProblem[];
}

export async function studyStops(request: StopStudyRequest): Promise<StopStudy> {
  const { ensemble, symbols, drawIndex } = request;
  const tally = new StopStudyTally({ rules: stopRules(ensemble), costs: ensemble.costs });
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
    addSymbol(tally, { grid, predictions, ensemble, drawIndex, counts });
  }
  const { days, busiestDay, rules } = tally.summary(drawIndex);
  return {
    ensembleId: ensemble.id,
    horizonBars: ensemble.label.horizonBars,
    costs: ensemble.costs,
    fromMs: Number.isFinite(fromMs) ? fromMs : undefined,
    toMs: Number.isFinite(toMs) ? toMs : undefined,
    symbols: symbols.length - symbolProblems.length,
    ...counts,
    days,
    busiestDay,
    rules,
    conclusion: concludeStops({ rules, busiestDay }),
    symbolProblems,
  };
}

async function readPast(
  { source, range, predict }: StopStudyRequest,
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
  tally: StopStudyTally,
  context: {
    readonly grid: CandleGrid;
    readonly predictions: Predictions;
    readonly ensemble: Ensemble;
    readonly drawIndex: DrawIndex;
    readonly counts: { decided: number; acted: number; excluded: number };
  },
): void {
  const { grid, predictions, ensemble, drawIndex, counts } = context;
  const { horizonBars } = ensemble.label;
  const atrAt = longerAtrs(grid);
  for (let row = 0; row < predictions.openTimeMs.length; row++) {
    counts.decided++;
    const { action: side, atr: own } = signalOfRow(predictions, row, ensemble);
    if (side === 'HOLD') continue;
    counts.acted++;
    const bar = (predictions.openTimeMs[row]! - grid.openTimeMs[0]!) / BAR_MS;
    // Of 5 minutes it is the signal's own.
    const atr = Object.fromEntries(
      STOP_TIMEFRAME_NAMES.map((timeframe) => [timeframe, timeframe === '5m' ? own : atrAt(timeframe, bar)]),
    ) as Record<StopTimeframe, number>;
    // Drawn for every signal, so that excluding one does not change the coins of the others.
    const coin = drawIndex(2) === 0 ? 'BUY' : 'SELL';
    if (hasPath(grid, bar, horizonBars) && STOP_TIMEFRAME_NAMES.every((timeframe) => atr[timeframe] > 0))
      tally.add(grid, { bar, side, atr, horizonBars }, coin);
    else counts.excluded++;
  }
}

function hasPath(grid: CandleGrid, bar: number, horizonBars: number): boolean {
  if (bar + horizonBars >= grid.length) return false;
  return !grid.filled.subarray(bar + 1, bar + horizonBars + 1).includes(1);
}
