// The curve from an edge to the probability of a profit: on the line between two of its points, and never beyond its ends.
import { describe, expect, test } from 'vitest';
import { edgeScore, profitCurveSchema, profitProbability } from '../../lib/models/profit-probability.ts';

const CURVE = { scores: [-1, 0, 2], probabilities: [0.25, 0.5, 0.75], rows: 1000, days: 30 };

test.each([
  [Number.NaN, 0.25],
  [-9, 0.25],
  [-1, 0.25],
  [-0.5, 0.375],
  [0, 0.5],
  [0.5, 0.5625],
  [2, 0.75],
  [9, 0.75],
])('a score of %d is a probability of %d', (score, probability) => {
  expect(profitProbability(CURVE, score)).toBe(probability);
});

test('of two points at its first score the lower one counts', () => {
  expect(profitProbability({ ...CURVE, scores: [0, 0, 1] }, 0)).toBe(0.25);
});

test('an edge counts its size on either side, less its costs, in deviations', () => {
  expect(edgeScore({ expected: 0.5, deviation: 0.5 }, 0.25)).toBe(0.5);
  expect(edgeScore({ expected: -0.5, deviation: 2 }, 0.25)).toBe(0.125);
});

describe('a curve', () => {
  const flat = { ...CURVE, scores: [0, 0, 1], probabilities: [0.5, 0.5, 0.5] };
  test.each([CURVE, flat])('%j is one', (curve) => {
    expect(profitCurveSchema.safeParse(curve)).toEqual({ success: true, data: curve });
  });

  const rising = (length: number) => Array.from({ length }, (_, index) => index / length);
  const ofLength = (length: number) => ({ ...CURVE, scores: rising(length), probabilities: rising(length) });
  const unmatched = 'has scores without a probability, or probabilities without a score';
  const falling = 'must rise: a larger edge cannot be less likely to pay';
  test.each<[object, string]>([
    [{ ...CURVE, scores: [-1, 0] }, unmatched],
    [{ ...CURVE, probabilities: [0.25, 0.5] }, unmatched],
    [{ ...CURVE, scores: [-1, 2, 0] }, falling],
    [{ ...CURVE, scores: [0, -1, 2] }, falling],
    [{ ...CURVE, probabilities: [0.25, 0.75, 0.5] }, falling],
    [{ ...CURVE, probabilities: [0.25, 0.5, 1.01] }, 'Too big: expected number to be <=1'],
    [{ ...CURVE, probabilities: [-0.01, 0.5, 0.75] }, 'Too small: expected number to be >=0'],
    [{ ...CURVE, rows: 0 }, 'Too small: expected number to be >0'],
    [{ ...CURVE, days: 0 }, 'Too small: expected number to be >0'],
    [ofLength(1), 'Too small: expected array to have >=2 items'],
    [ofLength(65), 'Too big: expected array to have <=64 items'],
  ])('is none of %j', (curve, message) => {
    const { error } = profitCurveSchema.safeParse(curve);
    expect(error?.issues.map((issue) => issue.message)).toContain(message);
  });

  test('may have 64 points', () => {
    expect(profitCurveSchema.safeParse(ofLength(64)).success).toBe(true);
  });
});
