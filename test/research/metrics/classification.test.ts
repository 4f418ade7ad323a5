import { describe, expect, it } from 'vitest';
import {
  type ClassIndex,
  ClassificationTally,
  rowLogLoss,
} from '../../../lib/research/metrics/classification.ts';

const EVEN = [1 / 3, 1 / 3, 1 / 3] as const;

function scoresOf(
  rows: [number, number, number][],
  labels: ClassIndex[],
  prior: typeof EVEN | number[] = EVEN,
) {
  const tally = new ClassificationTally(prior as [number, number, number]);
  labels.forEach((label, row) => {
    tally.add(rows.flat(), row, label);
  });
  return tally.scores();
}

describe('classification scores', () => {
  it('give the log-loss of the scikit-learn manual: 0.21616', () => {
    // sklearn.metrics.log_loss(["spam","ham","ham","spam"], [[.1,.9],[.9,.1],[.8,.2],[.35,.65]]), ham as sell, spam as buy
    const scores = scoresOf(
      [
        [0.1, 0, 0.9],
        [0.9, 0, 0.1],
        [0.8, 0, 0.2],
        [0.35, 0, 0.65],
      ],
      [2, 0, 0, 2],
    )!;
    expect(scores.logLoss).toBeCloseTo(0.2161618746805791, 12);
    // Nothing was spent on hold against move.
    expect(scores.volatilityLogLoss).toBeCloseTo(0, 12);
    expect(scores.directionLogLoss).toBeCloseTo(0.2161618746805791, 12);
  });

  it('part the log-loss into volatility and direction by the chain rule', () => {
    const scores = scoresOf([[0.2, 0.5, 0.3]], [2])!;
    expect(scores.volatilityLogLoss).toBeCloseTo(-Math.log(0.5), 12); // it moved
    expect(scores.directionLogLoss).toBeCloseTo(-Math.log(0.3 / 0.5), 12); // up, given that it moved
    const hold = scoresOf([[0.2, 0.5, 0.3]], [1])!;
    expect(hold.volatilityLogLoss).toBeCloseTo(-Math.log(0.5), 12);
    expect(hold.directionLogLoss).toBeCloseTo(0, 12);
  });

  it('judge the prior on the same rows, parts included', () => {
    const scores = scoresOf(
      [
        [0.2, 0.5, 0.3],
        [0.2, 0.5, 0.3],
      ],
      [0, 1],
      [0.1, 0.6, 0.3],
    )!;
    expect(scores.priorLogLoss).toBeCloseTo((-Math.log(0.1) - Math.log(0.6)) / 2, 12);
    expect(scores.priorVolatilityLogLoss).toBeCloseTo((-Math.log(0.4) - Math.log(0.6)) / 2, 12);
    expect(scores.priorDirectionLogLoss).toBeCloseTo(-Math.log(0.1 / 0.4) / 2, 12);
  });

  it('give the Brier score as the sum over classes', () => {
    // (0.2−0)² + (0.5−1)² + (0.3−0)² = 0.38 and (0.2−0)² + (0.5−0)² + (0.3−1)² = 0.78
    const scores = scoresOf(
      [
        [0.2, 0.5, 0.3],
        [0.2, 0.5, 0.3],
      ],
      [1, 2],
    )!;
    expect(scores.brier).toBeCloseTo((0.38 + 0.78) / 2, 12);
    expect(scores.classRows).toEqual([0, 1, 1]);
  });

  it('give the calibration error of the top class', () => {
    // Bin of 0.5: hold is right once of twice, gap 0. Bin of 0.8: sell is wrong, gap 0.8 on a third of the rows.
    const scores = scoresOf(
      [
        [0.2, 0.5, 0.3],
        [0.2, 0.5, 0.3],
        [0.8, 0.1, 0.1],
      ],
      [1, 2, 1],
    )!;
    expect(scores.ece).toBeCloseTo(0.8 / 3, 12);
  });

  it('take the first of equal classes as the top one', () => {
    expect(scoresOf([[0.4, 0.4, 0.2]], [0])!.ece).toBeCloseTo(0.6, 12);
    expect(scoresOf([[0.4, 0.4, 0.2]], [1])!.ece).toBeCloseTo(0.4, 12);
    expect(scoresOf([[0.2, 0.4, 0.4]], [1])!.ece).toBeCloseTo(0.6, 12);
  });

  it('charge a certain error the float32 epsilon, and certain truth nothing', () => {
    expect(scoresOf([[1, 0, 0]], [2])!.logLoss).toBeCloseTo(23 * Math.LN2, 12);
    expect(scoresOf([[1, 0, 0]], [0])!.logLoss).toBe(0);
    expect(rowLogLoss(Float32Array.of(0, 0, 1, 0.5, 0.5, 0), 1, 0)).toBeCloseTo(Math.LN2, 12);
  });

  it('are undefined without rows', () => {
    expect(new ClassificationTally(EVEN).scores()).toBeUndefined();
  });

  it.each([[[Number.NaN, 0.5, 0.5]], [[0.5, 0.5, 0.5]], [[-0.1, 0.6, 0.5]], [[0.5, 0.5]], [[0, 0, 0]]])(
    'refuse %j, which is no probability vector',
    (vector) => {
      const tally = new ClassificationTally(EVEN);
      expect(() => tally.add(vector, 0, 1)).toThrow('probability vector');
      expect(() => new ClassificationTally(vector as [number, number, number])).toThrow('probability vector');
    },
  );

  it('refuse a label outside the classes', () => {
    expect(() => new ClassificationTally(EVEN).add(EVEN, 0, 3 as ClassIndex)).toThrow('label');
  });
});
