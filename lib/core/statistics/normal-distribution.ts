// The standard normal distribution and its inverse in double precision: the deflated Sharpe ratio lives in the tails, where
// the usual short approximations (1e-7) are too coarse.
import { invariant } from '../invariant.ts';

const INVERSE_ROOT_2_PI = 1 / Math.sqrt(2 * Math.PI);
/** Beyond this the series cancels in the lower tail, while the continued fraction converges fast. */
const SERIES_LIMIT = 3;
const FRACTION_TERMS = 100;

/**
 * Probability that a standard normal variable is at most x. Relative error below 2e-13 in both tails.
 * Source: Taylor series about 0 (Marsaglia 2004, "Evaluating the Normal Distribution", J. Stat. Software 11(4)); beyond ±3
 * the continued fraction of Laplace (Abramowitz & Stegun 26.2.14).
 */
export function normalCdf(x: number): number {
  invariant(!Number.isNaN(x), 'the normal distribution of NaN is not defined');
  if (x < -SERIES_LIMIT) return upperTail(-x);
  if (x > SERIES_LIMIT) return 1 - upperTail(x);
  let sum = x;
  let term = x;
  for (let odd = 3, previous = Number.NaN; sum !== previous; odd += 2) {
    previous = sum;
    term *= (x * x) / odd;
    sum += term;
  }
  return 0.5 + density(x) * sum;
}

/** Q(x) = φ(x) / (x + 1/(x + 2/(x + 3/(x + …)))), evaluated from its far end. */
function upperTail(x: number): number {
  if (x === Number.POSITIVE_INFINITY) return 0;
  let fraction = x;
  for (let k = FRACTION_TERMS; k >= 1; k--) fraction = x + k / fraction;
  return density(x) / fraction;
}

const density = (x: number): number => INVERSE_ROOT_2_PI * Math.exp(-0.5 * x * x);

// Coefficients of AS 241, routine PPND16, highest power first.
const CENTRE = {
  split: 0.180625,
  numerator: [
    2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946,
    1971.5909503065513, 133.14166789178438, 3.3871328727963665,
  ],
  denominator: [
    5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751,
    687.1870074920579, 42.31333070160091, 1,
  ],
};
const TAIL = {
  split: 1.6,
  numerator: [
    0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045,
    5.769497221460691, 4.630337846156546, 1.4234371107496835,
  ],
  denominator: [
    1.0507500716444169e-9, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008, 0.6897673349851,
    1.6763848301838038, 2.053191626637759, 1,
  ],
};
const FAR_TAIL = {
  split: 5,
  numerator: [
    2.0103343992922881e-7, 0.000027115555687434876, 0.0012426609473880784, 0.026532189526576124,
    0.29656057182850487, 1.7848265399172913, 5.463784911164114, 6.657904643501103,
  ],
  denominator: [
    2.0442631033899397e-15, 1.4215117583164459e-7, 0.000018463183175100548, 0.0007868691311456133,
    0.014875361290850615, 0.1369298809227358, 0.599832206555888, 1,
  ],
};

/**
 * The x whose normalCdf is `probability`: 0 gives −∞, 1 gives +∞. Relative error about 1e-16.
 * Source: Wichura 1988, "Algorithm AS 241: The Percentage Points of the Normal Distribution", Applied Statistics 37(3).
 */
export function normalQuantile(probability: number): number {
  invariant(probability >= 0 && probability <= 1, `a probability must lie in [0, 1], got ${probability}`);
  const fromCentre = probability - 0.5;
  if (Math.abs(fromCentre) <= 0.425) {
    return fromCentre * rational(CENTRE, CENTRE.split - fromCentre * fromCentre);
  }
  const side = Math.sign(fromCentre);
  const tailProbability = fromCentre < 0 ? probability : 1 - probability;
  if (tailProbability === 0) return side * Number.POSITIVE_INFINITY;
  const r = Math.sqrt(-Math.log(tailProbability));
  const part = r <= 5 ? TAIL : FAR_TAIL;
  return side * rational(part, r - part.split);
}

function rational(part: { numerator: readonly number[]; denominator: readonly number[] }, r: number): number {
  const horner = (sum: number, coefficient: number) => sum * r + coefficient;
  return part.numerator.reduce(horner, 0) / part.denominator.reduce(horner, 0);
}
