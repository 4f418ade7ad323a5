import { describe, expect, it } from 'vitest';
import { DAY_MS } from '../../../lib/core/units.ts';
import { informationCoefficient } from '../../../lib/research/metrics/information-coefficient.ts';

const BAR = 300_000;
const OPTIONS = { horizonBars: 3, symbolsMin: 3 };

/** One bar of symbols whose scores are 1, 2, 3 … and which returned `forwardReturn`. */
function rowsOf(bars: { timeMs: number; forwardReturn: number[] }[]) {
  const rows = bars.flatMap(({ timeMs, forwardReturn }) =>
    forwardReturn.map((value, index) => ({ timeMs, score: index + 1, value })),
  );
  return {
    barOpenTimeMs: rows.map((row) => row.timeMs),
    score: rows.map((row) => row.score),
    forwardReturn: rows.map((row) => row.value),
  };
}

// Orders of three returns against scores 1, 2, 3, and their rank correlations.
const RISING = [1, 2, 3]; // 1
const MIXED = [1, 3, 2]; // 0.5
const FALLING = [3, 2, 1]; // −1

describe('informationCoefficient', () => {
  it('ranks symbols against each other at each bar, and averages by bar and by day', () => {
    const ic = informationCoefficient(
      rowsOf([
        { timeMs: 0, forwardReturn: RISING },
        { timeMs: BAR, forwardReturn: MIXED },
        { timeMs: DAY_MS, forwardReturn: FALLING },
      ]),
      OPTIONS,
    );
    expect(ic.bars).toBe(3);
    expect(ic.mean).toBeCloseTo(0.5 / 3, 12);
    expect(ic.byDay).toEqual([
      { dayStartMs: 0, bars: 2, mean: 0.75 },
      { dayStartMs: DAY_MS, bars: 1, mean: -1 },
    ]);
    // Days 0.75 and −1: mean −0.125, deviation 1.75/√2.
    expect(ic.tByDay).toBeCloseTo(-0.125 / (1.75 / 2), 12);
    // Bars 1, 0.5, −1: deviation √(13/12).
    expect(ic.tNaive).toBeCloseTo(0.5 / 3 / Math.sqrt(13 / 12 / 3), 12);
  });

  it('leaves bars without a coefficient out of every mean, and counts them', () => {
    const ic = informationCoefficient(
      rowsOf([
        { timeMs: 0, forwardReturn: RISING },
        { timeMs: BAR, forwardReturn: [1, 2] }, // too few symbols
        { timeMs: 2 * BAR, forwardReturn: [5, 5, 5] }, // no variance
      ]),
      OPTIONS,
    );
    expect(ic).toMatchObject({ bars: 1, undefinedBars: 2, mean: 1 });
    expect(ic.tNaive).toBeUndefined();
    expect(ic.tNeweyWest).toBeUndefined();
    expect(ic.tByDay).toBeUndefined();
  });

  it('is undefined throughout without rows', () => {
    const ic = informationCoefficient(rowsOf([]), OPTIONS);
    expect(ic).toEqual({
      bars: 0,
      undefinedBars: 0,
      mean: undefined,
      tNaive: undefined,
      tNeweyWest: undefined,
      tByDay: undefined,
      byDay: [],
    });
  });

  it('weighs lags by Bartlett, and counts them on the clock across missing bars', () => {
    // Coefficients 1, 0.5, −1, then a bar missing, then 1; horizon 1. Mean 0.375, deviations .625, .125, −1.375, .625.
    const ic = informationCoefficient(
      rowsOf([
        { timeMs: 0, forwardReturn: RISING },
        { timeMs: BAR, forwardReturn: MIXED },
        { timeMs: 2 * BAR, forwardReturn: FALLING },
        { timeMs: 4 * BAR, forwardReturn: RISING },
      ]),
      { horizonBars: 1, symbolsMin: 3 },
    );
    const variance = (0.625 ** 2 + 0.125 ** 2 + 1.375 ** 2 + 0.625 ** 2) / 4;
    const lagOne = (0.625 * 0.125 + 0.125 * -1.375) / 4;
    expect(ic.tNeweyWest).toBeCloseTo(0.375 / Math.sqrt((variance + 2 * 0.5 * lagOne) / 4), 12);
  });

  it('trusts overlapping bars less than independent ones', () => {
    // Runs of equal coefficients, as overlapping returns make them.
    const bars = Array.from({ length: 96 }, (_, bar) => ({
      timeMs: bar * BAR,
      forwardReturn: Math.floor(bar / 6) % 4 === 3 ? FALLING : RISING,
    }));
    const ic = informationCoefficient(rowsOf(bars), { horizonBars: 6, symbolsMin: 3 });
    expect(ic.tNeweyWest!).toBeLessThan(0.75 * ic.tNaive!);
    expect(ic.tNeweyWest!).toBeGreaterThan(0);
  });

  it('has no Newey–West t over fewer bars than lags to judge by', () => {
    const orders = [RISING, MIXED, FALLING, RISING, MIXED];
    const tOver = (bars: number) =>
      informationCoefficient(
        rowsOf(orders.slice(0, bars).map((forwardReturn, bar) => ({ timeMs: bar * BAR, forwardReturn }))),
        OPTIONS,
      );
    expect(tOver(4).tNeweyWest).toBeUndefined();
    expect(tOver(4).tNaive).toBeDefined();
    expect(tOver(5).tNeweyWest).toBeDefined();
  });

  it('has no t when the coefficient never varies, though it is perfect', () => {
    const bars = Array.from({ length: 20 }, (_, bar) => ({ timeMs: bar * BAR, forwardReturn: MIXED }));
    const ic = informationCoefficient(rowsOf(bars), OPTIONS);
    expect(ic.mean).toBeCloseTo(0.5, 12);
    expect([ic.tNaive, ic.tNeweyWest, ic.tByDay]).toEqual([undefined, undefined, undefined]);
  });

  it.each([
    ['a time off the grid', [1]],
    ['a time that is NaN', [Number.NaN]],
    ['times in another unit', [0, BAR * 1e6]],
  ])('refuses %s', (_, barOpenTimeMs) => {
    const column = barOpenTimeMs.map(() => 0);
    expect(() =>
      informationCoefficient({ barOpenTimeMs, score: column, forwardReturn: column }, OPTIONS),
    ).toThrow();
  });
});
