// A model's whole answer from its class probabilities: the move that three outcomes of one barrier down, none and one barrier up have.
import type { Answer, Probabilities } from '../../../lib/models/vote.ts';

/** Outcomes that are certain still leave the little that a deviation must have. */
const DEVIATION_MIN = 1e-3;

export function answerOf(probabilities: Probabilities): Answer {
  const { sell, buy } = probabilities;
  const expected = buy - sell;
  const deviation = Math.max(DEVIATION_MIN, Math.sqrt(Math.max(0, sell + buy - expected ** 2)));
  return { probabilities, move: { expected, deviation } };
}
