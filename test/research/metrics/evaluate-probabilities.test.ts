// All figures of a handful of rows, checked by hand.
import { expect, test } from 'vitest';
import { HOUR_MS } from '../../../lib/core/units.ts';
import {
  classFrequencies,
  evaluateProbabilities,
} from '../../../lib/research/metrics/evaluate-probabilities.ts';

/** Sunday 2024-08-04 23:55 UTC, and the Monday bar after it. */
const SUNDAY_MS = Date.UTC(2024, 7, 4, 23, 55);
const MONDAY_MS = Date.UTC(2024, 7, 5);

const ROWS = {
  barOpenTimeMs: Float64Array.from([SUNDAY_MS, SUNDAY_MS, MONDAY_MS, MONDAY_MS]),
  symbols: Uint16Array.from([0, 1, 0, 1]),
  labels: Uint8Array.from([2, 0, 1, 2]),
  forwardReturns: Float32Array.from([0.01, -0.01, 0, 0.02]),
  probabilities: Float32Array.from([0.25, 0.25, 0.5, 0.5, 0.25, 0.25, 0.25, 0.5, 0.25, 0.5, 0.25, 0.25]),
  expectedMoves: Float32Array.from([0.25, -0.25, 0.25, 0]),
};
const PRIOR = [0.25, 0.25, 0.5] as const;

const judged = () => evaluateProbabilities(ROWS, { prior: PRIOR, horizonBars: 3 })!;

test('log-loss and Brier are the means that the formulas say', () => {
  const { scores } = judged();
  // p of what happened: ½, ½, ½, ¼.
  expect(scores.logLoss).toBeCloseTo((3 * Math.log(2) + Math.log(4)) / 4, 6);
  expect(scores.priorLogLoss).toBeCloseTo((2 * Math.log(2) + 2 * Math.log(4)) / 4, 12);
  expect(scores.brier).toBeCloseTo((3 * (0.25 + 0.0625 + 0.0625) + (0.25 + 0.0625 + 0.5625)) / 4, 6);
});

test('weeks begin on Monday 00:00 UTC, and know their own prior', () => {
  const { weeks } = judged();
  expect(weeks.map(({ weekStartMs, rows }) => [new Date(weekStartMs).toISOString(), rows])).toEqual([
    ['2024-07-29T00:00:00.000Z', 2],
    ['2024-08-05T00:00:00.000Z', 2],
  ]);
  expect(weeks[0]!.logLoss).toBeCloseTo(Math.log(2), 6);
  expect(weeks[0]!.weekPriorLogLoss).toBeCloseTo(Math.log(2), 12);
  expect(weeks[1]!.logLoss).toBeCloseTo((Math.log(2) + Math.log(4)) / 2, 6);
});

test('symbols are judged apart', () => {
  const { bySymbol } = judged();
  expect(bySymbol.map(({ symbol, rows }) => [symbol, rows])).toEqual([
    [0, 2],
    [1, 2],
  ]);
  expect(bySymbol[0]!.logLoss).toBeCloseTo(Math.log(2), 6);
  expect(bySymbol[1]!.logLoss).toBeCloseTo((Math.log(2) + Math.log(4)) / 2, 6);
});

test('AUC counts pairs: of hold, all three others score below it', () => {
  const { auc } = judged();
  expect(auc.hold).toBe(1);
  // p_buy of the buys: ½ and ¼; of the others ¼ and ¼: 2 wins and 2 ties of 4 pairs.
  expect(auc.buy).toBe(0.75);
});

test('direction is undefined below five symbols, and never a number in its place', () => {
  const { direction, directionT } = judged();
  expect(direction).toMatchObject({ bars: 0, undefinedBars: 2, mean: undefined });
  expect(directionT).toBeUndefined();
});

test('a score that ranks the symbols as they then moved has a coefficient of 1, of -1 the other way', () => {
  const symbols = [0, 1, 2, 3, 4];
  const bars = [0, 1, 2].map((hour) => MONDAY_MS + hour * HOUR_MS);
  const rows = {
    barOpenTimeMs: Float64Array.from(bars.flatMap((ms) => symbols.map(() => ms))),
    symbols: Uint16Array.from(bars.flatMap(() => symbols)),
    labels: new Uint8Array(15).fill(1),
    forwardReturns: Float32Array.from(bars.flatMap(() => symbols.map((symbol) => symbol / 100))),
    probabilities: Float32Array.from(
      bars.flatMap(() => symbols.flatMap((symbol) => [0.4 - symbol / 20, 0.3, 0.3 + symbol / 20])),
    ),
    expectedMoves: Float32Array.from(bars.flatMap(() => symbols.map((symbol) => symbol / 10 - 0.1))),
  };
  const options = { prior: PRIOR, horizonBars: 3 };
  expect(evaluateProbabilities(rows, options)!.direction.mean).toBeCloseTo(1, 12);
  const inverted = { ...rows, forwardReturns: rows.forwardReturns.map((value) => -value) };
  expect(evaluateProbabilities(inverted, options)!.direction.mean).toBeCloseTo(-1, 12);
  // A class that never happened has no AUC.
  expect(evaluateProbabilities(rows, options)!.auc.sell).toBeUndefined();
});

test('nothing answered is nothing judged', () => {
  const none = {
    barOpenTimeMs: new Float64Array(0),
    symbols: new Uint16Array(0),
    labels: new Uint8Array(0),
    forwardReturns: new Float32Array(0),
    probabilities: new Float32Array(0),
    expectedMoves: new Float32Array(0),
  };
  expect(evaluateProbabilities(none, { prior: PRIOR, horizonBars: 3 })).toBeUndefined();
  expect(classFrequencies(none.labels)).toBeUndefined();
  expect(classFrequencies(ROWS.labels)).toEqual([0.25, 0.25, 0.5]);
});
