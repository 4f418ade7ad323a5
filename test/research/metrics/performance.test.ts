import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../lib/core/invariant.ts';
import { HOUR_MS } from '../../../lib/core/units.ts';
import {
  ANNUALISED_DAYS_MIN,
  dailySharpe,
  performanceOf,
} from '../../../lib/research/metrics/performance.ts';
import { maxDrawdown, worstDailyDrawdown } from '../../../lib/risk/drawdown.ts';
import { dailyReturns, monthlyReturns } from '../../../lib/risk/equity-curve.ts';

const DAY = 24 * HOUR_MS;

function curveOf(marks: [timeMs: number, equityUsdt: number][]) {
  return { timeMs: marks.map(([timeMs]) => timeMs), equityUsdt: marks.map(([, equity]) => equity) };
}
/** One mark at each midnight, from day 0. */
const byDay = (equities: number[]) => curveOf(equities.map((equity, day) => [day * DAY, equity]));

describe('daily returns', () => {
  it('close a day with its last mark, midnight included', () => {
    const curve = curveOf([
      [0, 100],
      [HOUR_MS, 500],
      [DAY, 110],
      [DAY + HOUR_MS, 99],
    ]);
    const returns = dailyReturns(curve);
    expect(returns.map((day) => day.startMs)).toEqual([0, DAY]);
    expect(returns[0]!.value).toBeCloseTo(0.1, 12);
    expect(returns[1]!.value).toBeCloseTo(-0.1, 12);
  });

  it('are 0 for a day without marks', () => {
    const returns = dailyReturns(
      curveOf([
        [HOUR_MS, 100],
        [3 * DAY, 110],
      ]),
    );
    expect(returns.map((day) => [day.startMs / DAY, day.value])).toEqual([
      [0, 0],
      [1, 0],
      [2, 110 / 100 - 1],
    ]);
  });

  it('end with the day of ruin', () => {
    const returns = dailyReturns(byDay([100, 50, -10, 40, 80]));
    expect(returns.map((day) => day.value)).toEqual([-0.5, -1.2]);
    expect(dailyReturns(byDay([0, 50, 60]))).toEqual([]);
    expect(dailyReturns(byDay([100, 0, 60])).map((day) => day.value)).toEqual([-1]);
    const gone = curveOf([
      [0, 100],
      [DAY, 0],
      [5 * DAY, 60],
    ]);
    expect(dailyReturns(gone).map((day) => day.value)).toEqual([-1]);
  });

  it('do not exist for fewer than 2 marks', () => {
    expect(dailyReturns(curveOf([]))).toEqual([]);
    expect(dailyReturns(byDay([100]))).toEqual([]);
  });

  it.each([
    ['times that do not increase', [[DAY, 1] as [number, number], [DAY, 2] as [number, number]]],
    ['equity that is not finite', [[0, Number.NaN] as [number, number]]],
    ['a time that is NaN', [[Number.NaN, 1] as [number, number]]],
    ['a time that is no whole ms', [[0.5, 1] as [number, number], [1, 1] as [number, number]]],
    ['times in another unit', [[0, 1] as [number, number], [1e15, 2] as [number, number]]],
    ['more than 100 years', [[0, 1] as [number, number], [100 * 366 * DAY + 1, 2] as [number, number]]],
  ])('refuse %s', (_, marks) => {
    for (const work of [dailyReturns, maxDrawdown, worstDailyDrawdown])
      expect(() => work(curveOf(marks))).toThrow(InvariantError);
  });

  it('refuse columns of different length', () => {
    const ragged = { timeMs: [0, 1], equityUsdt: [100, 100, 100] };
    for (const work of [dailyReturns, maxDrawdown, worstDailyDrawdown])
      expect(() => work(ragged)).toThrow('one time per snapshot');
  });

  it('take 100 years, and the day of the first mark from the moment on at which it stands', () => {
    expect(maxDrawdown(byDay(Array(3).fill(1)))).toBeUndefined();
    const long = curveOf([
      [0, 100],
      [100 * 366 * DAY, 50],
    ]);
    expect(maxDrawdown(long)?.fraction).toBe(0.5);
    const days = dailyReturns(
      curveOf([
        [DAY - 1, 100],
        [DAY, 110],
      ]),
    );
    expect(days).toEqual([{ startMs: 0, value: 110 / 100 - 1 }]);
  });
});

describe('monthly returns', () => {
  it('follow the calendar through a leap February and a new year', () => {
    const curve = curveOf([
      [Date.UTC(2023, 11, 15), 100],
      [Date.UTC(2024, 0, 1), 110], // closes December
      [Date.UTC(2024, 1, 29, 12), 99], // February; January had no mark but its opening
      [Date.UTC(2024, 2, 1, 0, 5), 198],
    ]);
    const returns = monthlyReturns(curve);
    expect(returns.map((month) => new Date(month.startMs).toISOString().slice(0, 10))).toEqual([
      '2023-12-01',
      '2024-01-01',
      '2024-02-01',
      '2024-03-01',
    ]);
    [0.1, 0, -0.1, 1].forEach((value, month) => {
      expect(returns[month]!.value).toBeCloseTo(value, 12);
    });
  });
});

describe('maximum drawdown', () => {
  it('tells from which high, to which bottom, and when it was made good', () => {
    expect(maxDrawdown(byDay([100, 120, 90, 110, 60, 119, 120, 130, 100]))).toEqual({
      fraction: 0.5,
      startMs: DAY,
      bottomMs: 4 * DAY,
      recoveredMs: 6 * DAY,
    });
  });

  it('says so when it was not made good, or there was none', () => {
    expect(maxDrawdown(byDay([100, 80, 99]))).toMatchObject({ recoveredMs: undefined });
    expect(maxDrawdown(byDay([100, 100, 101]))).toBeUndefined();
    expect(maxDrawdown(byDay([]))).toBeUndefined();
  });

  it('exceeds 1 when equity went negative', () => {
    expect(maxDrawdown(byDay([100, -20]))?.fraction).toBeCloseTo(1.2, 12);
  });

  it('is measured from a high above 0 alone, and from the first of equal ones', () => {
    expect(maxDrawdown(byDay([-10, -20]))).toBeUndefined();
    expect(maxDrawdown(byDay([-20, -10, 100, 90]))?.fraction).toBeCloseTo(0.1, 12);
    expect(maxDrawdown(byDay([0, -20]))).toBeUndefined();
    expect(maxDrawdown(byDay([100, 100, 50]))?.startMs).toBe(0);
    expect(maxDrawdown(byDay([100, 50, 100, 50]))).toMatchObject({ bottomMs: DAY, recoveredMs: 2 * DAY });
  });
});

describe('worst daily drawdown', () => {
  it("counts from the day's own high, the opening included, and never across midnight", () => {
    const curve = curveOf([
      [0, 100],
      [HOUR_MS, 110],
      [2 * HOUR_MS, 99], // −10 % within day 0
      [DAY, 104],
      [DAY + HOUR_MS, 98.8], // −5 % from the opening of day 1; −10.2 % from the high of day 0
    ]);
    expect(worstDailyDrawdown(curve)).toBeCloseTo(0.1, 12);
    const secondDay = { timeMs: curve.timeMs.slice(3), equityUsdt: curve.equityUsdt.slice(3) };
    expect(worstDailyDrawdown(secondDay)).toBeCloseTo(0.05, 12);
  });

  it('is measured from the highest mark of the day, over any number of marks', () => {
    const oneDay = (...equities: number[]) =>
      worstDailyDrawdown(curveOf(equities.map((equity, hour) => [hour * HOUR_MS, equity])));
    expect(oneDay(100, 200, 190, 100)).toBe(0.5);
    expect(oneDay(100, 200, 190, 210)).toBeCloseTo(0.05, 12);
  });

  it('ends with a day that opens with nothing', () => {
    expect(worstDailyDrawdown(byDay([100, 0, -50, 50, 10]))).toBe(1);
    expect(worstDailyDrawdown(byDay([100, 90, -9, -90]))).toBeCloseTo(1.1, 12);
  });

  it('is 0 when equity only rose, undefined when nothing was seen', () => {
    expect(worstDailyDrawdown(byDay([100, 101, 102]))).toBe(0);
    expect(worstDailyDrawdown(byDay([100]))).toBeUndefined();
    expect(worstDailyDrawdown(byDay([0, 100]))).toBeUndefined();
  });
});

describe('performance', () => {
  // Daily returns +10 %, −5 %, +2 %, 0 %, eight times over: mean 0.0175, squares of distances 8 × 0.011675, eight losing days.
  const FACTORS = [1.1, 0.95, 1.02, 1];
  const equities = (days: number) => {
    const values = [100];
    for (let day = 0; day < days; day++) values.push(values.at(-1)! * FACTORS[day % FACTORS.length]!);
    return byDay(values);
  };
  const performance = performanceOf(equities(32));

  it('annualises Sharpe and Sortino by √365', () => {
    expect(performance.sharpe).toBeCloseTo((0.0175 / Math.sqrt((8 * 0.011675) / 31)) * Math.sqrt(365), 9);
    expect(performance.sortino).toBeCloseTo((0.0175 / Math.sqrt(0.05 ** 2 / 4)) * Math.sqrt(365), 9);
  });

  it('divides compound annual growth by the deepest drawdown for Calmar', () => {
    expect(performance.totalReturn).toBeCloseTo(1.0659 ** 8 - 1, 12);
    expect(performance.annualReturn).toBeCloseTo(1.0659 ** (365 / 4) - 1, 8);
    expect(performance.maxDrawdown?.fraction).toBeCloseTo(0.05, 12);
    expect(performance.calmar).toBeCloseTo((1.0659 ** (365 / 4) - 1) / 0.05, 6);
  });

  it('leaves undefined what cannot be said', () => {
    const onlyRising = performanceOf(byDay(Array.from({ length: 31 }, (_, day) => 100 + day)));
    expect(onlyRising).toMatchObject({ sortino: undefined, calmar: undefined, maxDrawdown: undefined });
    const flat = performanceOf(byDay(Array.from({ length: 31 }, () => 100)));
    expect(flat).toMatchObject({ totalReturn: 0, sharpe: undefined, sortino: undefined, calmar: undefined });
    const oneDay = performanceOf(byDay([100, 90]));
    expect(oneDay).toMatchObject({
      sharpe: undefined,
      sortino: undefined,
      annualReturn: undefined,
      calmar: undefined,
    });
    expect(performanceOf(byDay([]))).toEqual({
      totalReturn: undefined,
      annualReturn: undefined,
      sharpe: undefined,
      sortino: undefined,
      calmar: undefined,
      maxDrawdown: undefined,
      dailyReturns: [],
    });
  });

  it('annualises nothing below 30 days, and the same figures from 30 days on', () => {
    const { totalReturn, maxDrawdown: drawdown, ...below } = performanceOf(equities(ANNUALISED_DAYS_MIN - 1));
    expect(totalReturn).toBeGreaterThan(0);
    expect(drawdown?.fraction).toBeCloseTo(0.05, 12);
    const undefinedFigures = {
      annualReturn: undefined,
      sharpe: undefined,
      sortino: undefined,
      calmar: undefined,
    };
    expect(below).toMatchObject(undefinedFigures);
    for (const figure of Object.keys(undefinedFigures) as (keyof typeof undefinedFigures)[])
      expect(performanceOf(equities(ANNUALISED_DAYS_MIN))[figure]).toBeGreaterThan(0);
  });

  it('has no growth rate after ruin, nor one beyond numbers', () => {
    const rising = Array.from({ length: 31 }, (_, day) => 100 + day);
    expect(performanceOf(byDay([...rising, -1])).annualReturn).toBeUndefined();
    const explosive = byDay(Array.from({ length: 31 }, (_, day) => 10 ** (day * 10)));
    expect(performanceOf(explosive).annualReturn).toBeUndefined();
  });

  it('keeps the Sharpe ratio per day apart from the annual one', () => {
    expect(dailySharpe([0.1, -0.05, 0.02, 0])).toBeCloseTo(0.0175 / Math.sqrt(0.011675 / 3), 12);
    expect(dailySharpe([0.1, 0.1])).toBeUndefined();
  });
});
