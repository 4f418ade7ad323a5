// How far figures of daily returns could lie from what was seen: intervals from days drawn with replacement.
import { blockBootstrap, type DrawIndex, type Interval } from '../../core/statistics/block-bootstrap.ts';
import { DAYS_PER_YEAR } from './performance.ts';

const DRAWS = 2_000;
const LEVEL = 0.95;

const drawDays = (
  returns: readonly number[],
  drawIndex: DrawIndex,
  statistic: (sums: Float64Array) => number | undefined,
): Interval | undefined =>
  blockBootstrap({
    blocks: returns.map((value) => [1, value, value ** 2]),
    ...{ statistic, draws: DRAWS, level: LEVEL, drawIndex },
  });

/** Of the Sharpe ratio, annualised; undefined for fewer than 5 days, or where days drawn are all equal. */
export const sharpeInterval = (returns: readonly number[], drawIndex: DrawIndex): Interval | undefined =>
  drawDays(returns, drawIndex, ([days, sum, squares]) => {
    const mean = sum! / days!;
    const variance = (squares! - days! * mean ** 2) / (days! - 1);
    // Rounding leaves equal days a variance of about 1e-16 of their square.
    return variance > 1e-12 * mean ** 2 ? (mean / Math.sqrt(variance)) * Math.sqrt(DAYS_PER_YEAR) : undefined;
  });

/** Of the mean return of a day; undefined for fewer than 5 days. */
export const dailyReturnInterval = (returns: readonly number[], drawIndex: DrawIndex): Interval | undefined =>
  drawDays(returns, drawIndex, ([days, sum]) => sum! / days!);
