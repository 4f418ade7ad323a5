// The columns that the rows are made of, from the candles on. All are indexed by bar, and valid from the first row on unless a
// comment says more.
import { across, at, both, expOfSpread, logOfRatio, pair, positivePart, storeFirst, where } from './lanes.as';
import {
  ADX, ATR, CHANGE, CLOSE, EMA_21, EMA_9, FAST_K, FIRST_ROW, GAIN, HIGH, LOG_RANGE, LOG_RETURN, LOSS, LOW, MACD,
  MINUS, MINUS_MOVE, OLDER, PLUS, PLUS_MOVE, SIGNAL, SIGNED_VOLUME, SLOW_K, SPREAD, TRUE_RANGE, VOLUME,
  WEIGHTED_VOLUME,
} from './memory.as';

/** What a bar moved from the one before it, two bars at a time. */
export function barMoves(from: i32, to: i32): void {
  const zero = both(0);
  for (let bar = from; bar < to; bar += 2) {
    const h = pair(HIGH, bar);
    const l = pair(LOW, bar);
    const c = pair(CLOSE, bar);
    const c1 = pair(CLOSE, bar - 1);
    const up = f64x2.sub(h, pair(HIGH, bar - 1));
    const down = f64x2.sub(pair(LOW, bar - 1), l);
    v128.store(at(CHANGE, bar), f64x2.sub(c, c1));
    v128.store(at(TRUE_RANGE, bar), f64x2.sub(f64x2.pmax(h, c1), f64x2.pmin(l, c1)));
    const isPlus = v128.and(f64x2.gt(up, down), f64x2.gt(up, zero));
    const isMinus = v128.and(f64x2.gt(down, up), f64x2.gt(down, zero));
    v128.store(at(PLUS_MOVE, bar), v128.and(up, isPlus));
    v128.store(at(MINUS_MOVE, bar), v128.and(down, isMinus));
  }
}

export function logReturns(from: i32, to: i32): void {
  for (let bar = from; bar < to; bar += 2)
    v128.store(at(LOG_RETURN, bar), logOfRatio(f64x2.div(pair(CLOSE, bar), pair(CLOSE, bar - 1))));
}

/** Volumes signed and weighted by the move. */
export function directedVolumes(from: i32, to: i32): void {
  const zero = both(0);
  for (let bar = from; bar < to; bar += 2) {
    const move = pair(CHANGE, bar);
    const volume = pair(VOLUME, bar);
    const falls = v128.and(f64x2.neg(volume), f64x2.lt(move, zero));
    v128.store(at(SIGNED_VOLUME, bar), where(f64x2.gt(move, zero), volume, falls));
    v128.store(at(WEIGHTED_VOLUME, bar), f64x2.mul(f64x2.div(move, pair(CLOSE, bar - 1)), volume));
  }
}

/**
 * Corwin–Schultz spread of each bar and the one before it, negative ones as 0; valid from bar `from` ≥ 1 on.
 * With β = ln²(h/l) + ln²(h1/l1) and γ = ln²(H/L) of both bars together, the published
 * α = (√(2β) − √β)/(3 − 2√2) − √(γ/(3 − 2√2)) equals (√β − ln(H/L))/(√2 − 1), since 3 − 2√2 = (√2 − 1)².
 */
export function spreads(from: i32, to: i32): void {
  for (let bar = from - 1; bar < to; bar += 2)
    v128.store(at(LOG_RANGE, bar), logOfRatio(f64x2.div(pair(HIGH, bar), pair(LOW, bar))));
  for (let bar = from; bar < to; bar += 2) {
    const log = pair(LOG_RANGE, bar);
    const previousLog = pair(LOG_RANGE, bar - 1);
    const highest = f64x2.pmax(pair(HIGH, bar), pair(HIGH, bar - 1));
    const lowest = f64x2.pmin(pair(LOW, bar), pair(LOW, bar - 1));
    const bothLog = logOfRatio(f64x2.div(highest, lowest));
    const beta = f64x2.add(f64x2.mul(log, log), f64x2.mul(previousLog, previousLog));
    const alpha = f64x2.div(f64x2.sub(f64x2.sqrt(beta), bothLog), both(Math.SQRT2 - 1));
    const growth = expOfSpread(positivePart(alpha));
    const share = f64x2.mul(both(2), f64x2.sub(growth, both(1)));
    v128.store(at(SPREAD, bar), f64x2.div(share, f64x2.add(both(1), growth)));
  }
}

// Where the plain recursions (short EMAs, Wilder averages) are seeded, so that a row computed from 998 bars has the same bits as one
// computed from years. Seeding at the first bar given would do that only almost: two recursions with different seeds approach each other
// to the last bits and may stay there while prices stand still, and a ratio of two averages that both fade (RSI, ADX) remembers their
// seeds for ever. So bars are cut into blocks by their absolute index, and the recursion that gives a block's values is seeded at the
// first bar of the block before. A value then depends on 432…863 bars before it, the same ones whatever the series starts with, and
// differs from the endless recursion by (25/27)^432 = 4e-15 of its seed's error at most.
//
// Every recursion therefore runs twice, in two lanes: seeded where the block before began, and where this one begins. What the second has
// come to counts from the next block on.

/** Two blocks, 12 bars for the slopes and one for a previous close stay within the 880 bars that a row may depend on. */
const BLOCK_BARS: i32 = 432;
/** Bar at which the block before the one of `bar` begins. */
export function firstSeed(bar: i32, firstIndex: i32): i32 {
  return ((firstIndex + bar) / BLOCK_BARS - 1) * BLOCK_BARS - firstIndex;
}

@inline function reseeded(lanes: v128, seed: f64): v128 {
  return f64x2.replace_lane(f64x2.splat(f64x2.extract_lane(lanes, 1)), 1, seed);
}
@inline function towards(average: v128, value: v128, weight: v128): v128 {
  return f64x2.add(average, f64x2.mul(f64x2.sub(value, average), weight));
}
@inline function splat(column: usize, bar: i32): v128 {
  return v128.load_splat<f64>(at(column, bar));
}

/** DX; both DI have the same true range below them, which cancels out. */
@inline function directionalIndex(plus: v128, minus: v128): v128 {
  const sum = f64x2.add(plus, minus);
  const index = f64x2.div(f64x2.mul(both(100), f64x2.abs(f64x2.sub(plus, minus))), sum);
  return v128.and(index, f64x2.gt(sum, both(0)));
}

/** Wilder(14) averages: of the true range, the directional moves and DX, rises and falls. */
export function wilderAverages(from: i32, to: i32): void {
  const weight = both(1.0 / 14.0);
  let range = both(0);
  let plus = both(0);
  let minus = both(0);
  let adx = both(0);
  let gain = both(0);
  let loss = both(0);
  for (let start = from; start < to; start += BLOCK_BARS) {
    range = reseeded(range, load<f64>(at(TRUE_RANGE, start)));
    plus = reseeded(plus, 0);
    minus = reseeded(minus, 0);
    adx = reseeded(adx, 0);
    gain = reseeded(gain, 0);
    loss = reseeded(loss, 0);
    const end = min(start + BLOCK_BARS, to);
    for (let bar = start; bar < end; bar++) {
      const change = splat(CHANGE, bar);
      const rise = positivePart(change);
      range = towards(range, splat(TRUE_RANGE, bar), weight);
      plus = towards(plus, splat(PLUS_MOVE, bar), weight);
      minus = towards(minus, splat(MINUS_MOVE, bar), weight);
      adx = towards(adx, directionalIndex(plus, minus), weight);
      gain = towards(gain, rise, weight);
      loss = towards(loss, f64x2.sub(rise, change), weight);
      storeFirst(ATR, bar, range);
      storeFirst(PLUS, bar, plus);
      storeFirst(MINUS, bar, minus);
      storeFirst(ADX, bar, adx);
      storeFirst(GAIN, bar, gain);
      storeFirst(LOSS, bar, loss);
    }
  }
}

/** EMA-9 and EMA-21 of the close, EMA12 − EMA26 and its EMA9. */
export function shortEmas(from: i32, to: i32): void {
  const weight9 = both(2.0 / 10.0);
  const weight12 = both(2.0 / 13.0);
  const weight21 = both(2.0 / 22.0);
  const weight26 = both(2.0 / 27.0);
  let ema9 = both(0);
  let ema12 = both(0);
  let ema21 = both(0);
  let ema26 = both(0);
  let signal = both(0);
  for (let start = from; start < to; start += BLOCK_BARS) {
    const seed = load<f64>(at(CLOSE, start));
    ema9 = reseeded(ema9, seed);
    ema12 = reseeded(ema12, seed);
    ema21 = reseeded(ema21, seed);
    ema26 = reseeded(ema26, seed);
    signal = reseeded(signal, 0);
    const end = min(start + BLOCK_BARS, to);
    for (let bar = start; bar < end; bar++) {
      const c = splat(CLOSE, bar);
      ema9 = towards(ema9, c, weight9);
      ema12 = towards(ema12, c, weight12);
      ema21 = towards(ema21, c, weight21);
      ema26 = towards(ema26, c, weight26);
      const macd = f64x2.sub(ema12, ema26);
      signal = towards(signal, macd, weight9);
      storeFirst(EMA_9, bar, ema9);
      storeFirst(EMA_21, bar, ema21);
      storeFirst(MACD, bar, macd);
      storeFirst(SIGNAL, bar, signal);
    }
  }
}

/** Bars of the stochastic. */
const EXTREMES_BARS: i32 = 14;

/** Highest of the last 14 highs and, with its sign turned, lowest of the last 14 lows, in two lanes. */
@inline function reach(bar: i32): v128 {
  const lanes = across(HIGH, LOW, bar);
  return f64x2.replace_lane(lanes, 1, -f64x2.extract_lane(lanes, 1));
}

/**
 * Fast %K, and the mean of three of them; 0…100. Each window is a suffix of one block of 14 and a prefix of the next (van Herk 1992).
 * Extremes are exact in any order, so the blocks need no alignment.
 */
export function slowStochastic(to: i32): void {
  for (let start = FIRST_ROW - 4; start < to; start += EXTREMES_BARS) {
    let extremes = reach(start - 1);
    for (let j = EXTREMES_BARS - 1; j > 0; j--) {
      extremes = f64x2.pmax(extremes, reach(start - EXTREMES_BARS + j));
      v128.store(OLDER + ((<usize>j) << 4), extremes);
    }
    extremes = reach(start);
    // Of the window that is the newer block alone, any of its values.
    v128.store(OLDER + ((<usize>EXTREMES_BARS) << 4), extremes);
    const end = min(start + EXTREMES_BARS, to);
    for (let bar = start; bar < end; bar++) {
      extremes = f64x2.pmax(extremes, reach(bar));
      const both = f64x2.pmax(extremes, v128.load(OLDER + ((<usize>(bar - start + 1)) << 4)));
      const lowest = f64x2.extract_lane(both, 1);
      const range = f64x2.extract_lane(both, 0) + lowest;
      const fast = range > 0 ? (100 * (load<f64>(at(CLOSE, bar)) + lowest)) / range : 50;
      store<f64>(at(FAST_K, bar), fast);
    }
  }
  for (let bar = FIRST_ROW - 2; bar < to; bar += 2) {
    const sum = f64x2.add(f64x2.add(pair(FAST_K, bar - 2), pair(FAST_K, bar - 1)), pair(FAST_K, bar));
    v128.store(at(SLOW_K, bar), f64x2.div(sum, both(3)));
  }
}
