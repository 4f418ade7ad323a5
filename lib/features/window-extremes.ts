// Highest and lowest of the last 14 values: extremes of 2, 4 and 8 values, then of two overlapping runs of 8. Extremes are
// exact in any order, so this needs none of the care that sums do.

/** Highest of the last 14 values, by bar; valid from bar `from` ≥ 13 on. */
export function highest14(values: Float64Array, from: number): Float64Array {
  const highest = values.slice();
  for (const lag of [1, 2, 4, 6]) {
    for (let bar = values.length - 1; bar >= from - 13 + lag; bar--) {
      highest[bar] = Math.max(highest[bar]!, highest[bar - lag]!);
    }
  }
  return highest;
}

/** Lowest of the last 14 values, by bar; valid from bar `from` ≥ 13 on. */
export function lowest14(values: Float64Array, from: number): Float64Array {
  const lowest = values.slice();
  for (const lag of [1, 2, 4, 6]) {
    for (let bar = values.length - 1; bar >= from - 13 + lag; bar--) {
      lowest[bar] = Math.min(lowest[bar]!, lowest[bar - lag]!);
    }
  }
  return lowest;
}
