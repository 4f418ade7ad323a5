// Where everything lies in the kernel's memory: tables, the columns of a part of a grid, by bar, and its rows. Bytes are counted in
// usize, bars in i32.

/** First bar that has a row: it depends on this many bars before it. */
export const FIRST_ROW: i32 = 879;
/** Bars that a column holds: rows computed at a time, and the bars before the first of them. */
export const COLUMN_BARS: i32 = 3039;
export const ROW_BYTES: usize = 4 * 49;

/** Values in the longest window, and in a truncated average. */
export const WINDOW_MAX: i32 = 96;
export const TRUNCATED_BARS: i32 = 800;

/** Weights decay^k of EMA-50 and EMA-200, k = 0…800, in two lanes. */
export const WEIGHTS: usize = 4096;
/** 1/k. */
export const SHARES: usize = WEIGHTS + 16 * <usize>(TRUNCATED_BARS + 1);
const COLUMNS: usize = SHARES + 8 * <usize>(WINDOW_MAX + 1);
/** Loops take two bars at a time, and may go one bar beyond the last. */
export const COLUMN_BYTES: usize = 8 * <usize>(COLUMN_BARS + 1);

/** The candles, as they come in. */
export const OPEN: usize = COLUMNS + 0 * COLUMN_BYTES;
export const HIGH: usize = COLUMNS + 1 * COLUMN_BYTES;
export const LOW: usize = COLUMNS + 2 * COLUMN_BYTES;
export const CLOSE: usize = COLUMNS + 3 * COLUMN_BYTES;
export const VOLUME: usize = COLUMNS + 4 * COLUMN_BYTES;
/** Close less the previous close. */
export const CHANGE: usize = COLUMNS + 5 * COLUMN_BYTES;
/** Max of h−l, |h−c1|, |l−c1| (Wilder 1978), price units. */
export const TRUE_RANGE: usize = COLUMNS + 6 * COLUMN_BYTES;
/** +DM and −DM (Wilder 1978), price units. */
export const PLUS_MOVE: usize = COLUMNS + 7 * COLUMN_BYTES;
export const MINUS_MOVE: usize = COLUMNS + 8 * COLUMN_BYTES;
/** ln(c/c1). */
export const LOG_RETURN: usize = COLUMNS + 9 * COLUMN_BYTES;
/** sign(c−c1)·v and ((c−c1)/c1)·v. */
export const SIGNED_VOLUME: usize = COLUMNS + 10 * COLUMN_BYTES;
export const WEIGHTED_VOLUME: usize = COLUMNS + 11 * COLUMN_BYTES;
/** ln(h/l), and the Corwin–Schultz spread of a bar and the one before it. */
export const LOG_RANGE: usize = COLUMNS + 12 * COLUMN_BYTES;
export const SPREAD: usize = COLUMNS + 13 * COLUMN_BYTES;
/** Wilder(14) averages, price units: of the true range, the directional moves, rises and falls; and ADX, 0…100. */
export const ATR: usize = COLUMNS + 14 * COLUMN_BYTES;
export const PLUS: usize = COLUMNS + 15 * COLUMN_BYTES;
export const MINUS: usize = COLUMNS + 16 * COLUMN_BYTES;
export const ADX: usize = COLUMNS + 17 * COLUMN_BYTES;
export const GAIN: usize = COLUMNS + 18 * COLUMN_BYTES;
export const LOSS: usize = COLUMNS + 19 * COLUMN_BYTES;
/** Averages of the close. */
export const EMA_9: usize = COLUMNS + 20 * COLUMN_BYTES;
export const EMA_21: usize = COLUMNS + 21 * COLUMN_BYTES;
export const EMA_50: usize = COLUMNS + 22 * COLUMN_BYTES;
export const EMA_200: usize = COLUMNS + 23 * COLUMN_BYTES;
/** EMA12 − EMA26 of the close, and its EMA9; price units. */
export const MACD: usize = COLUMNS + 24 * COLUMN_BYTES;
export const SIGNAL: usize = COLUMNS + 25 * COLUMN_BYTES;
/** Fast %K, and the mean of three of them; 0…100. */
export const FAST_K: usize = COLUMNS + 26 * COLUMN_BYTES;
export const SLOW_K: usize = COLUMNS + 27 * COLUMN_BYTES;
/** Sums of so many bars. */
export const CLOSE_SUM_20: usize = COLUMNS + 28 * COLUMN_BYTES;
export const CLOSE_SUM_50: usize = COLUMNS + 29 * COLUMN_BYTES;
export const VOLUME_SUM_5: usize = COLUMNS + 30 * COLUMN_BYTES;
export const VOLUME_SUM_20: usize = COLUMNS + 31 * COLUMN_BYTES;
export const VOLUME_SUM_50: usize = COLUMNS + 32 * COLUMN_BYTES;
export const VOLUME_SUM_96: usize = COLUMNS + 33 * COLUMN_BYTES;
export const SIGNED_SUM_20: usize = COLUMNS + 34 * COLUMN_BYTES;
export const SIGNED_SUM_96: usize = COLUMNS + 35 * COLUMN_BYTES;
export const WEIGHTED_SUM_96: usize = COLUMNS + 36 * COLUMN_BYTES;
export const RANGE_SUM_96: usize = COLUMNS + 37 * COLUMN_BYTES;
export const SPREAD_SUM_20: usize = COLUMNS + 38 * COLUMN_BYTES;
/** Sums of squared distances to the mean of so many bars. */
export const CLOSE_SQUARES_20: usize = COLUMNS + 39 * COLUMN_BYTES;
export const RETURN_SQUARES_24: usize = COLUMNS + 40 * COLUMN_BYTES;
export const RETURN_SQUARES_96: usize = COLUMNS + 41 * COLUMN_BYTES;

/** Of the older block of a window, what its values from j on come to: 16 bytes each. */
export const OLDER: usize = COLUMNS + 42 * COLUMN_BYTES;
export const ROWS: usize = OLDER + 16 * <usize>(TRUNCATED_BARS + 1);
