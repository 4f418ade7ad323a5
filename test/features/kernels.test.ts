import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anchoredBlocks } from '../../lib/features/anchored-blocks.ts';
import { computeFeatures } from '../../lib/features/compute-features.ts';
import { FEATURE_COUNT } from '../../lib/features/feature-set.ts';
import { expOfSpread, larger, logOfRatio, positivePart, smaller } from '../../lib/features/inline-math.ts';
import { COLUMN_BARS, fillColumns, releaseColumns } from '../../lib/features/scratch-columns.ts';
import { truncatedEmas } from '../../lib/features/truncated-ema.ts';
import { extremes14 } from '../../lib/features/window-extremes.ts';
import * as kernels from '../../lib/features/window-sums.ts';
import { flatThen, seriesOfRows } from '../support/features/bars.ts';
import { generateBars } from '../support/features/generated-bars.ts';

const values = fc
  .array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 40, maxLength: 120 })
  .map((list) => Float64Array.from(list));
const windowLength = fc.integer({ min: 4, max: 30 });

const firstIndex = fc.nat(6_000_000);

/** A copy of what a kernel wrote for the bars of a list; its column is free again. */
function copied(column: Float64Array, { length }: Float64Array): Float64Array {
  releaseColumns();
  return column.slice(0, length);
}

type Query = Omit<Parameters<typeof kernels.windowSums>[1], 'to'>;
const windowSums = (list: Float64Array, query: Query) =>
  copied(kernels.windowSums(list, { ...query, to: list.length }), list);
const windowSquares = (list: Float64Array, query: Query) =>
  copied(kernels.windowSquares(list, { ...query, to: list.length }), list);

describe('window sums', () => {
  it('are the sums of the window, to the rounding of each addition', () => {
    fc.assert(
      fc.property(values, windowLength, firstIndex, (list, window, index) => {
        const from = window - 1;
        const sums = windowSums(list, { window, from, firstIndex: index });
        for (let bar = from; bar < list.length; bar++) {
          const inWindow = list.slice(bar - window + 1, bar + 1);
          const expected = inWindow.reduce((total, value) => total + value, 0);
          const size = inWindow.reduce((total, value) => total + Math.abs(value), 0);
          expect(Math.abs(sums[bar]! - expected)).toBeLessThanOrEqual(size * window * 1.2e-16);
        }
      }),
    );
  });

  it('are not disturbed by a spike that has left the window', () => {
    const list = Float64Array.from({ length: 60 }, (_, i) => (i === 20 ? 1e18 : 0.1));
    const sums = windowSums(list, { window: 20, from: 19, firstIndex: 7 });
    for (let bar = 40; bar < 60; bar++) expect(Math.abs(sums[bar]! - 2)).toBeLessThan(1e-14);
  });

  it('of squares are those around the mean, to the rounding of each step', () => {
    fc.assert(
      fc.property(values, windowLength, firstIndex, (list, window, index) => {
        const from = window - 1;
        const squares = windowSquares(list, { window, from, firstIndex: index });
        for (let bar = from; bar < list.length; bar++) {
          const inWindow = list.slice(bar - window + 1, bar + 1);
          const mean = inWindow.reduce((total, value) => total + value, 0) / window;
          const expected = inWindow.reduce((total, value) => total + (value - mean) * (value - mean), 0);
          const size = inWindow.reduce((total, value) => total + value * value, 0);
          expect(Math.abs(squares[bar]! - expected)).toBeLessThanOrEqual(
            1e-12 * expected + 1e-30 * size + 1e-300,
          );
        }
      }),
    );
  });

  it('of squares keep their precision where values are large and close together', () => {
    const list = Float64Array.from({ length: 200 }, (_, i) => 1e5 + (i % 2) * 0.01);
    const squares = windowSquares(list, { window: 20, from: 19, firstIndex: 3 });
    for (let bar = 19; bar < 200; bar++) expect(squares[bar]! / (20 * 0.005 * 0.005)).toBeCloseTo(1, 8);
  });

  it('of squares are exactly 0 where all values are equal, and only there', () => {
    const list = Float64Array.from([0.7, ...new Array<number>(50).fill(0.1), 0.2, 0.2]);
    for (let index = 0; index < 20; index++) {
      const squares = windowSquares(list, { window: 20, from: 19, firstIndex: index });
      expect(squares[19]).toBeGreaterThan(0.3);
      expect([...squares.slice(20, 51)]).toEqual(new Array(31).fill(0));
      expect(squares[51]).toBeGreaterThan(0.009);
    }
  });

  it('have the same bits whatever stands before the window', () => {
    fc.assert(
      fc.property(values, windowLength, firstIndex, fc.nat(60), (list, window, index, start) => {
        const from = window - 1;
        const late = list.subarray(start);
        for (const compute of [windowSums, windowSquares]) {
          const whole = compute(list, { window, from, firstIndex: index });
          const part = compute(late, { window, from, firstIndex: index + start });
          for (let bar = from; bar < late.length; bar++) expect(part[bar]).toBe(whole[start + bar]);
        }
      }),
    );
  });
});

describe('extremes of 14 values', () => {
  it('are those of the window', () => {
    fc.assert(
      fc.property(values, fc.nat(8), (list, later) => {
        const from = 13 + later;
        const high = list.map((value) => value + 0);
        const low = high.map((value, bar) => value - (bar % 5));
        const extremes = extremes14({ high, low }, from, list.length);
        const [highest, lowest] = [copied(extremes.highest, list), copied(extremes.lowest, list)];
        for (let bar = from; bar < list.length; bar++) {
          expect(highest[bar]).toBe(Math.max(...high.slice(bar - 13, bar + 1)));
          expect(lowest[bar]).toBe(Math.min(...low.slice(bar - 13, bar + 1)));
        }
      }),
    );
  });
});

describe('numbers without a branch', () => {
  // Adding 0 takes the sign of a zero away.
  const number = fc.double({ min: -1e9, max: 1e9, noNaN: true }).map((value) => value + 0);

  it('are those of Math.max and Math.min', () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        expect(larger(a, b)).toBe(Math.max(a, b));
        expect(smaller(a, b)).toBe(Math.min(a, b));
        expect(larger(a, a)).toBe(a);
        expect(smaller(a, a)).toBe(a);
        expect(positivePart(a)).toBe(Math.max(0, a));
      }),
    );
  });
});

describe('logarithm and exponential', () => {
  /** Numbers at every distance from 0, down to the smallest that 1 can be told from. */
  const distance = fc
    .tuple(fc.integer({ min: -54, max: 1 }), fc.double({ min: 1, max: 2, noNaN: true }))
    .map(([exponent, mantissa]) => mantissa * 2 ** exponent);
  /** Where one polynomial ends and another begins, and the numbers next to it. */
  const near = (edge: number) => [-2, -1, 0, 1, 2].map((step) => edge + step * edge * 2 ** -52);

  it('of a ratio has the bits of Math.log', () => {
    const edges = [2 ** -20, -(2 ** -20), 0.28, -0.28].flatMap((edge) => near(1 + edge));
    for (const ratio of [1, ...edges]) expect(logOfRatio(ratio)).toBe(Math.log(ratio));
    fc.assert(
      fc.property(distance, (far) => {
        expect(logOfRatio(1 + far)).toBe(Math.log(1 + far));
        expect(logOfRatio(1 / (1 + far))).toBe(Math.log(1 / (1 + far)));
      }),
      { numRuns: 5000 },
    );
  });

  it('of a spread has the bits of Math.exp', () => {
    for (const spread of [0, ...near(2 ** -28), ...near(0.34)])
      expect(expOfSpread(spread)).toBe(Math.exp(spread));
    fc.assert(
      fc.property(distance, (spread) => {
        expect(expOfSpread(spread)).toBe(Math.exp(spread));
      }),
      { numRuns: 5000 },
    );
  });
});

describe('truncated average', () => {
  const list = Float64Array.from({ length: 2000 }, (_, i) => 100 + ((i * 7919) % 101) / 10);
  const averagesOf = (values: Float64Array, period: 50 | 200, index: number) => {
    const { ema50, ema200 } = truncatedEmas(values, { from: 799, to: values.length, firstIndex: index });
    return copied(period === 50 ? ema50 : ema200, values);
  };

  it.each([50, 200] as const)(
    'of %i is the normalised weighted mean of 800 values, at every place in a block',
    (period) => {
      const averages = averagesOf(list, period, 12_345);
      const decay = (period - 1) / (period + 1);
      for (let bar = 799; bar < list.length; bar += 13) {
        let weighted = 0;
        let weights = 0;
        for (let age = 0; age < 800; age++) {
          weighted += decay ** age * list[bar - age]!;
          weights += decay ** age;
        }
        expect(Math.abs(averages[bar]! - weighted / weights)).toBeLessThan(1e-11);
      }
    },
  );

  it('has the same bits whatever stands before its 800 values', () => {
    for (const period of [50, 200] as const) {
      const whole = averagesOf(list, period, 0);
      for (const start of [1, 399, 800, 1200]) {
        const late = averagesOf(list.subarray(start), period, start);
        expect(late.slice(799)).toEqual(whole.slice(start + 799));
      }
    }
  });
});

describe('anchored blocks', () => {
  it('begin at the same absolute bars, follow one another, and seed each bar 432 to 863 bars before it', () => {
    fc.assert(
      fc.property(fc.nat(6_000_000), fc.integer({ min: 1, max: 3000 }), (index, length) => {
        const from = 879;
        const [seed, ...blocks] = anchoredBlocks(index, from, from + length);
        let before = seed!;
        expect(before.from).toBeGreaterThanOrEqual(0);
        expect(blocks[0]!.from).toBeLessThanOrEqual(from);
        for (const block of blocks) {
          expect((index + block.from) % 432).toBe(0);
          expect(block.from).toBe(before.to);
          expect(block.from - before.from).toBe(432);
          expect(block.to - 1 - before.from).toBeLessThanOrEqual(863);
          before = block;
        }
        expect(before.to).toBe(from + length);
      }),
    );
  });
});

describe('what earlier calls have left in the columns', () => {
  it('is never read', () => {
    const market = { seed: 9, startPrice: 5, tick: 1e-4, move: 0.01, still: 0.2, silent: 0.1 };
    const series = generateBars({ ...market, bars: COLUMN_BARS + 1500, firstIndex: 5_680_123 });
    const rows = computeFeatures(series);
    for (const [from, to] of [
      [879, series.length],
      [1300, 1301],
      [series.length - 96, series.length],
    ] as const) {
      fillColumns(Number.NaN);
      const poisoned = computeFeatures(series, { from, to });
      expect(poisoned).toEqual(rows.slice((from - 879) * FEATURE_COUNT, (to - 879) * FEATURE_COUNT));
    }
  });
});

describe('the rows asked for', () => {
  it('are none in a grid too short for one', () => {
    expect(computeFeatures(seriesOfRows([]))).toHaveLength(0);
    expect(computeFeatures(seriesOfRows(new Array(879).fill([1, 1, 1, 1, 1])))).toHaveLength(0);
  });

  it('are refused without the bars they depend on, beyond the end, or across a gap', () => {
    const series = flatThen([]);
    expect(() => computeFeatures(series, { from: 878, to: 880 })).toThrow('no rows 878');
    expect(() => computeFeatures(series, { from: 879, to: 881 })).toThrow('no rows 879');
    series.openTimeMs[879] = series.openTimeMs[879]! + 300_000;
    expect(() => computeFeatures(series)).toThrow('without gaps');
  });
});
