import { describe, expect, it } from 'vitest';
import { computeFeatures } from '../../lib/features/compute-features.ts';
import { FEATURE_COUNT, FEATURE_NAMES } from '../../lib/features/feature-set.ts';
import { generateBars } from '../support/features/generated-bars.ts';
import { naiveRow } from '../support/features/naive-features.ts';

const FIRST_ROW = 879;

describe('features against the formulas computed from scratch', () => {
  it.each([
    { seed: 1, startPrice: 100, tick: 1e-4, move: 0.006, still: 0.1, silent: 0 },
    { seed: 2, startPrice: 3e-8, tick: 1e-3, move: 0.02, still: 0.3, silent: 0.2 },
    { seed: 3, startPrice: 9e5, tick: 1e-7, move: 0.001, still: 0, silent: 0.02 },
    { seed: 4, startPrice: 7, tick: 1e-2, move: 0.05, still: 0.5, silent: 0.1 },
  ])('agree on market $seed to the precision of float32', (market) => {
    const bars = 2200;
    const series = generateBars({ ...market, bars, firstIndex: 5_680_000 + market.seed * 131 });
    const rows = computeFeatures(series);
    for (let bar = FIRST_ROW; bar < bars; bar += 7) {
      const expected = naiveRow(series, bar);
      for (const [column, name] of FEATURE_NAMES.entries()) {
        const value = rows[(bar - FIRST_ROW) * FEATURE_COUNT + column]!;
        // Relative 1e-7 is the rounding to float32; absolute 1e-11 the rounding of differences of nearly equal prices.
        const tolerance = 1e-11 + 1e-7 * Math.abs(expected[column]!);
        expect(
          Math.abs(value - expected[column]!),
          `${name} at ${bar}: ${value} for ${expected[column]}`,
        ).toBeLessThanOrEqual(tolerance);
      }
    }
  });
});
