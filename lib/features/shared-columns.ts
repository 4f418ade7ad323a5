// The columns that several groups of features read, computed once per call. All are indexed by bar, like the bars
// themselves, and valid from bar FIRST_ROW on unless a comment says more.

import { BAR_MS } from '../market/candle.ts';
import type { CandleSeries } from '../market/candle-series.ts';
import { ROW_WINDOW_BARS } from '../market/grid.ts';
import { anchoredBlocks } from './anchored-blocks.ts';
import { windowSums } from './window-sums.ts';

/** First bar that has a row. */
export const FIRST_ROW = ROW_WINDOW_BARS - 1;

/** Bars on a complete grid, the first FIRST_ROW of them history, and what the groups share about them. */
export interface FeatureBars extends CandleSeries {
  /** Absolute index of bar 0. */
  readonly firstIndex: number;
  /** Close less the previous close; from bar 1. */
  readonly change: Float64Array;
  /** ln(c/c1); from FIRST_ROW − 95. */
  readonly logReturn: Float64Array;
  /** Max of h−l, |h−c1|, |l−c1| (Wilder 1978), price units; from bar 1. */
  readonly trueRange: Float64Array;
  /** Wilder(14) average of the true range, price units. */
  readonly atr: Float64Array;
  /** Sum of 20 closes. */
  readonly closeSum20: Float64Array;
  /** Sums of 20 and of 96 volumes. */
  readonly volumeSum20: Float64Array;
  readonly volumeSum96: Float64Array;
}

/** Where rows go: row-major [rows, 49]; the row of bar b starts at (b − FIRST_ROW) × 49. */
export type FeatureRows = Float32Array;

export function prepareBars(bars: CandleSeries): FeatureBars {
  const firstIndex = bars.openTimeMs[0]! / BAR_MS;
  const change = closeChanges(bars.close);
  const trueRange = trueRanges(bars);
  // Listed one by one: a spread may give each object another hidden class, and every loop would be compiled for each.
  return {
    length: bars.length,
    openTimeMs: bars.openTimeMs,
    open: bars.open,
    high: bars.high,
    low: bars.low,
    close: bars.close,
    volume: bars.volume,
    firstIndex,
    change,
    trueRange,
    logReturn: logReturns(bars.close, FIRST_ROW - 95),
    atr: averageTrueRange(trueRange, firstIndex),
    closeSum20: windowSums(bars.close, { window: 20, from: FIRST_ROW, firstIndex }),
    volumeSum20: windowSums(bars.volume, { window: 20, from: FIRST_ROW, firstIndex }),
    volumeSum96: windowSums(bars.volume, { window: 96, from: FIRST_ROW, firstIndex }),
  };
}

function closeChanges(close: Float64Array): Float64Array {
  const change = new Float64Array(close.length);
  for (let bar = 1; bar < close.length; bar++) change[bar] = close[bar]! - close[bar - 1]!;
  return change;
}

function trueRanges({ high, low, close, length }: CandleSeries): Float64Array {
  const trueRange = new Float64Array(length);
  for (let bar = 1; bar < length; bar++) {
    const previousClose = close[bar - 1]!;
    trueRange[bar] = Math.max(high[bar]!, previousClose) - Math.min(low[bar]!, previousClose);
  }
  return trueRange;
}

function logReturns(close: Float64Array, from: number): Float64Array {
  const logReturn = new Float64Array(close.length);
  for (let bar = from; bar < close.length; bar++) logReturn[bar] = Math.log(close[bar]! / close[bar - 1]!);
  return logReturn;
}

function averageTrueRange(trueRange: Float64Array, firstIndex: number): Float64Array {
  const atr = new Float64Array(trueRange.length);
  for (const block of anchoredBlocks(firstIndex, FIRST_ROW, trueRange.length)) {
    let average = trueRange[block.anchor]!;
    for (let bar = block.anchor + 1; bar < block.to; bar++) {
      average += (trueRange[bar]! - average) * (1 / 14);
      if (bar >= block.from) atr[bar] = average;
    }
  }
  return atr;
}
