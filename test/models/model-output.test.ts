import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readProbabilities } from '../../lib/models/model-output.ts';

const read = (...values: number[]) => readProbabilities(Float32Array.from(values), values.length / 3);

test('a probability vector is rescaled to add up to 1 in float64', () => {
  const [answer] = read(0.2, 0.3, 0.5);
  expect(answer!.sell + answer!.buy + answer!.hold).toBeCloseTo(1, 15);
  expect(answer!.buy).toBeCloseTo(0.5, 7);
  expect(read(-5e-7, 0.5, 0.5)[0]!.sell).toBe(0);
});

test.each([
  ['NaN', [Number.NaN, 0.5, 0.5]],
  ['infinity', [Number.POSITIVE_INFINITY, 0, 0]],
  ['a negative value', [-0.00001, 0.5, 0.50001]],
  ['a value above 1', [1.00001, 0, 0]],
  ['a sum below 1', [0.3, 0.3, 0.3998]],
  ['a sum above 1', [0.3, 0.3, 0.4002]],
  ['nothing', [0, 0, 0]],
])('%s is no answer, and the rows around it are', (_, row) => {
  const answers = read(0.25, 0.25, 0.5, ...row, 0.5, 0.25, 0.25);
  expect(answers[1]).toBeUndefined();
  expect([answers[0], answers[2]]).toEqual([
    { sell: 0.25, hold: 0.25, buy: 0.5 },
    { sell: 0.5, hold: 0.25, buy: 0.25 },
  ]);
});

test('whatever the three floats are: a valid vector or nothing', () => {
  const anyFloat = fc.oneof(fc.float(), fc.float({ min: 0, max: 1 }));
  fc.assert(
    fc.property(anyFloat, anyFloat, anyFloat, (...values) => {
      const [answer] = read(...values);
      if (answer === undefined) return;
      const sides = Object.values(answer);
      expect(sides.every((side) => side >= 0 && side <= 1)).toBe(true);
      expect(sides.reduce((sum, side) => sum + side)).toBeCloseTo(1, 14);
    }),
  );
});
