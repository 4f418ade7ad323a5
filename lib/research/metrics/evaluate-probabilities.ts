// All figures of the class probabilities of one model, or of the ensemble, over labelled rows: against the prior, by class, by week,
// by symbol, and how well the score ranks the symbols' later returns.
import { invariant } from '../../core/invariant.ts';
import { DAY_MS } from '../../core/units.ts';

import { areaUnderCurve } from './area-under-curve.ts';
import { type ClassIndex, type ClassificationScores, ClassificationTally } from './classification.ts';
import { type InformationCoefficient, informationCoefficient } from './information-coefficient.ts';
import type { ReliabilityBin } from './reliability.ts';

/** Rank correlations of fewer symbols are mostly ties and noise; training's metrics use the same. */
const SYMBOLS_PER_BAR_MIN = 5;
/** From so many days on the t over daily means is used; fewer are too few for it. */
const DAYS_FOR_T_BY_DAY = 20;
const WEEK_MS = 7 * DAY_MS;
/** Epoch day 0 was a Thursday; weeks start on Monday. */
const FIRST_MONDAY_MS = 4 * DAY_MS;

/** Columns of the same length, rows in any order. */
export interface EvaluatedRows {
  readonly barOpenTimeMs: Float64Array;
  /** Index of the row's symbol. */
  readonly symbols: Uint16Array;
  /** 0 sell, 1 hold, 2 buy. */
  readonly labels: Uint8Array;
  /** ln(close[t+h] / close[t]) */
  readonly forwardReturns: Float32Array;
  /** [rows, 3] row-major: sell, hold, buy. */
  readonly probabilities: Float32Array;
  /** Expected move of each row, any unit that is the same within a bar of the clock and symbol. */
  readonly expectedMoves: Float32Array;
}

export type ClassPrior = readonly [sell: number, hold: number, buy: number];

export interface WeekScores {
  /** Monday 00:00 UTC. */
  readonly weekStartMs: number;
  readonly rows: number;
  readonly logLoss: number;
  /** Of the class frequencies of the whole range. */
  readonly priorLogLoss: number;
  /** Of the class frequencies of this very week, which nobody can know beforehand: the strictest opponent. */
  readonly weekPriorLogLoss: number;
}

export interface SymbolScores {
  readonly symbol: number;
  readonly rows: number;
  readonly logLoss: number;
  readonly priorLogLoss: number;
  readonly brier: number;
  readonly ece: number;
}

export interface ProbabilityEvaluation {
  readonly scores: ClassificationScores;
  readonly reliability: readonly ReliabilityBin[];
  /** Of each class against the rest; undefined where a class never or always happened. */
  readonly auc: Readonly<Record<'sell' | 'hold' | 'buy', number | undefined>>;
  readonly direction: InformationCoefficient;
  /** The t of the direction: over daily means from 20 days on, Newey–West below. */
  readonly directionT: number | undefined;
  readonly directionTKind: 'by_day' | 'newey_west';
  readonly weeks: readonly WeekScores[];
  readonly bySymbol: readonly SymbolScores[];
}

/**
 * undefined without rows.
 * @param options.prior the class frequencies to beat
 * @param options.horizonBars over which forward returns overlap
 */
export function evaluateProbabilities(
  rows: EvaluatedRows,
  options: { readonly prior: ClassPrior; readonly horizonBars: number },
): ProbabilityEvaluation | undefined {
  const { probabilities, labels } = rows;
  const all = new ClassificationTally(options.prior);
  const weeks = new Map<number, ClassificationTally>();
  const symbols = new Map<number, ClassificationTally>();
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as ClassIndex;
    all.add(probabilities, row, label);
    tallyOf(weeks, weekOf(rows.barOpenTimeMs[row]!), options.prior).add(probabilities, row, label);
    tallyOf(symbols, rows.symbols[row]!, options.prior).add(probabilities, row, label);
  }
  const scores = all.scores();
  if (scores === undefined) return undefined;
  const auc = (positive: ClassIndex) => areaUnderCurve({ probabilities, labels, positive });
  return {
    scores,
    reliability: all.reliability(),
    auc: { sell: auc(0), hold: auc(1), buy: auc(2) },
    ...evaluateDirection(rows, options.horizonBars),
    weeks: inOrder(weeks).map(([weekStartMs, week]) => weekScores(weekStartMs, week)),
    bySymbol: inOrder(symbols).map(([symbol, { scores }]) => {
      const { rows, logLoss, priorLogLoss, brier, ece } = scores;
      return { symbol, rows, logLoss, priorLogLoss, brier, ece };
    }),
  };
}

/** Class frequencies of labels; undefined without any. */
export function classFrequencies(labels: Uint8Array): ClassPrior | undefined {
  if (labels.length === 0) return undefined;
  const counts = [0, 0, 0];
  for (const label of labels) counts[label]!++;
  const [sell, hold, buy] = counts.map((count) => count / labels.length);
  return [sell!, hold!, buy!];
}

/** Monday 00:00 UTC of the week. */
const weekOf = (timeMs: number): number =>
  Math.floor((timeMs - FIRST_MONDAY_MS) / WEEK_MS) * WEEK_MS + FIRST_MONDAY_MS;

function tallyOf(tallies: Map<number, ClassificationTally>, key: number, prior: ClassPrior) {
  let tally = tallies.get(key);
  if (tally === undefined) {
    tally = new ClassificationTally(prior);
    tallies.set(key, tally);
  }
  return tally;
}

function inOrder(
  tallies: Map<number, ClassificationTally>,
): [key: number, tally: { scores: ClassificationScores }][] {
  return [...tallies]
    .sort(([a], [b]) => a - b)
    .map(([key, tally]) => {
      const scores = tally.scores();
      invariant(scores !== undefined, 'a tally is made for its first row');
      return [key, { scores }];
    });
}

function weekScores(weekStartMs: number, { scores }: { scores: ClassificationScores }): WeekScores {
  const { rows, logLoss, priorLogLoss, classRows } = scores;
  const weekPriorLogLoss = classRows.reduce(
    (entropy, count) => (count === 0 ? entropy : entropy - (count / rows) * Math.log(count / rows)),
    0,
  );
  return { weekStartMs, rows, logLoss, priorLogLoss, weekPriorLogLoss };
}

function evaluateDirection(
  { barOpenTimeMs, expectedMoves, forwardReturns }: EvaluatedRows,
  horizonBars: number,
): Pick<ProbabilityEvaluation, 'direction' | 'directionT' | 'directionTKind'> {
  const score = Float64Array.from(expectedMoves);
  const direction = informationCoefficient(
    { barOpenTimeMs, score, forwardReturn: forwardReturns },
    { horizonBars, symbolsMin: SYMBOLS_PER_BAR_MIN },
  );
  return direction.byDay.length >= DAYS_FOR_T_BY_DAY
    ? { direction, directionT: direction.tByDay, directionTKind: 'by_day' }
    : { direction, directionT: direction.tNeweyWest, directionTKind: 'newey_west' };
}
