// How well a score ranks one class above the rest: the area under the ROC curve.
import { invariant } from '../../core/invariant.ts';

/**
 * AUC of class `positive` against the rest: the probability that a row of the class scores above a row of another, equal
 * scores counting one half; undefined when either side has no row. O(n log n), 4 bytes per row.
 * Source: Mann–Whitney U / (n₊ n₋); Hanley & McNeil 1982.
 * @param input.probabilities [rows, 3] row-major, sell, hold, buy; @param input.labels [rows], 0…2
 */
export function areaUnderCurve(input: {
  readonly probabilities: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
  readonly positive: 0 | 1 | 2;
}): number | undefined {
  const { positives, negatives } = splitScores(input);
  if (positives.length === 0 || negatives.length === 0) return undefined;
  positives.sort();
  negatives.sort();
  // Sum over positives of (negatives below + half of the equal ones): a merge of two sorted lists.
  let wins = 0;
  let below = 0;
  let notAbove = 0;
  for (const score of positives) {
    while (below < negatives.length && negatives[below]! < score) below++;
    if (notAbove < below) notAbove = below;
    while (notAbove < negatives.length && negatives[notAbove]! <= score) notAbove++;
    wins += (below + notAbove) / 2;
  }
  return wins / positives.length / negatives.length;
}

function splitScores(input: Parameters<typeof areaUnderCurve>[0]) {
  const { probabilities, labels, positive } = input;
  invariant(
    probabilities.length === labels.length * 3,
    'probabilities must be [rows, 3] for the same rows as labels',
  );
  let positiveRows = 0;
  for (let row = 0; row < labels.length; row++) if (labels[row] === positive) positiveRows++;
  const positives = new Float32Array(positiveRows);
  const negatives = new Float32Array(labels.length - positiveRows);
  let p = 0;
  let n = 0;
  for (let row = 0; row < labels.length; row++) {
    const score = probabilities[row * 3 + positive]!;
    invariant(!Number.isNaN(score), 'a score is NaN');
    if (labels[row] === positive) positives[p++] = score;
    else negatives[n++] = score;
  }
  return { positives, negatives };
}
