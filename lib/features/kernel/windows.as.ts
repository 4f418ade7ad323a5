// Sums and spreads over sliding windows, and truncated averages. Running values that subtract what leaves would drift (5e-9 after a
// volume spike) and depend on where the series starts; adding up 96 values afresh for every bar takes six times as long. So a window
// is a suffix of one block and a prefix of the next (van Herk 1992), with blocks as long as the window and aligned to the absolute bar
// index: nothing is ever subtracted, and the order of additions depends on the bar alone.
import { across, at, both, storeFirst, storeSecond } from './lanes.as';
import { CLOSE, EMA_200, EMA_50, FIRST_ROW, OLDER, SHARES, TRUNCATED_BARS, WEIGHTS, WINDOW_MAX } from './memory.as';

@inline function older(j: i32): usize {
  return OLDER + ((<usize>j) << 4);
}
/** Bar at which the block of `bar` starts; may lie before the series. */
@inline function blockStart(bar: i32, window: i32, firstIndex: i32): i32 {
  return ((firstIndex + bar) / window) * window - firstIndex;
}

/** Sums of the last `window` values of two columns, one in each lane. */
@inline export function windowSums(
  first: usize, second: usize, window: i32, firstSum: usize, secondSum: usize, to: i32, firstIndex: i32,
): void {
  v128.store(older(window), both(0));
  for (let bar = FIRST_ROW; bar < to; ) {
    const start = blockStart(bar, window, firstIndex);
    let suffix = both(0);
    for (let past = start - 1; past > bar - window; past--) {
      suffix = f64x2.add(suffix, across(first, second, past));
      v128.store(older(past - start + window), suffix);
    }
    let prefix = both(0);
    for (let past = start; past < bar; past++) prefix = f64x2.add(prefix, across(first, second, past));
    const end = min(start + window, to);
    for (; bar < end; bar++) {
      prefix = f64x2.add(prefix, across(first, second, bar));
      const sum = f64x2.add(v128.load(older(bar - start + 1)), prefix);
      storeFirst(firstSum, bar, sum);
      if (secondSum !== firstSum) storeSecond(secondSum, bar, sum);
    }
  }
}

/** Where a block leaves what its last values come to, for the next: each block takes the place of the one before the last. */
const OTHER_OLDER: usize = 16 * <usize>(WINDOW_MAX + 1);

/**
 * Sums of squared distances of the last `window` values to their mean. Each part collects its mean and squares by Welford's recursion
 * (1962), the two are joined as in Chan, Golub & LeVeque (1979): no large numbers cancel, and where all values are equal the result is
 * exactly 0. A block is gone through once, from its first value on in one lane and from its last one back in the other, whose means and
 * squares the windows that end in the next block begin with. What the first block comes to is of no row, and nothing begins with the last.
 */
@inline export function windowSquares(values: usize, window: i32, result: usize, to: i32, firstIndex: i32): void {
  const share = load<f64>(SHARES + ((<usize>window) << 3));
  let before = OLDER;
  let after = OLDER + OTHER_OLDER;
  // Of a window that is one block the other part is empty, and has no weight.
  v128.store(older(window), both(0));
  v128.store(older(window) + OTHER_OLDER, both(0));
  for (let start = blockStart(FIRST_ROW, window, firstIndex) - window; start < to; start += window) {
    let means = both(0);
    let squares = both(0);
    const counts = min(window, to - start);
    for (let count = 1; count <= counts; count++) {
      const bar = start + count - 1;
      const entry = (<usize>count) << 4;
      const value = v128.load_lane<f64>(at(values, start + window - count), v128.load_zero<f64>(at(values, bar)), 1);
      const distance = f64x2.sub(value, means);
      means = f64x2.add(means, f64x2.mul(distance, v128.load_splat<f64>(SHARES + (entry >> 1))));
      squares = f64x2.add(squares, f64x2.mul(distance, f64x2.sub(value, means)));
      const apart = f64x2.extract_lane(means, 0) - load<f64>(before + entry);
      const weight = <f64>(count * (window - count)) * share;
      const own = load<f64>(before + entry, 8) + f64x2.extract_lane(squares, 0);
      store<f64>(at(result, bar), own + apart * apart * weight);
      const left = after + ((<usize>(window - count)) << 4);
      v128.store_lane<f64>(left, means, 1);
      v128.store_lane<f64>(left, squares, 1, 8);
    }
    const next = after;
    after = before;
    before = next;
  }
}

@inline function weights(age: i32): usize {
  return WEIGHTS + ((<usize>age) << 4);
}

const DECAY_50: f64 = 49.0 / 51.0;
const DECAY_200: f64 = 199.0 / 201.0;
/** Sums of the weights of both averages. */
let weightSum50: f64 = 0;
let weightSum200: f64 = 0;

/** decay^k, k = 0…800, and 1/k: once. */
export function fillTables(): void {
  let weight50: f64 = 1;
  let weight200: f64 = 1;
  for (let age = 0; age <= TRUNCATED_BARS; age++) {
    store<f64>(weights(age), weight50);
    store<f64>(weights(age), weight200, 8);
    weight50 *= DECAY_50;
    weight200 *= DECAY_200;
  }
  for (let age = TRUNCATED_BARS - 1; age >= 0; age--) {
    weightSum50 += load<f64>(weights(age));
    weightSum200 += load<f64>(weights(age), 8);
  }
  for (let count = 0; count <= WINDOW_MAX; count++) store<f64>(SHARES + ((<usize>count) << 3), 1.0 / <f64>count);
}

/**
 * EMA(50) and EMA(200) of the last 800 closes, weights normalised, one in each lane; from bar `from` ≥ 799 on: plain recursions would
 * not forget their seed within 880 bars. They average distances to the first close of the newer block, so that a flat series has exactly
 * its own value as average.
 */
export function truncatedEmas(from: i32, to: i32, firstIndex: i32): void {
  const decays = f64x2.replace_lane(both(DECAY_50), 1, DECAY_200);
  const weightSums = f64x2.replace_lane(both(weightSum50), 1, weightSum200);
  v128.store(older(TRUNCATED_BARS), both(0));
  for (let bar = from; bar < to; ) {
    const start = blockStart(bar, TRUNCATED_BARS, firstIndex);
    const origin = load<f64>(at(CLOSE, start));
    let sum = both(0);
    for (let past = start - 1; past > bar - TRUNCATED_BARS; past--) {
      const distance = both(load<f64>(at(CLOSE, past)) - origin);
      sum = f64x2.add(sum, f64x2.mul(v128.load(weights(start - 1 - past)), distance));
      v128.store(older(TRUNCATED_BARS - start + past), sum);
    }
    sum = both(0);
    for (let past = start; past < bar; past++)
      sum = f64x2.add(f64x2.mul(sum, decays), both(load<f64>(at(CLOSE, past)) - origin));
    const end = min(start + TRUNCATED_BARS, to);
    for (; bar < end; bar++) {
      sum = f64x2.add(f64x2.mul(sum, decays), both(load<f64>(at(CLOSE, bar)) - origin));
      const inBlock = bar - start + 1;
      const ofOlder = f64x2.mul(v128.load(weights(inBlock)), v128.load(older(inBlock)));
      const ema = f64x2.add(both(origin), f64x2.div(f64x2.add(sum, ofOlder), weightSums));
      storeFirst(EMA_50, bar, ema);
      storeSecond(EMA_200, bar, ema);
    }
  }
}
