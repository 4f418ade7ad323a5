// How the models agree and what the ensemble decides with it, over any stream of signals: live, backtest or evaluation.

import type { Action } from '../models/vote.ts';
import type { Signal } from './signal.ts';

/** A consensus is at least this share of the active models leaning to one side. */
export const CONSENSUS_MIN = 2 / 3;

export interface SignalSummary {
  readonly signals: number;
  /** Signals for which fewer than 2 models answered: HOLD by abstention, counted in no mean below. */
  readonly abstained: number;
  readonly actions: Readonly<Record<Action, number>>;
  /** Share of signals on which at least two thirds of the active models lean to the same side. */
  readonly consensusRate: number | undefined;
  /** Mean share of active models that lean to the majority's side. */
  readonly meanConsensus: number | undefined;
  /** Mean calibrated probability of a net profit, over BUY and SELL alone: a HOLD risks nothing. */
  readonly meanConfidence: number | undefined;
  /** Share of the signals both voted on where XGBoost and LightGBM lean to the same side, and how many those were. */
  readonly agreementXgbLgbm: number | undefined;
  readonly comparedXgbLgbm: number;
}

/** Shares and means are undefined where nothing was counted. */
export class SignalTally {
  readonly #actions: Record<Action, number> = { SELL: 0, HOLD: 0, BUY: 0 };
  readonly #consensus = { count: 0, sum: 0 };
  readonly #confidence = { count: 0, sum: 0 };
  readonly #agreement = { count: 0, sum: 0 };
  readonly #reached = { count: 0, sum: 0 };
  #signals = 0;
  #abstained = 0;

  add(signal: Pick<Signal, 'action' | 'confidence' | 'consensusFraction' | 'probabilities' | 'votes'>): void {
    this.#signals++;
    this.#actions[signal.action]++;
    const xgboost = leaning(signal.votes, 'xgboost');
    const lightgbm = leaning(signal.votes, 'lightgbm');
    if (xgboost !== undefined && lightgbm !== undefined)
      include(this.#agreement, Number(xgboost === lightgbm));
    if (signal.probabilities === null) {
      this.#abstained++;
      return;
    }
    include(this.#consensus, signal.consensusFraction);
    include(this.#reached, Number(signal.consensusFraction >= CONSENSUS_MIN));
    if (signal.action !== 'HOLD') include(this.#confidence, signal.confidence);
  }

  summary(): SignalSummary {
    return {
      signals: this.#signals,
      abstained: this.#abstained,
      actions: { ...this.#actions },
      consensusRate: meanOf(this.#reached),
      meanConsensus: meanOf(this.#consensus),
      meanConfidence: meanOf(this.#confidence),
      agreementXgbLgbm: meanOf(this.#agreement),
      comparedXgbLgbm: this.#agreement.count,
    };
  }
}

interface RunningMean {
  count: number;
  sum: number;
}

function include(mean: RunningMean, value: number): void {
  mean.count++;
  mean.sum += value;
}

const meanOf = ({ count, sum }: RunningMean): number | undefined => (count > 0 ? sum / count : undefined);

function leaning(votes: Signal['votes'], model: string): Action | undefined {
  for (const vote of votes) if (vote.model === model && 'action' in vote) return vote.action;
  return undefined;
}
