// The rows, two bars at a time, from candles and columns: float32, row-major [bars, 49], columns as in FEATURES. A shape comes and
// goes from bar to bar, so that no processor could foresee a branch: conditions are masks.
import { at, both, logOfRatio, pair, positivePart, where } from './lanes.as';
import {
  ADX, ATR, CLOSE, CLOSE_SQUARES_20, CLOSE_SUM_20, CLOSE_SUM_50, EMA_200, EMA_21, EMA_50, EMA_9, FIRST_ROW, GAIN, HIGH,
  LOG_RETURN, LOSS, LOW, MACD, MINUS, OPEN, PLUS, RANGE_SUM_96, RETURN_SQUARES_24, RETURN_SQUARES_96, ROW_BYTES, ROWS,
  SIGNAL, SIGNED_SUM_20, SIGNED_SUM_96, SLOW_K, SPREAD_SUM_20, VOLUME, VOLUME_SUM_20, VOLUME_SUM_5, VOLUME_SUM_50,
  VOLUME_SUM_96, WEIGHTED_SUM_96,
} from './memory.as';

/** Writes one feature of two rows. */
@inline function put(row: usize, column: i32, value: v128): void {
  const narrow = f32x4.demote_f64x2_zero(value);
  v128.store_lane<f32>(row + ((<usize>column) << 2), narrow, 0);
  v128.store_lane<f32>(row + ROW_BYTES + ((<usize>column) << 2), narrow, 1);
}
@inline function less1(value: v128): v128 {
  return f64x2.sub(value, both(1));
}
/** 1 where the lane of the mask is set, else 0. */
@inline function flag(mask: v128): v128 {
  return v128.and(mask, both(1));
}

export function writeRows(to: i32): void {
  const zero = both(0);
  for (let bar = FIRST_ROW; bar < to; bar += 2) {
    const row = ROWS + (<usize>(bar - FIRST_ROW)) * ROW_BYTES;
    const o = pair(OPEN, bar);
    const h = pair(HIGH, bar);
    const l = pair(LOW, bar);
    const c = pair(CLOSE, bar);
    const o1 = pair(OPEN, bar - 1);
    const c1 = pair(CLOSE, bar - 1);
    const top = f64x2.pmax(o, c);
    const bottom = f64x2.pmin(o, c);
    const range = f64x2.sub(h, l);
    const hasRange = f64x2.gt(range, zero);
    const upperWick = f64x2.sub(h, top);
    const lowerWick = f64x2.sub(bottom, l);

    // Price: where the bar's own prices lie, relative to its close.
    put(row, 0, pair(LOG_RETURN, bar));
    put(row, 1, logOfRatio(f64x2.div(c, pair(CLOSE, bar - 12))));
    put(row, 2, f64x2.div(range, c));
    put(row, 3, f64x2.div(f64x2.sub(c, o), c));
    put(row, 4, f64x2.div(upperWick, c));
    put(row, 5, f64x2.div(lowerWick, c));

    // Momentum: RSI (Wilder 1978), MACD 12/26/9 (Appel), slow stochastic 14,3,3 (Lane), rate of change.
    const gain = pair(GAIN, bar);
    const moves = f64x2.add(gain, pair(LOSS, bar));
    const rsi = f64x2.div(f64x2.mul(both(100), gain), moves);
    put(row, 6, where(f64x2.gt(moves, zero), rsi, both(50)));
    const macd = pair(MACD, bar);
    const signal = pair(SIGNAL, bar);
    put(row, 7, f64x2.div(macd, c));
    put(row, 8, f64x2.div(signal, c));
    put(row, 9, f64x2.div(f64x2.sub(macd, signal), c));
    const slow = pair(SLOW_K, bar);
    put(row, 10, slow);
    const slow3 = f64x2.add(f64x2.add(pair(SLOW_K, bar - 2), pair(SLOW_K, bar - 1)), slow);
    put(row, 11, f64x2.div(slow3, both(3)));
    put(row, 12, f64x2.mul(both(100), less1(f64x2.div(c, pair(CLOSE, bar - 10)))));

    // Trend: distances from averages, slopes of averages, directional movement (Wilder 1978).
    const ema9 = pair(EMA_9, bar);
    const ema21 = pair(EMA_21, bar);
    const ema50 = pair(EMA_50, bar);
    const ema200 = pair(EMA_200, bar);
    const middle = f64x2.div(pair(CLOSE_SUM_20, bar), both(20));
    put(row, 13, less1(f64x2.div(c, ema9)));
    put(row, 14, less1(f64x2.div(c, ema21)));
    put(row, 15, less1(f64x2.div(c, ema50)));
    put(row, 16, less1(f64x2.div(c, ema200)));
    put(row, 17, less1(f64x2.div(ema9, ema21)));
    put(row, 18, less1(f64x2.div(ema50, ema200)));
    put(row, 19, less1(f64x2.div(c, middle)));
    put(row, 20, less1(f64x2.div(c, f64x2.div(pair(CLOSE_SUM_50, bar), both(50)))));
    put(row, 21, less1(f64x2.div(ema21, pair(EMA_21, bar - 12))));
    put(row, 22, less1(f64x2.div(ema50, pair(EMA_50, bar - 12))));
    const atr = pair(ATR, bar);
    const moved = f64x2.gt(atr, zero);
    put(row, 23, pair(ADX, bar));
    put(row, 24, v128.and(moved, f64x2.div(f64x2.mul(both(100), pair(PLUS, bar)), atr)));
    put(row, 25, v128.and(moved, f64x2.div(f64x2.mul(both(100), pair(MINUS, bar)), atr)));

    // Volatility: Bollinger bands (20 bars, 2 population deviations), ATR, deviation of returns.
    const halfWidth = f64x2.mul(both(2), f64x2.sqrt(f64x2.div(pair(CLOSE_SQUARES_20, bar), both(20))));
    const width = f64x2.mul(both(2), halfWidth);
    const position = f64x2.div(f64x2.add(f64x2.sub(c, middle), halfWidth), width);
    put(row, 26, f64x2.div(width, middle));
    put(row, 27, where(f64x2.gt(halfWidth, zero), position, both(0.5)));
    put(row, 28, less1(f64x2.div(f64x2.add(middle, halfWidth), c)));
    put(row, 29, less1(f64x2.div(f64x2.sub(middle, halfWidth), c)));
    put(row, 30, f64x2.div(atr, c));
    const rangeSum96 = pair(RANGE_SUM_96, bar);
    const atrRatio = f64x2.div(atr, f64x2.div(rangeSum96, both(96)));
    put(row, 31, where(f64x2.gt(rangeSum96, zero), atrRatio, both(1)));
    put(row, 32, f64x2.sqrt(f64x2.div(pair(RETURN_SQUARES_24, bar), both(23))));
    put(row, 33, f64x2.sqrt(f64x2.div(pair(RETURN_SQUARES_96, bar), both(95))));

    // Volume: activity against its recent mean, and volume signed or weighted by the move, as a share of the window's volume.
    const sum20 = pair(VOLUME_SUM_20, bar);
    const sum50 = pair(VOLUME_SUM_50, bar);
    const sum96 = pair(VOLUME_SUM_96, bar);
    const traded20 = f64x2.gt(sum20, zero);
    const traded96 = f64x2.gt(sum96, zero);
    put(row, 34, v128.and(traded20, f64x2.div(pair(VOLUME, bar), f64x2.div(sum20, both(20)))));
    const mean5 = f64x2.div(pair(VOLUME_SUM_5, bar), both(5));
    put(row, 35, v128.and(f64x2.gt(sum50, zero), f64x2.div(mean5, f64x2.div(sum50, both(50)))));
    put(row, 36, v128.and(traded20, f64x2.div(pair(SIGNED_SUM_20, bar), sum20)));
    put(row, 37, v128.and(traded96, f64x2.div(pair(SIGNED_SUM_96, bar), sum96)));
    put(row, 38, v128.and(traded96, f64x2.div(pair(WEIGHTED_SUM_96, bar), sum96)));

    // Pattern: candlestick shapes (Nison 1991) as flags −1, 0, +1, and gaps between neighbouring bars.
    const body = f64x2.abs(f64x2.sub(c, o));
    const twice = f64x2.mul(both(2), body);
    const hammer = v128.and(f64x2.gt(lowerWick, twice), f64x2.lt(upperWick, body));
    const star = v128.and(f64x2.gt(upperWick, twice), f64x2.lt(lowerWick, body));
    const turnsUp = v128.and(f64x2.gt(c, o), f64x2.lt(c1, o1));
    const bullish = v128.and(turnsUp, v128.and(f64x2.le(o, c1), f64x2.ge(c, o1)));
    const turnsDown = v128.and(f64x2.lt(c, o), f64x2.gt(c1, o1));
    const bearish = v128.and(turnsDown, v128.and(f64x2.ge(o, c1), f64x2.le(c, o1)));
    put(row, 39, flag(v128.and(f64x2.gt(h, l), f64x2.le(body, f64x2.mul(both(0.1), range)))));
    put(row, 40, f64x2.sub(flag(hammer), flag(star)));
    put(row, 41, f64x2.sub(flag(bullish), flag(bearish)));
    put(row, 42, f64x2.div(positivePart(f64x2.sub(l, pair(HIGH, bar - 1))), c));
    put(row, 43, f64x2.div(positivePart(f64x2.sub(pair(LOW, bar - 1), h)), c));

    // Microstructure: moves in units of ATR, the Corwin–Schultz (2012) spread, and where in its range a bar closed.
    const move5 = f64x2.sub(c, pair(CLOSE, bar - 5));
    const earlierMove5 = f64x2.sub(c1, pair(CLOSE, bar - 6));
    put(row, 44, v128.and(moved, f64x2.div(move5, atr)));
    put(row, 45, v128.and(moved, f64x2.div(f64x2.sub(c, pair(CLOSE, bar - 20)), atr)));
    put(row, 46, v128.and(moved, f64x2.div(f64x2.sub(move5, earlierMove5), atr)));
    put(row, 47, f64x2.div(pair(SPREAD_SUM_20, bar), both(20)));
    put(row, 48, where(hasRange, f64x2.div(f64x2.sub(c, l), range), both(0.5)));
  }
}
