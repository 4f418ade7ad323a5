// Votes of many bars lie side by side: each bar is decided by its own, and by nothing of its neighbours.
import { expect, test } from 'vitest';
import { decideVotes, VoteOutcome } from '../../lib/inference/decide-votes.ts';
import { ensembleOf, memberOf } from '../support/models/sample-ensemble.ts';

const ensemble = ensembleOf([memberOf('a', 1), memberOf('b', 3)]);

/** [members, 5] of each bar. */
const BARS = [
  [0.1, 0.2, 0.7, 0.6, 0.5, 0.2, 0.2, 0.6, 0.4, 0.5],
  [0.7, 0.2, 0.1, -0.6, 0.5, 0.6, 0.2, 0.2, -0.4, 0.7],
  [0.7, 0.2, 0.1, -0.6, 0.5, 0.2, 0.2, 0.6, 0.4, 0.6],
];

function decide(bars: readonly number[][], row: number, close = 1000): VoteOutcome {
  const outcome = new VoteOutcome();
  const votes = { answers: Float64Array.from(bars.flat()), abstentions: new Uint8Array(2 * bars.length) };
  decideVotes(outcome, votes, { row, close, atr: 4 }, ensemble);
  return outcome;
}

test.each([0, 1, 2])('bar %d of three is decided as it would be alone', (row) => {
  const alone = decide([BARS[row]!], 0);
  expect(decide(BARS, row)).toEqual(alone);
  expect(alone.activeModels).toBe(2);
  const [a, b] = [BARS[row]![3]!, BARS[row]![8]!];
  // In barriers of 80 bps.
  expect(alone.moveBps).toBeCloseTo((80 * (a + 3 * b)) / 4, 9);
});

test('an ATR that is no fraction of the close is refused, and told', () => {
  expect(() => decide(BARS, 0, 5e-324)).toThrow('ATR 4 at a close of 5e-324 is no distance');
});
