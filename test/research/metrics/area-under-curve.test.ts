import { describe, expect, it } from 'vitest';
import { areaUnderCurve } from '../../../lib/research/metrics/area-under-curve.ts';

const asBuy = (scores: number[]) => scores.flatMap((score) => [0, 1 - score, score]);

describe('areaUnderCurve', () => {
  it('gives the example of the scikit-learn manual: 0.75', () => {
    const probabilities = asBuy([0.1, 0.4, 0.35, 0.8]);
    expect(areaUnderCurve({ probabilities, labels: [1, 1, 2, 2], positive: 2 })).toBe(0.75);
  });

  it('gives the published area of 109 rated CT images, full of ties: 0.893 (Hanley & McNeil 1982, tables I and II)', () => {
    const normal = [33, 6, 6, 11, 2];
    const abnormal = [3, 2, 2, 11, 33];
    const repeat = (counts: number[]) =>
      counts.flatMap((count, i) => new Array<number>(count).fill((i + 1) / 5));
    const scores = [...repeat(normal), ...repeat(abnormal)];
    const labels = [...new Array(58).fill(0), ...new Array(51).fill(2)];
    expect(areaUnderCurve({ probabilities: asBuy(scores), labels, positive: 2 })).toBeCloseTo(0.893, 3);
  });

  it('is undefined when only one side is there', () => {
    expect(areaUnderCurve({ probabilities: [], labels: [], positive: 0 })).toBeUndefined();
    expect(areaUnderCurve({ probabilities: asBuy([0.1, 0.2]), labels: [2, 2], positive: 2 })).toBeUndefined();
    expect(areaUnderCurve({ probabilities: asBuy([0.1, 0.2]), labels: [2, 2], positive: 0 })).toBeUndefined();
  });

  it('refuses NaN and columns that do not belong together', () => {
    const probabilities = asBuy([0.1, Number.NaN]);
    expect(() => areaUnderCurve({ probabilities, labels: [1, 2], positive: 2 })).toThrow('NaN');
    expect(() => areaUnderCurve({ probabilities, labels: [1], positive: 2 })).toThrow('same rows');
  });
});
