// The columns that several groups of features read, computed once per call. All are indexed by bar, like the bars
// themselves, and valid from bar FIRST_ROW on unless a comment says more.

import { BAR_MS } from '../market/candle.ts';
import type { CandleSeries } from '../market/candle-series.ts';
import { ROW_WINDOW_BARS } from '../market/grid.ts';
import { anchoredBlocks } from './anchored-blocks.ts';
import { larger, logOfRatio, smaller } from './inline-math.ts';
import { takeColumn } from './scratch-columns.ts';
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
  /** +DM and −DM (Wilder 1978), price units; from bar 1. */
  readonly plusMove: Float64Array;
  readonly minusMove: Float64Array;
  /** Wilder(14) average of the true range, price units. */
  readonly atr: Float64Array;
  /** Sum of 20 closes. */
  readonly closeSum20: Float64Array;
  /** Sums of 20 and of 96 volumes. */
  readonly volumeSum20: Float64Array;
  readonly volumeSum96: Float64Array;
}

/**
 * Writes a group's columns of the rows of bars `from` (inclusive) to `to` (exclusive). Rows are row-major [rows, 49]; the row of bar b
 * starts at (b − FIRST_ROW) × 49.
 */
export type RowWriter = (rows: Float32Array, from: number, to: number) => void;

export function prepareBars(bars: CandleSeries): FeatureBars {
  const firstIndex = bars.openTimeMs[0]! / BAR_MS;
  const { change, trueRange, plusMove, minusMove } = barMoves(bars);
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
    plusMove,
    minusMove,
    logReturn: logReturns(bars, FIRST_ROW - 95),
    atr: averageTrueRange(trueRange, firstIndex, bars.length),
    closeSum20: windowSums(bars.close, { window: 20, from: FIRST_ROW, to: bars.length, firstIndex }),
    volumeSum20: windowSums(bars.volume, { window: 20, from: FIRST_ROW, to: bars.length, firstIndex }),
    volumeSum96: windowSums(bars.volume, { window: 96, from: FIRST_ROW, to: bars.length, firstIndex }),
  };
}

/** What a bar moved from the one before it, in one pass. */
function barMoves({ high, low, close, length }: CandleSeries) {
  const [change, trueRange] = [takeColumn(), takeColumn()];
  const [plusMove, minusMove] = [takeColumn(), takeColumn()];
  let [h1, l1, c1] = [high[0]!, low[0]!, close[0]!];
  for (let bar = 1; bar < length; bar++) {
    const h = high[bar]!;
    const l = low[bar]!;
    const c = close[bar]!;
    const up = h - h1;
    const down = l1 - l;
    change[bar] = c - c1;
    trueRange[bar] = larger(h, c1) - smaller(l, c1);
    // Products instead of branches, which no processor could foresee.
    plusMove[bar] = up * (+(up > down) & +(up > 0));
    minusMove[bar] = down * (+(down > up) & +(down > 0));
    h1 = h;
    l1 = l;
    c1 = c;
  }
  return { change, trueRange, plusMove, minusMove };
}

function logReturns({ close, length }: CandleSeries, from: number): Float64Array {
  const logReturn = takeColumn();
  for (let bar = from; bar < length; bar++) logReturn[bar] = logOfRatio(close[bar]! / close[bar - 1]!);
  return logReturn;
}

function averageTrueRange(trueRange: Float64Array, firstIndex: number, length: number): Float64Array {
  const atr = takeColumn();
  let older = 0;
  let newer = 0;
  for (const block of anchoredBlocks(firstIndex, FIRST_ROW, length)) {
    older = newer;
    newer = trueRange[block.from]!;
    for (let bar = block.from; bar < block.to; bar++) {
      older += (trueRange[bar]! - older) * (1 / 14);
      newer += (trueRange[bar]! - newer) * (1 / 14);
      atr[bar] = older;
    }
  }
  return atr;
}
