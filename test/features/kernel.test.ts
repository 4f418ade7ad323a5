// The compiled features: that the binary is that of its sources, what its columns hold before rows round it to float32, and which rows
// it is asked for.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computeFeatures } from '../../lib/features/compute-features.ts';
import { FEATURE_COUNT } from '../../lib/features/feature-set.ts';
import { KERNEL_SOURCES_SHA256 } from '../../lib/features/kernel/kernel-binary.ts';
import { openKernel } from '../../lib/features/kernel/open-kernel.ts';
import type { CandleSeries } from '../../lib/market/candle-series.ts';
import { type BarRow, flatThen, seriesOfRows } from '../support/features/bars.ts';
import { generateBars } from '../support/features/generated-bars.ts';
import { sha256OfKernelSources } from '../support/features/kernel-sources.ts';

const FIRST_ROW = 879;
const kernel = openKernel();

/** By bar; from the first row on. */
function columnFor(series: CandleSeries, name: string): Float64Array {
  computeFeatures(series);
  return kernel.column(name).slice(0, series.length);
}

/** Bars that close, and trade, at these values after as many bars as a row needs. */
function seriesOf(tail: readonly { close?: number; volume?: number }[], startBar = 0): CandleSeries {
  const rows = [...new Array<{ close?: number; volume?: number }>(FIRST_ROW).fill({}), ...tail];
  const bars = rows.map(({ close = 100, volume = 10 }): BarRow => [close, close, close, close, volume]);
  return seriesOfRows(bars, (5_600_000 + startBar) * 300_000);
}

it('is compiled from the sources beside it: else run `npm run kernel`', () => {
  expect(KERNEL_SOURCES_SHA256).toBe(sha256OfKernelSources());
});

describe('window sums', () => {
  const volumes = fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 40, maxLength: 120 });
  const startBar = fc.nat(100);

  it('are the sums of the window, to the rounding of each addition', () => {
    fc.assert(
      fc.property(volumes, startBar, (list, start) => {
        const series = seriesOf(
          list.map((volume) => ({ volume })),
          start,
        );
        const sums = columnFor(series, 'volumeSum20');
        for (let bar = FIRST_ROW; bar < series.length; bar++) {
          const expected = series.volume.slice(bar - 19, bar + 1).reduce((total, value) => total + value, 0);
          expect(Math.abs(sums[bar]! - expected)).toBeLessThanOrEqual(expected * 20 * 1.2e-16);
        }
      }),
    );
  });

  it('are not disturbed by a spike that has left the window', () => {
    const series = seriesOf(Array.from({ length: 60 }, (_, i) => ({ volume: i === 20 ? 1e18 : 0.1 })));
    const sums = columnFor(series, 'volumeSum20');
    for (let bar = FIRST_ROW + 40; bar < series.length; bar++)
      expect(Math.abs(sums[bar]! - 2)).toBeLessThan(1e-14);
  });

  it('of squares are those around the mean, to the rounding of each step', () => {
    const closes = fc.array(fc.double({ min: 1e-9, max: 1e9, noNaN: true }), {
      minLength: 40,
      maxLength: 120,
    });
    fc.assert(
      fc.property(closes, startBar, (list, start) => {
        const series = seriesOf(
          list.map((close) => ({ close })),
          start,
        );
        const squares = columnFor(series, 'closeSquares20');
        for (let bar = FIRST_ROW; bar < series.length; bar++) {
          const inWindow = series.close.slice(bar - 19, bar + 1);
          const mean = inWindow.reduce((total, value) => total + value, 0) / 20;
          const expected = inWindow.reduce((total, value) => total + (value - mean) * (value - mean), 0);
          const size = inWindow.reduce((total, value) => total + value * value, 0);
          expect(Math.abs(squares[bar]! - expected)).toBeLessThanOrEqual(1e-12 * expected + 1e-30 * size);
        }
      }),
    );
  });

  it('of squares keep their precision where values are large and close together', () => {
    const series = seriesOf(Array.from({ length: 200 }, (_, i) => ({ close: 1e5 + (i % 2) * 0.01 })));
    const squares = columnFor(series, 'closeSquares20');
    for (let bar = FIRST_ROW + 19; bar < series.length; bar++)
      expect(squares[bar]! / (20 * 0.005 * 0.005)).toBeCloseTo(1, 8);
  });

  it('of squares are exactly 0 where all values are equal, and only there', () => {
    const closes = [0.7, ...new Array<number>(50).fill(0.1), 0.2, 0.2];
    for (let start = 0; start < 20; start++) {
      const series = seriesOf(
        closes.map((close) => ({ close })),
        start,
      );
      const squares = columnFor(series, 'closeSquares20').slice(FIRST_ROW);
      expect(squares[19]).toBeGreaterThan(0.3);
      expect([...squares.slice(20, 51)]).toEqual(new Array(31).fill(0));
      expect(squares[51]).toBeGreaterThan(0.009);
    }
  });
});

describe('logarithm and exponential', () => {
  /** Where one polynomial ends and another begins, and the numbers next to it. */
  const near = (edge: number) => [-2, -1, 0, 1, 2].map((step) => edge + step * edge * 2 ** -52);
  /** Numbers at every distance from 0, down to the smallest that 1 can be told from. */
  const distances = fc.array(
    fc
      .tuple(fc.integer({ min: -54, max: 1 }), fc.double({ min: 1, max: 2, noNaN: true }))
      .map(([exponent, mantissa]) => mantissa * 2 ** exponent),
    { minLength: 50, maxLength: 100 },
  );

  it('of a ratio has the bits of Math.log', () => {
    const ofRatios = (ratios: readonly number[]) => {
      const series = seriesOf(ratios.flatMap((ratio) => [{ close: 1 }, { close: ratio }]));
      const logs = columnFor(series, 'logReturn');
      for (let bar = FIRST_ROW; bar < series.length; bar++)
        expect(logs[bar]).toBe(Math.log(series.close[bar]! / series.close[bar - 1]!));
    };
    ofRatios([1, ...[2 ** -20, -(2 ** -20), 0.28, -0.28].flatMap((edge) => near(1 + edge))]);
    fc.assert(fc.property(distances, (list) => ofRatios(list.map((distance) => 1 + distance))));
  });

  it('of a spread has the bits of Math.exp', () => {
    const ofRanges = (ranges: readonly number[]) => {
      const bars = ranges.map((range): BarRow => [1, 1 + range, 1, 1, 10]);
      const flat = new Array<BarRow>(FIRST_ROW).fill([1, 1, 1, 1, 10]);
      const series = seriesOfRows([...flat, ...bars.flatMap((bar) => [bar, flat[0]!, flat[0]!])]);
      const spreads = columnFor(series, 'spread');
      const log = (bar: number) => Math.log(series.high[bar]! / series.low[bar]!);
      for (let bar = FIRST_ROW; bar < series.length; bar++) {
        const high = Math.max(series.high[bar]!, series.high[bar - 1]!);
        const low = Math.min(series.low[bar]!, series.low[bar - 1]!);
        const root = Math.sqrt(log(bar) * log(bar) + log(bar - 1) * log(bar - 1));
        const alpha = (root - Math.log(high / low)) / (Math.SQRT2 - 1);
        const growth = Math.exp(Math.max(0, alpha));
        expect(spreads[bar]).toBe((2 * (growth - 1)) / (1 + growth));
      }
    };
    ofRanges([0, 2 ** -30, 0.1, 0.4, 2, 30]);
    fc.assert(fc.property(distances, ofRanges));
  });
});

describe('a truncated average', () => {
  const closes = Array.from({ length: 2000 }, (_, i) => 100 + ((i * 7919) % 101) / 10);

  it.each([50, 200] as const)(
    'of %i is the normalised weighted mean of 800 values, at every place in a block',
    (period) => {
      const series = seriesOf(closes.map((close) => ({ close })));
      const averages = columnFor(series, `ema${period}`);
      const decay = (period - 1) / (period + 1);
      for (let bar = FIRST_ROW; bar < series.length; bar += 13) {
        let weighted = 0;
        let weights = 0;
        for (let age = 0; age < 800; age++) {
          weighted += decay ** age * series.close[bar - age]!;
          weights += decay ** age;
        }
        expect(Math.abs(averages[bar]! - weighted / weights)).toBeLessThan(1e-11);
      }
    },
  );
});

describe('what earlier calls have left in the memory', () => {
  it('is never read', () => {
    const market = { seed: 9, startPrice: 5, tick: 1e-4, move: 0.01, still: 0.2, silent: 0.1 };
    const series = generateBars({ ...market, bars: kernel.columnBars + 1500, firstIndex: 5_680_123 });
    const rows = computeFeatures(series);
    const { buffer, byteOffset } = kernel.candles[0];
    for (const [first, last] of [
      [FIRST_ROW, series.length],
      [1300, 1301],
      [series.length - 96, series.length],
    ] as const) {
      new Float64Array(buffer, byteOffset).fill(Number.NaN);
      const poisoned = computeFeatures(series, { from: first, to: last });
      expect(poisoned).toEqual(
        rows.slice((first - FIRST_ROW) * FEATURE_COUNT, (last - FIRST_ROW) * FEATURE_COUNT),
      );
    }
  });
});

describe('the rows asked for', () => {
  it('are none in a grid too short for one', () => {
    expect(computeFeatures(seriesOfRows([]))).toHaveLength(0);
    expect(computeFeatures(seriesOfRows(new Array(FIRST_ROW).fill([1, 1, 1, 1, 1])))).toHaveLength(0);
  });

  it('are refused without the bars they depend on, beyond the end, or across a gap', () => {
    const series = flatThen([]);
    expect(() => computeFeatures(series, { from: 878, to: 880 })).toThrow('no rows 878');
    expect(() => computeFeatures(series, { from: 879, to: 881 })).toThrow('no rows 879');
    series.openTimeMs[879] = series.openTimeMs[879]! + 300_000;
    expect(() => computeFeatures(series)).toThrow('without gaps');
  });
});
