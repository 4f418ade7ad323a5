// Average true range of longer bars, counted back from the bar decided, so that it follows from the 880 candles of a row's window alone and
// is the same when serving as over years.
import { invariant } from '../core/invariant.ts';
import type { CandleSeries } from './candle-series.ts';
import { ROW_WINDOW_BARS } from './grid.ts';

/** Wilder's period, where the window holds as many bars of the timeframe; of days it holds three. */
const PERIOD = 14;

/**
 * Mean true range of the last 14 bars of `step` × 5 minutes that end with each bar, or of as many as 880 candles hold, price units; NaN
 * where a window before the bar is not whole. Highest, lowest and closes are exact, so the start of the grid changes nothing.
 */
export function timeframeAtr(candles: CandleSeries, step: number): Float64Array {
  const count = barsOf(step);
  const high = rollingExtreme(candles.high, step, (a, b) => a >= b);
  const low = rollingExtreme(candles.low, step, (a, b) => a <= b);
  const atr = new Float64Array(candles.length).fill(Number.NaN);
  for (let bar = count * step; bar < candles.length; bar++) {
    let sum = 0;
    for (let back = 0; back < count; back++) {
      const end = bar - back * step;
      const before = candles.close[end - step]!;
      sum += Math.max(high[end]!, before) - Math.min(low[end]!, before);
    }
    atr[bar] = sum / count;
  }
  return atr;
}

/** The last of `timeframeAtr`, in a fifth of the time. */
export function newestTimeframeAtr({ high, low, close }: CandleSeries, step: number): number {
  const count = barsOf(step);
  const newest = close.length - 1;
  if (newest < count * step) return Number.NaN;
  let sum = 0;
  for (let back = 0; back < count; back++) {
    const end = newest - back * step;
    let highest = close[end - step]!;
    let lowest = highest;
    for (let bar = end - step + 1; bar <= end; bar++) {
      highest = Math.max(highest, high[bar]!);
      lowest = Math.min(lowest, low[bar]!);
    }
    sum += highest - lowest;
  }
  return sum / count;
}

/** How many bars of a timeframe are averaged. */
function barsOf(step: number): number {
  const count = Math.min(PERIOD, Math.floor((ROW_WINDOW_BARS - 1) / step));
  invariant(Number.isInteger(step) && step >= 1 && count >= 1, `${step} candles are no timeframe of a stop`);
  return count;
}

/** Extreme of the last `width` values at each position; a queue holds the candidates in order (Lemire 2006). */
function rollingExtreme(
  values: Float64Array,
  width: number,
  isBeyond: (a: number, b: number) => boolean,
): Float64Array {
  const extremes = new Float64Array(values.length);
  const queue = new Int32Array(values.length);
  let [head, tail] = [0, 0];
  for (let at = 0; at < values.length; at++) {
    while (tail > head && isBeyond(values[at]!, values[queue[tail - 1]!]!)) tail--;
    queue[tail++] = at;
    if (queue[head]! <= at - width) head++;
    extremes[at] = values[queue[head]!]!;
  }
  return extremes;
}
