import { describe, expect, it } from 'vitest';
import { BAR_MS, type Candle, findCandleProblem, lastClosedOpenTimeMs } from '../../lib/market/candle.ts';
import { countUntil, seriesFromCandles, sliceSeries } from '../../lib/market/candle-series.ts';

const valid: Candle = { openTimeMs: 10 * BAR_MS, open: 10, high: 12, low: 9, close: 11, volume: 3 };

describe('a candle', () => {
  it('is valid when its range holds its body, however narrow', () => {
    expect(findCandleProblem(valid)).toBeUndefined();
    expect(findCandleProblem({ ...valid, open: 5, high: 5, low: 5, close: 5, volume: 0 })).toBeUndefined();
  });

  it.each([
    ['not_finite', { close: Number.NaN }],
    ['not_finite', { volume: Number.POSITIVE_INFINITY }],
    ['not_finite', { open: null as unknown as number }],
    ['not_finite', { high: '12' as unknown as number }],
    ['price_not_positive', { low: 0 }],
    ['price_not_positive', { open: -1, low: -1 }],
    ['low_above_body', { low: 10.5 }],
    ['high_below_body', { high: 10.5 }],
    ['volume_negative', { volume: -0.001 }],
    ['misaligned', { openTimeMs: 10 * BAR_MS + 1 }],
    ['misaligned', { openTimeMs: 10 * BAR_MS + 0.5 }],
  ])('is refused as %s', (fault, change) => {
    expect(findCandleProblem({ ...valid, ...change })).toBe(fault);
  });

  it('must open after the one before it', () => {
    expect(findCandleProblem(valid, 9 * BAR_MS)).toBeUndefined();
    expect(findCandleProblem(valid, 10 * BAR_MS)).toBe('not_increasing');
    expect(findCandleProblem(valid, 11 * BAR_MS)).toBe('not_increasing');
  });
});

describe('the newest closed bar', () => {
  it.each([
    [10 * BAR_MS, 9 * BAR_MS],
    [10 * BAR_MS + 1, 9 * BAR_MS],
    [11 * BAR_MS - 1, 9 * BAR_MS],
    [11 * BAR_MS, 10 * BAR_MS],
  ])('at %d opened at %d', (nowMs, openTimeMs) => {
    expect(lastClosedOpenTimeMs(nowMs)).toBe(openTimeMs);
  });
});

describe('a series', () => {
  const at = (bar: number): Candle => ({ ...valid, openTimeMs: bar * BAR_MS });

  it('is refused whole at its first invalid candle', () => {
    expect(seriesFromCandles([at(1), at(3), { ...at(2) }, { ...at(4), low: 0 }])).toEqual({
      ok: false,
      error: { index: 2, problem: 'not_increasing' },
    });
  });

  it('counts what was known at a time, and slices without copying', () => {
    const built = seriesFromCandles([at(1), at(2), at(5)]);
    if (!built.ok) throw new Error(built.error.problem);
    const series = built.value;
    expect([0, 1, 2, 3, 4, 5, 6].map((bar) => countUntil(series, bar * BAR_MS))).toEqual([
      0, 1, 2, 2, 2, 3, 3,
    ]);
    const slice = sliceSeries(series, 1, 3);
    expect([...slice.openTimeMs]).toEqual([2 * BAR_MS, 5 * BAR_MS]);
    expect(slice.close.buffer).toBe(series.close.buffer);
  });
});
