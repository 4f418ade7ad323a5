// One model's vote on one symbol: its probabilities and the side it leans to, or the reason why it has none.
import type { Action, ModelAbstentionReason, Probabilities, Vote } from './signal.ts';

export interface ModelIdentity {
  readonly name: string;
  readonly version: string;
}

/** The side with the larger of p_buy and p_sell; HOLD when they are equal. */
export function leanOf({ sell, buy }: Probabilities): Action {
  if (buy > sell) return 'BUY';
  return sell > buy ? 'SELL' : 'HOLD';
}

export function castVote({ name, version }: ModelIdentity, probabilities: Probabilities): Vote {
  return { model: name, version, action: leanOf(probabilities), probabilities };
}

export function abstain({ name, version }: ModelIdentity, abstained: ModelAbstentionReason): Vote {
  return { model: name, version, abstained };
}
