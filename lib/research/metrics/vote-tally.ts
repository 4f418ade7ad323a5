// How one model votes within its ensemble, over any stream of signals: the side it leans to, its confidence, whether the majority
// agrees, and why it abstained.
import type { Signal } from '../../inference/signal.ts';
import { CONSENSUS_MIN } from '../../inference/signal-tally.ts';
import type { Action, ModelAbstentionReason, Vote } from '../../models/vote.ts';

export interface VoteSummary {
  readonly votes: number;
  /** Votes by the side leaned to. */
  readonly actions: Readonly<Record<Action, number>>;
  /** Mean probability of the side leaned to; undefined without votes. */
  readonly meanConfidence: number | undefined;
  /** Share of the votes given beside at least one other model that stand with a majority of two thirds or more. */
  readonly consensusRate: number | undefined;
  readonly abstentions: Readonly<Partial<Record<ModelAbstentionReason, number>>>;
}

export class VoteTally {
  readonly #model: string;
  readonly #actions: Record<Action, number> = { SELL: 0, HOLD: 0, BUY: 0 };
  readonly #abstentions: Partial<Record<ModelAbstentionReason, number>> = {};
  #confidenceSum = 0;
  #accompanied = 0;
  #withMajority = 0;

  constructor(model: string) {
    this.#model = model;
  }

  add(signal: Pick<Signal, 'votes' | 'consensusFraction' | 'activeModels'>): void {
    const vote = signal.votes.find(({ model }) => model === this.#model);
    if (vote === undefined) return;
    if ('abstained' in vote) {
      this.#abstentions[vote.abstained] = (this.#abstentions[vote.abstained] ?? 0) + 1;
      return;
    }
    this.#actions[vote.action]++;
    this.#confidenceSum += vote.probabilities[SIDE_OF[vote.action]];
    if (signal.activeModels < 2) return;
    this.#accompanied++;
    if (signal.consensusFraction >= CONSENSUS_MIN && vote.action === majorityOf(signal.votes))
      this.#withMajority++;
  }

  summary(): VoteSummary {
    const votes = this.#actions.SELL + this.#actions.HOLD + this.#actions.BUY;
    return {
      votes,
      actions: { ...this.#actions },
      meanConfidence: votes > 0 ? this.#confidenceSum / votes : undefined,
      consensusRate: this.#accompanied > 0 ? this.#withMajority / this.#accompanied : undefined,
      abstentions: { ...this.#abstentions },
    };
  }
}

const SIDE_OF = { SELL: 'sell', HOLD: 'hold', BUY: 'buy' } as const;

/** The side that more models lean to; called only where two thirds do, so there is no tie. */
function majorityOf(votes: readonly Vote[]): Action {
  let balance = 0;
  for (const vote of votes)
    if ('action' in vote) balance += vote.action === 'BUY' ? 1 : vote.action === 'SELL' ? -1 : 0;
  return balance > 0 ? 'BUY' : 'SELL';
}
