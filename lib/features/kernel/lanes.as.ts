// Two float64 at a time, in the two lanes of a vector. Every operation rounds as its scalar form does, so that a value has the same
// bits in either lane.

// Math's own, for numbers far from what the short forms are made for.
@external('math', 'log') declare function log(x: f64): f64;
@external('math', 'exp') declare function exp(x: f64): f64;

@inline export function at(column: usize, bar: i32): usize {
  return column + ((<usize>bar) << 3);
}
@inline export function pair(column: usize, bar: i32): v128 {
  return v128.load(at(column, bar));
}
@inline export function both(value: f64): v128 {
  return f64x2.splat(value);
}
/** Of two columns the value of the same bar. */
@inline export function across(first: usize, second: usize, bar: i32): v128 {
  return v128.load_lane<f64>(at(second, bar), v128.load_zero<f64>(at(first, bar)), 1);
}
@inline export function storeFirst(column: usize, bar: i32, lanes: v128): void {
  v128.store_lane<f64>(at(column, bar), lanes, 0);
}
@inline export function storeSecond(column: usize, bar: i32, lanes: v128): void {
  v128.store_lane<f64>(at(column, bar), lanes, 1);
}
/** `value` where the lane of `mask` is set, else `other`. */
@inline export function where(mask: v128, value: v128, other: v128): v128 {
  return v128.bitselect(value, other, mask);
}
/** The number, or 0 where it is negative. */
@inline export function positivePart(value: v128): v128 {
  return f64x2.mul(f64x2.add(f64x2.abs(value), value), both(0.5));
}

/** ln(x) of ratios of prices: numbers near 1. fdlibm's e_log.c (Sun Microsystems 1993), with the same bits. */
@inline export function logOfRatio(x: v128): v128 {
  const f = f64x2.sub(x, both(1));
  const distance = f64x2.abs(f);
  // So near 1 fdlibm neither scales the number nor adds a multiple of ln 2.
  if (i64x2.all_true(f64x2.lt(distance, both(0.28)))) {
    const s = f64x2.div(f, f64x2.add(both(2), f));
    const z = f64x2.mul(s, s);
    const w = f64x2.mul(z, z);
    let even = f64x2.add(both(0.22222198432149784), f64x2.mul(w, both(0.15313837699209373)));
    even = f64x2.add(both(0.3999999999940942), f64x2.mul(w, even));
    even = f64x2.mul(w, even);
    let odd = f64x2.add(both(0.1818357216161805), f64x2.mul(w, both(0.14798198605116586)));
    odd = f64x2.add(both(0.2857142874366239), f64x2.mul(w, odd));
    odd = f64x2.add(both(0.6666666666666735), f64x2.mul(w, odd));
    odd = f64x2.mul(z, odd);
    const far = f64x2.sub(f, f64x2.mul(s, f64x2.sub(f, f64x2.add(odd, even))));
    const third = f64x2.sub(both(0.5), f64x2.mul(both(0.3333333333333333), f));
    const near = f64x2.sub(f, f64x2.mul(f64x2.mul(f, f), third));
    return where(f64x2.lt(distance, both(9.5367431640625e-7)), near, far);
  }
  return f64x2.replace_lane(both(log(f64x2.extract_lane(x, 0))), 1, log(f64x2.extract_lane(x, 1)));
}

/** e^x of numbers from 0 on, fast for those near 0: fdlibm's e_exp.c, with the same bits. */
@inline export function expOfSpread(x: v128): v128 {
  if (i64x2.all_true(f64x2.lt(x, both(0.34)))) {
    const t = f64x2.mul(x, x);
    let p = f64x2.add(both(-1.6533902205465252e-6), f64x2.mul(t, both(4.1381367970572385e-8)));
    p = f64x2.add(both(6.613756321437934e-5), f64x2.mul(t, p));
    p = f64x2.add(both(-0.0027777777777015593), f64x2.mul(t, p));
    p = f64x2.add(both(0.16666666666666602), f64x2.mul(t, p));
    const c = f64x2.sub(x, f64x2.mul(t, p));
    const share = f64x2.div(f64x2.mul(x, c), f64x2.sub(c, both(2)));
    const far = f64x2.sub(both(1), f64x2.sub(share, x));
    return where(f64x2.lt(x, both(3.725290298461914e-9)), f64x2.add(both(1), x), far);
  }
  return f64x2.replace_lane(both(exp(f64x2.extract_lane(x, 0))), 1, exp(f64x2.extract_lane(x, 1)));
}
