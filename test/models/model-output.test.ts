import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OUTPUT_COLUMNS, OUTPUT_WIDTH, readAnswers } from '../../lib/models/model-output.ts';

const read = (...values: number[]) => readAnswers(Float32Array.from(values), values.length / OUTPUT_WIDTH);

test('a probability vector is rescaled to add up to 1 in float64, the move is as it is', () => {
  const [answer] = read(0.2, 0.3, 0.5, -0.25, 0.75);
  const { sell, hold, buy } = answer!.probabilities;
  expect(sell + buy + hold).toBeCloseTo(1, 15);
  expect(buy).toBeCloseTo(0.5, 7);
  expect(answer!.move).toEqual({ expected: -0.25, deviation: 0.75 });
  expect(read(-5e-7, 0.5, 0.5, 0, 1)[0]!.probabilities.sell).toBe(0);
});

test.each([
  ['NaN', [Number.NaN, 0.5, 0.5, 0, 1]],
  ['infinity', [Number.POSITIVE_INFINITY, 0, 0, 0, 1]],
  ['a negative probability', [-0.00001, 0.5, 0.50001, 0, 1]],
  ['a probability above 1', [1.00001, 0, 0, 0, 1]],
  ['a sum below 1', [0.3, 0.3, 0.3998, 0, 1]],
  ['a sum above 1', [0.3, 0.3, 0.4002, 0, 1]],
  ['nothing', [0, 0, 0, 0, 0]],
  ['a move that is no number', [0.25, 0.25, 0.5, Number.NaN, 1]],
  ['a move beyond reason', [0.25, 0.25, 0.5, -101, 1]],
  ['certainty', [0.25, 0.25, 0.5, 0.5, 0]],
  ['a deviation beyond reason', [0.25, 0.25, 0.5, 0.5, 101]],
  ['a negative deviation', [0.25, 0.25, 0.5, 0.5, -1]],
  ['an infinite deviation', [0.25, 0.25, 0.5, 0.5, Number.POSITIVE_INFINITY]],
  ['a deviation that is no number', [0.25, 0.25, 0.5, 0.5, Number.NaN]],
])('%s is no answer, and the rows around it are', (_, row) => {
  const answers = read(0.25, 0.25, 0.5, 0, 1, ...row, 0.5, 0.25, 0.25, 0, 1);
  expect(answers[1]).toBeUndefined();
  expect([answers[0], answers[2]].map((answer) => answer?.probabilities)).toEqual([
    { sell: 0.25, hold: 0.25, buy: 0.5 },
    { sell: 0.5, hold: 0.25, buy: 0.25 },
  ]);
});

test('a move of the largest size is an answer', () => {
  for (const expected of [100, -100])
    expect(read(0.25, 0.25, 0.5, expected, 100)[0]!.move).toEqual({ expected, deviation: 100 });
});

test.each([
  [0.5, -5e-7, 0.5],
  [0.5, 0.5, -5e-7],
  [1 + 5e-7, 0, 0],
])('what float32 could not say exactly is cut to probabilities: %d, %d, %d', (...probabilities) => {
  const sides = Object.values(read(...probabilities, 0, 1)[0]!.probabilities);
  expect(sides.every((side) => side >= 0 && side <= 1)).toBe(true);
  expect(sides.reduce((sum, side) => sum + side)).toBeCloseTo(1, 15);
});

test('an output of another length is a broken invariant', () => {
  expect(() => readAnswers(new Float32Array(9), 2)).toThrow('9 outputs for 2 rows');
  expect(OUTPUT_COLUMNS).toEqual(['sell', 'hold', 'buy', 'expected_move', 'move_deviation']);
});

test('whatever the five floats are: a valid answer or none', () => {
  const anyFloat = fc.oneof(fc.float(), fc.float({ min: 0, max: 1 }));
  fc.assert(
    fc.property(anyFloat, anyFloat, anyFloat, anyFloat, anyFloat, (...values) => {
      const [answer] = read(...values);
      if (answer === undefined) return;
      const sides = Object.values(answer.probabilities);
      expect(sides.every((side) => side >= 0 && side <= 1)).toBe(true);
      expect(sides.reduce((sum, side) => sum + side)).toBeCloseTo(1, 14);
      expect(Number.isFinite(answer.move.expected) && answer.move.deviation > 0).toBe(true);
    }),
  );
});
