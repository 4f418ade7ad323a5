// Whether the score predicts direction: at each bar the symbols are ranked by score and by their later return, so that the
// market's common move and its volatility cancel out.
import { invariant } from '../../core/invariant.ts';
import { sumOf, tStatistic } from '../../core/statistics/moments.ts';
import { DAY_MS } from '../../core/units.ts';
import { BAR_MS } from '../../market/candle.ts';

import { spearman } from './spearman.ts';

/** Over 3 years of bars: a wider range means times in another unit, and would exhaust memory. */
const BARS_MAX = 400_000;

/** Columns of the same length, rows in any order; times multiples of 5 minutes, values not NaN. */
export interface ScoredRows {
  readonly barOpenTimeMs: ArrayLike<number>;
  /** p_buy − p_sell, or any score of direction. */
  readonly score: ArrayLike<number>;
  /** Return from the bar's close to `horizonBars` later. */
  readonly forwardReturn: ArrayLike<number>;
}

export interface DailyCoefficient {
  /** 00:00 UTC. */
  readonly dayStartMs: number;
  readonly bars: number;
  /** Mean of the day's bars. */
  readonly mean: number;
}

export interface InformationCoefficient {
  /** Bars with a coefficient, and bars without: too few symbols, or all scores (or returns) equal. */
  readonly bars: number;
  readonly undefinedBars: number;
  /** Mean of the bars' coefficients, −1…1; undefined without any. */
  readonly mean: number | undefined;
  /** t of the mean as if bars were independent. Forward returns overlap, so it overstates: for comparison only. */
  readonly tNaive: number | undefined;
  /** t with Newey–West variance over lags up to the horizon: the one to use over few days. */
  readonly tNeweyWest: number | undefined;
  /** t over daily means, which overlap only at midnight: the one to use over many days. */
  readonly tByDay: number | undefined;
  readonly byDay: readonly DailyCoefficient[];
}

/**
 * Information coefficient by bar across symbols, summed up over bars and UTC days.
 * @param options.horizonBars length of the forward return, the lags over which bars are dependent
 * @param options.symbolsMin bars with fewer symbols have no coefficient; at least 2
 * Sources: Grinold & Kahn 2000, ch. 6 (information coefficient); Newey & West 1987 (variance).
 */
export function informationCoefficient(
  rows: ScoredRows,
  options: { readonly horizonBars: number; readonly symbolsMin: number },
): InformationCoefficient {
  const { firstBar, coefficients, barsWithRows } = coefficientsByBar(rows, options.symbolsMin);
  const defined = coefficients.filter((coefficient) => !Number.isNaN(coefficient));
  const byDay = meanByDay(firstBar, coefficients);
  return {
    bars: defined.length,
    undefinedBars: barsWithRows - defined.length,
    mean: defined.length > 0 ? sumOf(defined, (value) => value) / defined.length : undefined,
    tNaive: tStatistic(defined),
    tNeweyWest: neweyWestT(coefficients, options.horizonBars),
    tByDay: tStatistic(byDay.map((day) => day.mean)),
    byDay,
  };
}

/** Element i belongs to bar firstBar + i (bar = open time / 5 min); NaN, inside this file only, where undefined. */
function coefficientsByBar(rows: ScoredRows, symbolsMin: number) {
  const { firstBar, starts, order } = groupByBar(rows.barOpenTimeMs);
  const coefficients = new Float64Array(starts.length - 1).fill(Number.NaN);
  let barsWithRows = 0;
  for (let bar = 0; bar < coefficients.length; bar++) {
    const members = order.subarray(starts[bar]!, starts[bar + 1]!);
    if (members.length === 0) continue;
    barsWithRows++;
    if (members.length < symbolsMin) continue;
    const scores = Array.from(members, (row) => rows.score[row]!);
    const returns = Array.from(members, (row) => rows.forwardReturn[row]!);
    coefficients[bar] = spearman(scores, returns) ?? Number.NaN;
  }
  return { firstBar, coefficients, barsWithRows };
}

/** Counting sort: rows of bar i are order[starts[i]] … order[starts[i + 1] − 1]. Linear in rows, 4 bytes each. */
function groupByBar(barOpenTimeMs: ArrayLike<number>) {
  let firstBar = Number.POSITIVE_INFINITY;
  let lastBar = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < barOpenTimeMs.length; row++) {
    const bar = barOpenTimeMs[row]! / BAR_MS;
    invariant(
      Number.isInteger(bar),
      `row ${row} has time ${barOpenTimeMs[row]}, not a multiple of 5 minutes`,
    );
    firstBar = Math.min(firstBar, bar);
    lastBar = Math.max(lastBar, bar);
  }
  const bars = barOpenTimeMs.length === 0 ? 0 : lastBar - firstBar + 1;
  invariant(bars <= BARS_MAX, `a range of ${bars} bars is over the limit of ${BARS_MAX}`);
  const starts = new Uint32Array(bars + 1);
  for (let row = 0; row < barOpenTimeMs.length; row++) starts[barOpenTimeMs[row]! / BAR_MS - firstBar + 1]!++;
  for (let bar = 0; bar < bars; bar++) starts[bar + 1]! += starts[bar]!;
  const next = starts.slice();
  const order = new Uint32Array(barOpenTimeMs.length);
  for (let row = 0; row < order.length; row++) order[next[barOpenTimeMs[row]! / BAR_MS - firstBar]!++] = row;
  return { firstBar, starts, order };
}

function meanByDay(firstBar: number, coefficients: Float64Array): DailyCoefficient[] {
  const days = new Map<number, { bars: number; sum: number }>();
  coefficients.forEach((coefficient, index) => {
    if (Number.isNaN(coefficient)) return;
    const dayStartMs = Math.floor(((firstBar + index) * BAR_MS) / DAY_MS) * DAY_MS;
    const day = days.get(dayStartMs) ?? { bars: 0, sum: 0 };
    days.set(dayStartMs, { bars: day.bars + 1, sum: day.sum + coefficient });
  });
  return [...days].map(([dayStartMs, { bars, sum }]) => ({ dayStartMs, bars, mean: sum / bars }));
}

/**
 * t of the mean with the variance of Newey & West 1987 (Bartlett weights 1 − lag / (lags + 1)). Lags are counted in bars of
 * the clock, so a missing bar does not bring distant ones together. undefined below lags + 2 bars, or when the variance is
 * not positive.
 */
function neweyWestT(coefficients: Float64Array, lags: number): number | undefined {
  const defined = coefficients.filter((coefficient) => !Number.isNaN(coefficient));
  const count = defined.length;
  if (count < lags + 2) return undefined;
  const mean = sumOf(defined, (value) => value) / count;
  let longRunVariance = 0;
  for (let lag = 0; lag <= lags; lag++) {
    const weight = lag === 0 ? 1 : 2 * (1 - lag / (lags + 1));
    for (let index = lag; index < coefficients.length; index++) {
      const product = (coefficients[index]! - mean) * (coefficients[index - lag]! - mean);
      if (!Number.isNaN(product)) longRunVariance += (weight * product) / count;
    }
  }
  // Equal coefficients leave rounding dust instead of 0.
  if (longRunVariance <= 1e-24) return undefined;
  return mean / Math.sqrt(longRunVariance / count);
}
