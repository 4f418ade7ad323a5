import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BAR_MS } from '../../lib/market/candle.ts';
import { allocateSeries, type CandleSeries, sliceSeries } from '../../lib/market/candle-series.ts';
import { checkBars, checkWindow, fillGaps, REQUEST_BARS, ROW_WINDOW_BARS } from '../../lib/market/grid.ts';

/** Moving candles at these bar numbers; `flat` ones have no range. */
function seriesAt(bars: readonly number[], flat: (bar: number) => boolean = () => false): CandleSeries {
  const series = allocateSeries(bars.length);
  bars.forEach((bar, index) => {
    const price = 100 + (bar % 7);
    series.openTimeMs[index] = bar * BAR_MS;
    series.open[index] = series.close[index] = price;
    series.high[index] = flat(bar) ? price : price + 1;
    series.low[index] = flat(bar) ? price : price - 1;
    series.volume[index] = 5;
  });
  return series;
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
const without = (bars: readonly number[], from: number, count: number) =>
  bars.filter((bar) => bar < from || bar >= from + count);

describe('filling gaps', () => {
  it('puts flat bars of no volume at the last close, and marks them', () => {
    const grid = fillGaps(seriesAt([1, 2, 5]));
    expect([...grid.openTimeMs].map((ms) => ms / BAR_MS)).toEqual([1, 2, 3, 4, 5]);
    expect([...grid.filled]).toEqual([0, 0, 1, 1, 0]);
    for (const column of [grid.open, grid.high, grid.low, grid.close])
      expect([...column.subarray(2, 4)]).toEqual([102, 102]);
    expect([...grid.volume]).toEqual([5, 5, 0, 0, 5]);
  });

  it('leaves a complete series as it is, and an empty one empty', () => {
    const series = seriesAt(range(0, 10));
    expect(fillGaps(series).close).toBe(series.close);
    expect(fillGaps(seriesAt([])).length).toBe(0);
  });

  it('refuses a gap of years instead of exhausting memory', () => {
    expect(() => fillGaps(seriesAt([0, 2_000_000]))).toThrow(/over the limit/);
  });
});

describe('a jump of the price scale', () => {
  const JUMP_BAR = 500;
  /** Prices times `factor` from the bar on; `bridge` lets that bar's range reach back to the last close. */
  function rescaled(factor: number, { bridge = false, gap = 0 } = {}): CandleSeries {
    const series = seriesAt(without(range(0, 2_400), JUMP_BAR, gap));
    for (let index = 0; index < series.length; index++) {
      if (series.openTimeMs[index]! < (JUMP_BAR + gap) * BAR_MS) continue;
      for (const column of [series.open, series.high, series.low, series.close]) column[index]! *= factor;
    }
    if (bridge) {
      const before = series.close[JUMP_BAR - 1]!;
      series.high[JUMP_BAR] = Math.max(series.high[JUMP_BAR]!, before);
      series.low[JUMP_BAR] = Math.min(series.low[JUMP_BAR]!, before);
    }
    return series;
  }
  const abstaining = (series: CandleSeries) =>
    checkBars(fillGaps(series)).flatMap((verdict, bar) => (verdict === 'price_scale_changed' ? [bar] : []));

  it.each([1_000, 100, 10, 4, 1 / 4, 1 / 10, 1 / 1_000])(
    '× %d abstains while it is in the window',
    (factor) => {
      // From the first bar that has its history to the last whose window begins before the jump.
      expect(abstaining(rescaled(factor))).toEqual(
        range(ROW_WINDOW_BARS - 1, JUMP_BAR - 1 + ROW_WINDOW_BARS),
      );
    },
  );

  it('is seen across missing bars', () => {
    expect(abstaining(rescaled(0.001, { gap: 5 })).length).toBeGreaterThan(400);
  });

  it.each([2.5, 0.4, 1.2])('× %d is a market that moves', (factor) => {
    expect(abstaining(rescaled(factor))).toEqual([]);
  });

  it.each([10, 0.1])('× %d is a market that crashes when a candle bridges it', (factor) => {
    expect(abstaining(rescaled(factor, { bridge: true }))).toEqual([]);
  });
});

describe('judging bars', () => {
  const last = (series: CandleSeries) => checkBars(fillGaps(series)).at(-1);

  it('wants 880 bars of history', () => {
    const verdicts = checkBars(fillGaps(seriesAt(range(0, ROW_WINDOW_BARS + 1))));
    expect(verdicts.slice(-3)).toEqual(['insufficient_history', undefined, undefined]);
  });

  it('abstains while a filled bar stands among the last 12', () => {
    const gapAt = (bar: number) => last(seriesAt(without(range(0, 1000), bar, 1)));
    expect(gapAt(998)).toBe('gap_recent');
    expect(gapAt(988)).toBe('gap_recent');
    expect(gapAt(987)).toBeUndefined();
  });

  it('abstains while more than 72 missing bars in a row lie within the 880-bar window', () => {
    const bars = range(0, 2000);
    expect(last(seriesAt(without(bars, 1500, 72)))).toBeUndefined();
    expect(last(seriesAt(without(bars, 1500, 73)))).toBe('gap_too_long');
    // The window of bar 1999 begins at bar 1120: of a gap that ends at 1192, all 73 lie within; one bar earlier, only 72.
    expect(last(seriesAt(without(bars, 1120, 73)))).toBe('gap_too_long');
    expect(last(seriesAt(without(bars, 1119, 73)))).toBeUndefined();
  });

  it('abstains when fewer than 72 of the last 288 bars moved', () => {
    const moving = (count: number) => seriesAt(range(0, 1000), (bar) => bar < 1000 - count);
    expect(last(moving(71))).toBe('illiquid');
    expect(last(moving(72))).toBeUndefined();
    const movedEarlier = seriesAt(range(0, 1000), (bar) => bar >= 1000 - 217);
    expect(last(movedEarlier)).toBe('illiquid');
  });

  it('gives every bar the same verdict over the whole history as over its own window', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ from: fc.nat(1800), count: fc.integer({ min: 1, max: 90 }) }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 9 }),
        (gaps, everyMoves) => {
          const bars = gaps.reduce((kept, gap) => without(kept, gap.from, gap.count), range(0, 2000));
          const grid = fillGaps(seriesAt(bars, (bar) => bar % everyMoves !== 0));
          const verdicts = checkBars(grid);
          for (let bar = grid.length - 1; bar >= REQUEST_BARS; bar -= 97) {
            const from = bar + 1 - REQUEST_BARS;
            const window = {
              ...sliceSeries(grid, from, bar + 1),
              filled: grid.filled.subarray(from, bar + 1),
            };
            expect(checkBars(window).at(-1)).toBe(verdicts[bar]);
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('judging a window for serving', () => {
  const newest = 1999;
  const judge = (bars: readonly number[]) => checkWindow(seriesAt(bars), newest * BAR_MS);

  it('accepts 998 bars with a whole sequence', () => {
    const judged = judge(range(newest + 1 - REQUEST_BARS, newest + 1));
    expect(judged).toMatchObject({ ok: true, value: { hasSequence: true } });
  });

  it('abstains as stale when the newest closed bar is missing, and without candles at all', () => {
    expect(judge(range(1000, newest))).toMatchObject({ ok: false, error: { reason: 'stale' } });
    expect(judge([])).toMatchObject({ ok: false, error: { reason: 'insufficient_history' } });
  });

  it('has a row but no sequence when one of the last 96 bars has no row', () => {
    const bars = without(range(newest + 1 - REQUEST_BARS - 1, newest + 1), newest - 50, 1);
    expect(judge(bars)).toMatchObject({ ok: true, value: { hasSequence: false } });
    expect(judge(range(newest + 1 - ROW_WINDOW_BARS, newest + 1))).toMatchObject({
      ok: true,
      value: { hasSequence: false },
    });
  });
});
