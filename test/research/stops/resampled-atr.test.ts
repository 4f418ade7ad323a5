// Longer bars' average true range, as it was known at each 5-minute bar.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { seriesFromCandles } from '../../../lib/market/candle-series.ts';
import { type CandleGrid, fillGaps } from '../../../lib/market/grid.ts';
import { resampledAtr } from '../../../lib/research/stops/resampled-atr.ts';

type Bar = readonly [high: number, low: number, close: number];

function gridOf(bars: readonly Bar[], firstBar = 0): CandleGrid {
  const series = seriesFromCandles(
    bars.map(([high, low, close], index) => ({
      openTimeMs: (firstBar + index) * BAR_MS,
      open: close,
      high,
      low,
      close,
      volume: 1,
    })),
  );
  if (!series.ok) throw new Error(series.error.problem);
  return fillGaps(series.value);
}

test('is the mean of the first 14 true ranges, then follows Wilder, each known at the close of its longer bar', () => {
  // 3 bars a step: every step's range is 2, but the 16th, which is 16.
  const bars = Array.from({ length: 17 * 3 }, (_, bar): Bar => {
    const wide = Math.floor(bar / 3) === 15 && bar % 3 === 1;
    return [wide ? 116 : 101, wide ? 100 : 99, wide ? 101 : 100];
  });
  const atr = resampledAtr(gridOf(bars), 3);
  // 15 longer bars give 14 true ranges.
  expect(atr.slice(0, 15 * 3 - 1).every(Number.isNaN)).toBe(true);
  expect(atr[15 * 3 - 1]).toBe(2);
  expect(atr[16 * 3 - 2]).toBe(2);
  // The 16th: high 116, low 99.
  expect(atr[16 * 3 - 1]).toBeCloseTo(2 + (17 - 2) / 14, 12);
});

test('counts a jump from the close before into the true range', () => {
  const bars = Array.from({ length: 16 }, (_, bar): Bar => (bar < 15 ? [101, 99, 100] : [121, 119, 120]));
  expect(resampledAtr(gridOf(bars), 1)[15]).toBeCloseTo(2 + (21 - 2) / 14, 12);
});

test('leaves out a first longer bar that the grid begins within', () => {
  const whole = Array.from({ length: 15 * 12 }, (_, bar): Bar => [101 + (bar % 5), 99, 100]);
  const late = resampledAtr(gridOf([[500, 1, 100], ...whole], 11), 12);
  expect(late.slice(1)).toEqual(resampledAtr(gridOf(whole, 12), 12));
});

test('knows nothing of what comes later', () => {
  const bar = fc
    .tuple(fc.double({ min: 50, max: 100, noNaN: true }), fc.double({ min: 0, max: 20, noNaN: true }))
    .map(([low, range]): Bar => [low + range, low, low + range / 2]);
  fc.assert(
    fc.property(
      fc.array(bar, { minLength: 60, maxLength: 120 }),
      fc.nat(59),
      fc.nat(30),
      (bars, cut, first) => {
        const all = resampledAtr(gridOf(bars, first), 3);
        expect(resampledAtr(gridOf(bars.slice(0, cut + 1), first), 3)).toEqual(all.slice(0, cut + 1));
      },
    ),
    { numRuns: 50 },
  );
});
