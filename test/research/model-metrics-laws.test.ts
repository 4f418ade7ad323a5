// Laws of the figures that models are judged by.
import fc from 'fast-check';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, it } from 'vitest';
import { blockBootstrap } from '../../lib/core/statistics/block-bootstrap.ts';
import { normalCdf, normalQuantile } from '../../lib/core/statistics/normal-distribution.ts';
import {
  countByBin,
  fitFeatureBins,
  populationStabilityIndex,
} from '../../lib/features/population-stability.ts';
import { areaUnderCurve } from '../../lib/research/metrics/area-under-curve.ts';
import { type ClassIndex, ClassificationTally } from '../../lib/research/metrics/classification.ts';
import { informationCoefficient } from '../../lib/research/metrics/information-coefficient.ts';
import { spearman } from '../../lib/research/metrics/spearman.ts';

const finite = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const label = fc.constantFrom<ClassIndex>(0, 1, 2);
/** Few distinct levels, so that ties are common. */
const level = fc.integer({ min: 0, max: 8 }).map((step) => step / 8);
const vector = fc
  .tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 }), fc.integer({ min: 1, max: 20 }))
  .map(([a, b, c]) => [a / (a + b + c), b / (a + b + c), c / (a + b + c)] as [number, number, number]);
const evaluatedRows = fc.array(fc.tuple(vector, label), { minLength: 1, maxLength: 40 });

function scoresOf(rows: [[number, number, number], ClassIndex][], prior: [number, number, number]) {
  const tally = new ClassificationTally(prior);
  for (const [probabilities, happened] of rows) tally.add(probabilities, 0, happened);
  return tally.scores()!;
}

describe('normal distribution', () => {
  it('is undone by its quantile', () => {
    fc.assert(
      fc.property(finite(-37, 8), (x) => {
        // Near 1 the probability itself is rounded: one ulp of it moves x by ulp / density.
        const tolerance = 1e-11 + 4e-16 / Math.exp(-0.5 * Math.min(0, -x) ** 2);
        expect(Math.abs(normalQuantile(normalCdf(x)) - x)).toBeLessThan(tolerance);
      }),
    );
  });

  it('rises, and mirrors about 0', () => {
    fc.assert(
      fc.property(finite(-30, 30), finite(1e-6, 1), (x, step) => {
        expect(normalCdf(x + step)).toBeGreaterThanOrEqual(normalCdf(x));
        expect(normalCdf(x) + normalCdf(-x)).toBeCloseTo(1, 14);
      }),
    );
  });
});

describe('classification scores', () => {
  it('stay within their ranges, and their parts add up', () => {
    fc.assert(
      fc.property(evaluatedRows, vector, (rows, prior) => {
        const scores = scoresOf(rows, prior);
        expect(scores.volatilityLogLoss + scores.directionLogLoss).toBeCloseTo(scores.logLoss, 10);
        expect(scores.priorVolatilityLogLoss + scores.priorDirectionLogLoss).toBeCloseTo(
          scores.priorLogLoss,
          10,
        );
        for (const part of [scores.logLoss, scores.volatilityLogLoss, scores.ece, scores.brier]) {
          expect(part).toBeGreaterThanOrEqual(0);
        }
        expect(scores.directionLogLoss).toBeGreaterThan(-1e-9);
        expect(scores.brier).toBeLessThanOrEqual(2 + 1e-12);
        expect(scores.ece).toBeLessThanOrEqual(1 + 1e-12);
        expect(scores.logLoss).toBeLessThanOrEqual(23 * Math.LN2 + 1e-9);
        expect(scores.classRows.reduce((sum, count) => sum + count)).toBe(rows.length);
      }),
    );
  });

  it("equal the prior's when the model always answers the prior", () => {
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 40 }), vector, (labels, prior) => {
        const scores = scoresOf(
          labels.map((happened) => [prior, happened]),
          prior,
        );
        expect(scores.logLoss).toBeCloseTo(scores.priorLogLoss, 10);
        expect(scores.volatilityLogLoss).toBeCloseTo(scores.priorVolatilityLogLoss, 10);
      }),
    );
  });

  it('are best, in log-loss and Brier, for the frequencies that happened', () => {
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 40 }), vector, (labels, other) => {
        const frequency = ([0, 1, 2] as const).map(
          (happened) => labels.filter((seen) => seen === happened).length / labels.length,
        ) as [number, number, number];
        const always = (answer: [number, number, number]) =>
          scoresOf(
            labels.map((happened) => [answer, happened]),
            other,
          );
        expect(always(frequency).logLoss).toBeLessThanOrEqual(always(other).logLoss + 1e-6);
        expect(always(frequency).brier).toBeLessThanOrEqual(always(other).brier + 1e-12);
      }),
    );
  });
});

describe('area under the curve', () => {
  const ranked = fc.array(fc.tuple(level, label), { maxLength: 60 });
  const areaOf = (rows: [number, ClassIndex][], transform = (score: number) => score) =>
    areaUnderCurve({
      probabilities: rows.flatMap(([score]) => [0, 0, transform(score)]),
      labels: rows.map(([, happened]) => happened),
      positive: 2,
    });

  it('is the share of pairs in the right order, ties half', () => {
    fc.assert(
      fc.property(ranked, (rows) => {
        const positives = rows.filter(([, happened]) => happened === 2);
        const negatives = rows.filter(([, happened]) => happened !== 2);
        const pairs = positives.flatMap(([p]) =>
          negatives.map(([n]) => (p > n ? 1 : p === n ? 0.5 : (0 as number))),
        );
        const expected =
          pairs.length === 0 ? undefined : pairs.reduce((sum, won) => sum + won) / pairs.length;
        if (expected === undefined) expect(areaOf(rows)).toBeUndefined();
        else expect(areaOf(rows)).toBeCloseTo(expected, 12);
      }),
    );
  });

  it('does not change with the scale of the score, and mirrors with its sign', () => {
    fc.assert(
      fc.property(ranked, (rows) => {
        const area = areaOf(rows);
        expect(areaOf(rows, (score) => score ** 3)).toBe(area);
        if (area !== undefined) expect(areaOf(rows, (score) => -score)! + area).toBeCloseTo(1, 12);
      }),
    );
  });
});

describe('rank correlation', () => {
  const pairs = fc.array(fc.tuple(level, level), { minLength: 2, maxLength: 40 });

  it('lies in −1…1, is symmetric, and sees only order', () => {
    fc.assert(
      fc.property(pairs, (rows) => {
        const a = rows.map(([value]) => value);
        const b = rows.map(([, value]) => value);
        const correlation = spearman(a, b);
        expect(spearman(b, a)).toBe(correlation);
        expect(
          spearman(
            a.map((value) => Math.exp(5 * value)),
            b,
          ),
        ).toBe(correlation);
        if (correlation === undefined) {
          expect(Math.min(new Set(a).size, new Set(b).size)).toBe(1);
          return;
        }
        expect(Math.abs(correlation)).toBeLessThanOrEqual(1 + 1e-12);
        expect(
          spearman(
            a.map((value) => -value),
            b,
          ),
        ).toBeCloseTo(-correlation, 12);
        expect(spearman(a, a)).toBeCloseTo(1, 12);
      }),
    );
  });

  it('equals 1 − 6 Σd² / (n (n² − 1)) where nothing is tied', () => {
    const permutation = fc
      .integer({ min: 2, max: 20 })
      .chain((n) => fc.shuffledSubarray([...Array(n).keys()], { minLength: n, maxLength: n }));
    fc.assert(
      fc.property(permutation, (order) => {
        const n = order.length;
        const squares = order.reduce((sum, rank, index) => sum + (rank - index) ** 2, 0);
        expect(spearman([...order.keys()], order)).toBeCloseTo(1 - (6 * squares) / (n * (n * n - 1)), 12);
      }),
    );
  });
});

describe('information coefficient', () => {
  const row = fc.record({
    bar: fc.integer({ min: 0, max: 600 }),
    score: finite(-1, 1),
    value: finite(-0.1, 0.1),
  });
  const icOf = (rows: { bar: number; score: number; value: number }[], sign = 1) =>
    informationCoefficient(
      {
        barOpenTimeMs: rows.map(({ bar }) => bar * 300_000),
        score: rows.map(({ score }) => sign * score),
        forwardReturn: rows.map(({ value }) => value),
      },
      { horizonBars: 3, symbolsMin: 2 },
    );

  it('does not depend on the order of rows within bars that have no ties, and changes sign with the score', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 80 }), (rows) => {
        const ic = icOf(rows);
        expect(icOf([...rows].reverse())).toEqual(ic);
        expect(ic.bars + ic.undefinedBars).toBe(new Set(rows.map(({ bar }) => bar)).size);
        expect(ic.byDay.reduce((sum, day) => sum + day.bars, 0)).toBe(ic.bars);
        if (ic.mean !== undefined) expect(icOf(rows, -1).mean).toBeCloseTo(-ic.mean, 12);
        else expect(ic.bars).toBe(0);
      }),
    );
  });
});

describe('bootstrap', () => {
  it('moves with the data, and brackets what it is computed from', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 5, maxLength: 20 }),
        fc.integer({ min: -100, max: 100 }),
        fc.integer(),
        (values, shift, seed) => {
          const run = (offset: number) => {
            const generator = xoroshiro128plus(seed);
            return blockBootstrap({
              blocks: values.map((value) => [value + offset, 1]),
              statistic: ([sum, count]) => sum! / count!,
              draws: 40,
              level: 0.9,
              drawIndex: (count) => uniformInt(generator, 0, count - 1),
            })!;
          };
          const interval = run(0);
          expect(interval.low).toBeLessThanOrEqual(interval.high);
          expect(interval.low).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9);
          expect(interval.high).toBeLessThanOrEqual(Math.max(...values) + 1e-9);
          expect(run(shift).low).toBeCloseTo(interval.low + shift, 9);
        },
      ),
    );
  });
});

describe('population stability', () => {
  const counts = fc.array(fc.tuple(fc.nat({ max: 50 }), fc.nat({ max: 50 })), {
    minLength: 1,
    maxLength: 12,
  });

  it('is never negative, symmetric, and 0 for the same shares at any size', () => {
    fc.assert(
      fc.property(counts, fc.integer({ min: 1, max: 9 }), (bins, times) => {
        const expected = bins.map(([count]) => count);
        const actual = bins.map(([, count]) => count);
        const index = populationStabilityIndex(expected, actual);
        if (index === undefined) return;
        expect(index).toBeGreaterThanOrEqual(0);
        expect(populationStabilityIndex(actual, expected)).toBeCloseTo(index, 12);
        const scaled = expected.map((count) => count * times);
        expect(populationStabilityIndex(expected, scaled)).toBeCloseTo(0, 12);
      }),
    );
  });

  it('counts every value in exactly one bin', () => {
    const value = fc.oneof(level, finite(-1e6, 1e6));
    const many = fc.array(value, { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(many, many, (training, recent) => {
        const inBins = countByBin(fitFeatureBins(training), recent);
        expect(inBins.reduce((sum, count) => sum + count, 0)).toBe(recent.length);
      }),
    );
  });
});
