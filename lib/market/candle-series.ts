// Candles of one symbol as columns: the form that features are computed from, fast to scan and cheap to slice.

import { failure, type Result, success } from '../core/result.ts';
import { BAR_MS, type Candle, type CandleProblem, findCandleProblem } from './candle.ts';

/** Valid candles, strictly increasing in time; gaps are possible. All columns have the same length. */
export interface CandleSeries {
  readonly length: number;
  readonly openTimeMs: Float64Array;
  readonly open: Float64Array;
  readonly high: Float64Array;
  readonly low: Float64Array;
  readonly close: Float64Array;
  readonly volume: Float64Array;
}

/** Series of `length` candles, all zero, to be filled in place by its creator. */
export function allocateSeries(length: number): CandleSeries {
  const column = () => new Float64Array(length);
  return {
    length,
    openTimeMs: column(),
    open: column(),
    high: column(),
    low: column(),
    close: column(),
    volume: column(),
  };
}

const sharedColumn = (length: number): Float64Array =>
  new Float64Array(new SharedArrayBuffer(length * Float64Array.BYTES_PER_ELEMENT));

let knownTimes = sharedColumn(0);

/** `count` bars from `firstMs` on: in memory that all series without a gap have in common. */
function consecutiveTimes(firstMs: number, count: number): Float64Array {
  const lastMs = firstMs + (count - 1) * BAR_MS;
  const fromMs = Math.min(firstMs, knownTimes[0] ?? firstMs);
  const toMs = Math.max(lastMs, knownTimes.at(-1) ?? lastMs);
  const bars = (toMs - fromMs) / BAR_MS + 1;
  if (knownTimes.length < bars) {
    knownTimes = sharedColumn(bars);
    for (let bar = 0; bar < bars; bar++) knownTimes[bar] = fromMs + bar * BAR_MS;
  }
  const start = (firstMs - fromMs) / BAR_MS;
  return knownTimes.subarray(start, start + count);
}

/** A copy in memory that threads share. */
export function shareSeries(series: CandleSeries): CandleSeries {
  const share = (column: Float64Array) => {
    const shared = sharedColumn(column.length);
    shared.set(column);
    return shared;
  };
  const shareTimes = (column: Float64Array) => {
    const last = column.length - 1;
    const isWhole = last >= 0 && column[last]! - column[0]! === last * BAR_MS;
    return isWhole ? consecutiveTimes(column[0]!, column.length) : share(column);
  };
  const { length, openTimeMs, open, high, low, close, volume } = series;
  return {
    length,
    openTimeMs: shareTimes(openTimeMs),
    open: share(open),
    high: share(high),
    low: share(low),
    close: share(close),
    volume: share(volume),
  };
}

export interface InvalidCandle {
  readonly index: number;
  readonly problem: CandleProblem;
}

/** Columns from rows; the first invalid row (0-based index) refuses the whole series. */
export function seriesFromCandles(candles: readonly Candle[]): Result<CandleSeries, InvalidCandle> {
  const series = allocateSeries(candles.length);
  let previousOpenTimeMs: number | undefined;
  for (let index = 0; index < candles.length; index++) {
    const candle = candles[index]!;
    const problem = findCandleProblem(candle, previousOpenTimeMs);
    if (problem !== undefined) return failure({ index, problem });
    series.openTimeMs[index] = candle.openTimeMs;
    series.open[index] = candle.open;
    series.high[index] = candle.high;
    series.low[index] = candle.low;
    series.close[index] = candle.close;
    series.volume[index] = candle.volume;
    previousOpenTimeMs = candle.openTimeMs;
  }
  return success(series);
}

/** The first invalid candle of a series that was not made from candles; undefined when all are valid. */
export function findInvalidCandle(series: CandleSeries): InvalidCandle | undefined {
  for (let index = 0; index < series.length; index++) {
    const problem = findCandleProblem(candleAt(series, index), series.openTimeMs[index - 1]);
    if (problem !== undefined) return { index, problem };
  }
  return undefined;
}

/** View (no copy) of the candles `from` (inclusive) to `to` (exclusive). */
export function sliceSeries(series: CandleSeries, from: number, to: number): CandleSeries {
  return {
    length: to - from,
    openTimeMs: series.openTimeMs.subarray(from, to),
    open: series.open.subarray(from, to),
    high: series.high.subarray(from, to),
    low: series.low.subarray(from, to),
    close: series.close.subarray(from, to),
    volume: series.volume.subarray(from, to),
  };
}

/**
 * The price at a moment, of `closed` bars that have closed by then (at least one): of the bar being formed only its open can be
 * known.
 */
export const lastPrice = (series: CandleSeries, closed: number, nowMs: number): number =>
  series.openTimeMs[closed] === Math.floor(nowMs / BAR_MS) * BAR_MS
    ? series.open[closed]!
    : series.close[closed - 1]!;

export function candleAt(series: CandleSeries, index: number): Candle {
  return {
    openTimeMs: series.openTimeMs[index]!,
    open: series.open[index]!,
    high: series.high[index]!,
    low: series.low[index]!,
    close: series.close[index]!,
    volume: series.volume[index]!,
  };
}

/** Number of candles that opened at or before `openTimeMs`: the end index of "everything known then". Binary search. */
export function countUntil(series: CandleSeries, openTimeMs: number): number {
  let low = 0;
  let high = series.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (series.openTimeMs[middle]! <= openTimeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
