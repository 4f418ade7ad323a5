// How good a model's class probabilities are: log-loss against the class prior, apart for volatility and direction, Brier
// score and calibration. Rows are streamed into sums, so that millions of rows need no memory.
import { InvariantError, invariant } from '../../core/invariant.ts';
import { ReliabilityTally } from './reliability.ts';

/** Index into [sell, hold, buy], the order of every probability vector. */
export type ClassIndex = 0 | 1 | 2;
const HOLD = 1;
const CLASS_COUNT = 3;
/**
 * Probabilities are raised to this before the logarithm, so that one certain error costs 15.9 nats rather than infinity:
 * the float32 epsilon, as scikit-learn ≥ 1.3 clips float32 predictions. Certain truth costs 0.
 */
const PROBABILITY_FLOOR = 2 ** -23;
/** float32 softmax outputs add up to 1 within this. */
const SUM_TOLERANCE = 1e-3;

export interface ClassificationScores {
  readonly rows: number;
  /** Mean of −ln p(class that happened), nats. */
  readonly logLoss: number;
  /** Log-loss of always answering `prior`, on the same rows. */
  readonly priorLogLoss: number;
  /** The part of logLoss spent on hold against move, and the rest: which way, given that it moved. They add up to it. */
  readonly volatilityLogLoss: number;
  readonly directionLogLoss: number;
  readonly priorVolatilityLogLoss: number;
  readonly priorDirectionLogLoss: number;
  /** Mean over rows of Σ over classes (p − outcome)², 0…2. Source: Brier 1950, eq. 2. */
  readonly brier: number;
  /** Of the class with the highest probability (the first of equal ones), 15 equal-width bins, 0…1. */
  readonly ece: number;
  /** Rows per class that happened: sell, hold, buy. */
  readonly classRows: readonly [number, number, number];
}

/** −ln p(label) in nats, at most 15.95. `probabilities` [rows, 3] row-major, `row` 0-based. */
export function rowLogLoss(probabilities: ArrayLike<number>, row: number, label: ClassIndex): number {
  return surprise(probabilities[row * CLASS_COUNT + label]!);
}

const surprise = (probability: number): number => -Math.log(Math.max(probability, PROBABILITY_FLOOR));

/** Scores of one model over any rows: all, one symbol's, one week's. */
export class ClassificationTally {
  readonly #prior: readonly number[];
  readonly #reliability = new ReliabilityTally();
  readonly #classRows: [number, number, number] = [0, 0, 0];
  #logLoss = 0;
  #volatilityLogLoss = 0;
  #squares = 0;

  /** @param prior class frequencies of the training part, [sell, hold, buy] */
  constructor(prior: readonly [number, number, number]) {
    checkProbabilities(prior[0], prior[1], prior[2]);
    this.#prior = prior;
  }

  /** @param probabilities [rows, 3] row-major; the vector of row `row` (0-based) is scored against `label` */
  add(probabilities: ArrayLike<number>, row: number, label: ClassIndex): void {
    const offset = row * CLASS_COUNT;
    const sell = probabilities[offset]!;
    const hold = probabilities[offset + 1]!;
    const buy = probabilities[offset + 2]!;
    checkProbabilities(sell, hold, buy);
    invariant(label === 0 || label === 1 || label === 2, 'a label must be 0, 1 or 2');

    this.#classRows[label]++;
    this.#logLoss += rowLogLoss(probabilities, row, label);
    this.#volatilityLogLoss += surprise(label === HOLD ? hold : sell + buy);
    this.#squares += (sell - Number(label === 0)) ** 2 + (hold - Number(label === 1)) ** 2;
    this.#squares += (buy - Number(label === 2)) ** 2;
    const top = sell >= hold && sell >= buy ? 0 : hold >= buy ? 1 : 2;
    // A float32 softmax may exceed 1 by an ulp.
    this.#reliability.add(Math.min(1, Math.max(sell, hold, buy)), top === label);
  }

  /** Means over the rows added; undefined when there is none. */
  scores(): ClassificationScores | undefined {
    const [sells, holds, buys] = this.#classRows;
    const rows = sells + holds + buys;
    const ece = this.#reliability.expectedCalibrationError();
    if (ece === undefined) return undefined;
    const [sell, hold, buy] = this.#prior as [number, number, number];
    const priorLoss = sells * surprise(sell) + holds * surprise(hold) + buys * surprise(buy);
    const priorVolatilityLoss = holds * surprise(hold) + (sells + buys) * surprise(sell + buy);
    return {
      rows,
      logLoss: this.#logLoss / rows,
      priorLogLoss: priorLoss / rows,
      volatilityLogLoss: this.#volatilityLogLoss / rows,
      directionLogLoss: (this.#logLoss - this.#volatilityLogLoss) / rows,
      priorVolatilityLogLoss: priorVolatilityLoss / rows,
      priorDirectionLogLoss: (priorLoss - priorVolatilityLoss) / rows,
      brier: this.#squares / rows,
      ece,
      classRows: [sells, holds, buys],
    };
  }

  /** For the reliability plot: stated probability of the top class against how often it happened. */
  reliability() {
    return this.#reliability.table();
  }
}

function checkProbabilities(sell: number, hold: number, buy: number): void {
  const valid = sell >= 0 && hold >= 0 && buy >= 0 && Math.abs(sell + hold + buy - 1) <= SUM_TOLERANCE;
  // The message is built only when needed: this runs for every row.
  if (!valid) throw new InvariantError(`not a probability vector: ${sell}, ${hold}, ${buy}`);
}
