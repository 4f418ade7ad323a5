// The 49 features in WebAssembly, two bars or two recursions at a time: AssemblyScript, a dialect of TypeScript. `npm run kernel` compiles
// it into kernel-binary.ts. Here is what the module offers: where candles go in and rows come out, and the rows of one part of a grid.
import {
  barMoves, directedVolumes, firstSeed, logReturns, shortEmas, slowStochastic, spreads, wilderAverages,
} from './columns.as';
import {
  CLOSE, CLOSE_SQUARES_20, CLOSE_SUM_20, CLOSE_SUM_50, COLUMN_BARS, COLUMN_BYTES, EMA_200, EMA_50, FIRST_ROW, LOG_RETURN, OPEN, RANGE_SUM_96, RETURN_SQUARES_24,
  RETURN_SQUARES_96, ROWS, SIGNED_SUM_20, SIGNED_SUM_96, SIGNED_VOLUME, SPREAD, SPREAD_SUM_20, TRUE_RANGE, VOLUME,
  VOLUME_SUM_20, VOLUME_SUM_5, VOLUME_SUM_50, VOLUME_SUM_96, WEIGHTED_SUM_96, WEIGHTED_VOLUME,
} from './memory.as';
import { writeRows } from './rows.as';
import { fillTables, truncatedEmas, windowSquares, windowSums } from './windows.as';

/** Bars before the first row that the slopes compare with. */
const SLOPE_BARS: i32 = 12;

// Bytes into the memory: the first of the five columns of candles (open, high, low, close, volume), from each to the next, and the rows.
export const candles: usize = OPEN;
export const columnBytes: usize = COLUMN_BYTES;
export const rows: usize = ROWS;
export const columnBars: i32 = COLUMN_BARS;
// For tests, which look at what rows round away.
export const logReturn: usize = LOG_RETURN;
export const spread: usize = SPREAD;
export const volumeSum20: usize = VOLUME_SUM_20;
export const closeSquares20: usize = CLOSE_SQUARES_20;
export const ema50: usize = EMA_50;
export const ema200: usize = EMA_200;

fillTables();

/**
 * Rows of the bars 879 to `length` (exclusive).
 * @param firstIndex absolute index (openTimeMs / 300000) of bar 0, from 0 on
 */
export function computeRows(length: i32, firstIndex: i32): void {
  const seeds = firstSeed(FIRST_ROW - SLOPE_BARS, firstIndex);
  barMoves(seeds, length);
  logReturns(FIRST_ROW - 95, length);
  directedVolumes(FIRST_ROW - 95, length);
  spreads(FIRST_ROW - 19, length);
  wilderAverages(seeds, length);
  shortEmas(seeds, length);
  truncatedEmas(FIRST_ROW - SLOPE_BARS, length, firstIndex);
  slowStochastic(length);
  windowSums(CLOSE, VOLUME, 20, CLOSE_SUM_20, VOLUME_SUM_20, length, firstIndex);
  windowSums(SIGNED_VOLUME, SPREAD, 20, SIGNED_SUM_20, SPREAD_SUM_20, length, firstIndex);
  windowSums(VOLUME, TRUE_RANGE, 96, VOLUME_SUM_96, RANGE_SUM_96, length, firstIndex);
  windowSums(SIGNED_VOLUME, WEIGHTED_VOLUME, 96, SIGNED_SUM_96, WEIGHTED_SUM_96, length, firstIndex);
  windowSums(CLOSE, VOLUME, 50, CLOSE_SUM_50, VOLUME_SUM_50, length, firstIndex);
  windowSums(VOLUME, VOLUME, 5, VOLUME_SUM_5, VOLUME_SUM_5, length, firstIndex);
  windowSquares(CLOSE, 20, CLOSE_SQUARES_20, length, firstIndex);
  windowSquares(LOG_RETURN, 24, RETURN_SQUARES_24, length, firstIndex);
  windowSquares(LOG_RETURN, 96, RETURN_SQUARES_96, length, firstIndex);
  writeRows(length);
}
