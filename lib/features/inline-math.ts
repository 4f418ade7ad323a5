// Functions of Math, in forms that cost less than a call or a wrong guess. Which of two prices is higher changes from bar to
// bar, so that no processor could foresee it, and Math.max and Math.min compile to branches: a wrong guess costs as much as ten
// additions. Math.log and Math.exp are calls into C++ that first take a number apart; here are the same polynomials without
// that (fdlibm's e_log.c and e_exp.c, Sun Microsystems 1993), with the same bits.

/** Of two finite numbers; a zero may lose its sign. */
export function larger(a: number, b: number): number {
  const first = +(a > b);
  return a * first + b * (1 - first);
}

/** Of two finite numbers; a zero may lose its sign. */
export function smaller(a: number, b: number): number {
  const first = +(a < b);
  return a * first + b * (1 - first);
}

/** The number, or 0 where it is negative. */
export function positivePart(value: number): number {
  return (Math.abs(value) + value) / 2;
}

/** ln(x), fast for a ratio of prices: a number near 1. */
export function logOfRatio(x: number): number {
  const f = x - 1;
  // So near 1 fdlibm neither scales the number nor adds a multiple of ln 2.
  if (!(Math.abs(f) < 0.28)) return Math.log(x);
  if (Math.abs(f) < 2 ** -20) return f - f * f * (0.5 - 0.3333333333333333 * f);
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const even = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373));
  const odd =
    z * (0.6666666666666735 + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)));
  return f - s * (f - (odd + even));
}

/** e^x of a number from 0 on, fast for one near 0. */
export function expOfSpread(x: number): number {
  if (!(x < 0.34)) return Math.exp(x);
  // 0 itself, the spread of every other bar, comes out as 1 below.
  if (+(x > 0) & +(x < 2 ** -28)) return 1 + x;
  const t = x * x;
  const c =
    x -
    t *
      (0.16666666666666602 +
        t *
          (-0.0027777777777015593 +
            t * (6.613756321437934e-5 + t * (-1.6533902205465252e-6 + t * 4.1381367970572385e-8))));
  return 1 - ((x * c) / (c - 2) - x);
}
