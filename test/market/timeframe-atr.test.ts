// The stop's average true range: by a plain computation, and the same from a window as from years.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BAR_MS } from '../../lib/market/candle.ts';
import { type CandleSeries, seriesFromCandles, sliceSeries } from '../../lib/market/candle-series.ts';
import { ROW_WINDOW_BARS } from '../../lib/market/grid.ts';
import { newestTimeframeAtr, timeframeAtr } from '../../lib/market/timeframe-atr.ts';
import { STOP_TIMEFRAMES } from '../../lib/models/stop-timeframe.ts';

const BARS = 2 * ROW_WINDOW_BARS;

function seriesOf(closes: readonly number[], ranges: readonly number[]): CandleSeries {
  const series = seriesFromCandles(
    closes.map((close, bar) => ({
      openTimeMs: bar * BAR_MS,
      open: close,
      high: close + ranges[bar]!,
      low: close - ranges[bar]!,
      close,
      volume: 1,
    })),
  );
  if (!series.ok) throw new Error(series.error.problem);
  return series.value;
}

const series = fc
  .tuple(
    fc.array(fc.double({ min: 50, max: 150, noNaN: true }), { minLength: BARS, maxLength: BARS }),
    fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { minLength: BARS, maxLength: BARS }),
  )
  .map(([closes, ranges]) => seriesOf(closes, ranges));

/** Of the bars of a timeframe that end with `bar`, newest first. */
function plainly(candles: CandleSeries, bar: number, step: number): number {
  const count = step === STOP_TIMEFRAMES['1d'] ? 3 : 14;
  const ranges = Array.from({ length: count }, (_, back) => {
    const [from, to] = [bar - (back + 1) * step + 1, bar - back * step + 1];
    const before = candles.close[from - 1]!;
    return (
      Math.max(...candles.high.subarray(from, to), before) -
      Math.min(...candles.low.subarray(from, to), before)
    );
  });
  return ranges.reduce((sum, range) => sum + range, 0) / count;
}

test('is the mean true range of the last 14 bars of the timeframe, of days the last 3', () => {
  fc.assert(
    fc.property(series, fc.integer({ min: ROW_WINDOW_BARS, max: BARS - 1 }), (candles, bar) => {
      for (const step of Object.values(STOP_TIMEFRAMES))
        expect(timeframeAtr(candles, step)[bar]).toBe(plainly(candles, bar, step));
    }),
    { numRuns: 20 },
  );
});

test('follows from the window of a row alone, to the last bit', () => {
  fc.assert(
    fc.property(series, fc.integer({ min: ROW_WINDOW_BARS, max: BARS - 1 }), (candles, bar) => {
      const window = sliceSeries(candles, bar + 1 - ROW_WINDOW_BARS, bar + 1);
      for (const step of Object.values(STOP_TIMEFRAMES)) {
        expect(timeframeAtr(window, step).at(-1)).toBe(timeframeAtr(candles, step)[bar]);
        expect(newestTimeframeAtr(window, step)).toBe(timeframeAtr(window, step).at(-1));
      }
    }),
    { numRuns: 20 },
  );
});

test('does not exist before its bars are whole, and needs at least one of them in a window', () => {
  const candles = seriesOf(
    Array.from({ length: 30 }, () => 100),
    Array.from({ length: 30 }, () => 1),
  );
  const atr = timeframeAtr(candles, 2);
  expect(atr.slice(0, 28).every(Number.isNaN)).toBe(true);
  expect([...atr.slice(28)]).toEqual([2, 2]);
  expect(() => timeframeAtr(candles, ROW_WINDOW_BARS)).toThrow(/timeframe/);
  expect(newestTimeframeAtr(sliceSeries(candles, 0, 28), 2)).toBeNaN();
  expect(newestTimeframeAtr(sliceSeries(candles, 0, 29), 2)).toBe(2);
  expect(() => newestTimeframeAtr(candles, ROW_WINDOW_BARS)).toThrow(/timeframe/);
});
