// Highest and lowest of the last 14 values: each window is a suffix of one block of 14 and a prefix of the next (van Herk
// 1992). Extremes are exact in any order, so the blocks need no alignment.

const WINDOW = 14;

/** Highest of the last 14 values, by bar; valid from bar `from` ≥ 13 on. */
export function highest14(values: Float64Array, from: number): Float64Array {
  const highest = new Float64Array(values.length);
  const suffixes = new Float64Array(WINDOW + 1);
  for (let start = from; start < values.length; start += WINDOW) {
    let suffix = Number.NEGATIVE_INFINITY;
    suffixes[WINDOW] = suffix;
    for (let j = WINDOW - 1; j > 0; j--) {
      suffix = Math.max(suffix, values[start - WINDOW + j]!);
      suffixes[j] = suffix;
    }
    let prefix = Number.NEGATIVE_INFINITY;
    const end = Math.min(start + WINDOW, values.length);
    for (let bar = start; bar < end; bar++) {
      prefix = Math.max(prefix, values[bar]!);
      highest[bar] = Math.max(prefix, suffixes[bar - start + 1]!);
    }
  }
  return highest;
}

/** Lowest of the last 14 values, by bar; valid from bar `from` ≥ 13 on. */
export function lowest14(values: Float64Array, from: number): Float64Array {
  const lowest = new Float64Array(values.length);
  const suffixes = new Float64Array(WINDOW + 1);
  for (let start = from; start < values.length; start += WINDOW) {
    let suffix = Number.POSITIVE_INFINITY;
    suffixes[WINDOW] = suffix;
    for (let j = WINDOW - 1; j > 0; j--) {
      suffix = Math.min(suffix, values[start - WINDOW + j]!);
      suffixes[j] = suffix;
    }
    let prefix = Number.POSITIVE_INFINITY;
    const end = Math.min(start + WINDOW, values.length);
    for (let bar = start; bar < end; bar++) {
      prefix = Math.min(prefix, values[bar]!);
      lowest[bar] = Math.min(prefix, suffixes[bar - start + 1]!);
    }
  }
  return lowest;
}
