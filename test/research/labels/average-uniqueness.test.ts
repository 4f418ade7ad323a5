import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { averageUniqueness } from '../../../lib/research/labels/average-uniqueness.ts';

const weigh = (spans: readonly (readonly [first: number, last: number])[]) =>
  averageUniqueness({
    firstBars: Int32Array.from(spans, ([first]) => first),
    lastBars: Int32Array.from(spans, ([, last]) => last),
  });

describe('average uniqueness', () => {
  it('weighs an overlap as worked out by hand', () => {
    // Bars 10…13 carry 1, 2, 2, 1 labels from [10, 12] and [11, 13]; [20, 20] stands alone.
    // Uniqueness: (1 + ½ + ½)/3 = 2/3, (½ + ½ + 1)/3 = 2/3, 1. Mean 7/9, so the weights are 6/7, 6/7, 9/7.
    const weights = weigh([
      [10, 12],
      [11, 13],
      [20, 20],
    ]);
    for (const [label, expected] of [6 / 7, 6 / 7, 9 / 7].entries())
      expect(weights[label]).toBeCloseTo(expected, 14);
  });

  it('counts an early touch as a short span, although a later label ends before it', () => {
    // [0, 5] overlaps [1, 1] and [2, 2] only: uniqueness (1 + ½ + ½ + 1 + 1 + 1)/6 = 5/6, ½, ½. Mean 11/18.
    const weights = weigh([
      [0, 5],
      [1, 1],
      [2, 2],
    ]);
    expect(weights[0]).toBeCloseTo(15 / 11, 14);
    expect(weights[1]).toBeCloseTo(9 / 11, 14);
    expect(weights[2]).toBeCloseTo(9 / 11, 14);
  });

  it('gives labels that never meet the same weight, 1', () => {
    expect([
      ...weigh([
        [5, 7],
        [8, 8],
        [100, 135],
      ]),
    ]).toEqual([1, 1, 1]);
  });

  it('is empty without labels', () => {
    expect(weigh([])).toHaveLength(0);
  });

  it('has mean 1 and is positive, whatever the spans', () => {
    const span = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 35 }));
    fc.assert(
      fc.property(fc.array(span, { minLength: 1, maxLength: 60 }), (steps) => {
        let first = 0;
        const weights = weigh(
          steps.map(([step, length]) => {
            first += step;
            return [first, first + length] as const;
          }),
        );
        expect(weights.reduce((sum, weight) => sum + weight, 0) / weights.length).toBeCloseTo(1, 12);
        expect(Math.min(...weights)).toBeGreaterThan(0);
      }),
    );
  });
});
