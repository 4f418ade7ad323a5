// Mean, deviation, skewness and kurtosis of a sample, and the t-statistic of its mean. One place decides when they are
// undefined: too few values, or values that are all equal.

export interface Moments {
  readonly count: number;
  readonly mean: number;
  /** Sample standard deviation (n − 1); exactly 0 when all values are equal. */
  readonly deviation: number;
  /** Population skewness m3 / m2^1.5 and kurtosis m4 / m2² (3 for a normal distribution); undefined without variance. */
  readonly skewness: number | undefined;
  readonly kurtosis: number | undefined;
}

/** Moments of finite values; undefined for fewer than 2. */
export function momentsOf(values: ArrayLike<number>): Moments | undefined {
  const count = values.length;
  if (count < 2) return undefined;
  const mean = sumOf(values, (value) => value) / count;
  // Compared directly, because a rounded mean would give equal values a deviation of 1e-17 and ratios of it noise.
  if (allEqual(values)) {
    return { count, mean: values[0]!, deviation: 0, skewness: undefined, kurtosis: undefined };
  }
  const central = (power: number) => sumOf(values, (value) => (value - mean) ** power) / count;
  const variance = central(2);
  return {
    count,
    mean,
    deviation: Math.sqrt((variance * count) / (count - 1)),
    skewness: variance > 0 ? central(3) / variance ** 1.5 : undefined,
    kurtosis: variance > 0 ? central(4) / variance ** 2 : undefined,
  };
}

/** mean / (deviation / √n): Student's t of the mean against 0; undefined for fewer than 2 values or no variance. */
export function tStatistic(values: ArrayLike<number>): number | undefined {
  const moments = momentsOf(values);
  if (moments === undefined || moments.deviation === 0) return undefined;
  return moments.mean / (moments.deviation / Math.sqrt(moments.count));
}

export function sumOf(values: ArrayLike<number>, term: (value: number) => number): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += term(values[index]!);
  return sum;
}

export function allEqual(values: ArrayLike<number>): boolean {
  for (let index = 1; index < values.length; index++) if (values[index] !== values[0]) return false;
  return true;
}
