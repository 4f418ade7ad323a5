import { describe, expect, it } from 'vitest';
import { compareWindows } from '../../lib/features/compare-windows.ts';
import { computeFeatures } from '../../lib/features/compute-features.ts';
import { FEATURE_COUNT } from '../../lib/features/feature-set.ts';
import {
  type CandleSeries,
  candleAt,
  seriesFromCandles,
  sliceSeries,
} from '../../lib/market/candle-series.ts';
import { REQUEST_BARS, ROW_WINDOW_BARS } from '../../lib/market/grid.ts';
import { generateMarket } from '../../local/market/generated-market.ts';

const market = generateMarket({ seed: 9, symbols: 1, fromMs: Date.UTC(2024, 0, 1), bars: REQUEST_BARS });
const candles = market.candles(market.symbols[0]!);

function without(bars: readonly number[]): CandleSeries {
  const rows = Array.from({ length: candles.length }, (_, bar) => candleAt(candles, bar));
  const series = seriesFromCandles(rows.filter((_, bar) => !bars.includes(bar)));
  if (!series.ok) throw new Error(series.error.problem);
  return series.value;
}

describe('features of many bars against those of each bar by itself', () => {
  it('have the same bits, on at most the bars asked for and always on the newest', () => {
    const rows = REQUEST_BARS - ROW_WINDOW_BARS + 1;
    expect(compareWindows(candles, 10_000)).toEqual({ values: rows * FEATURE_COUNT, mismatches: [] });
    expect(compareWindows(candles, 24)).toEqual({ values: 24 * FEATURE_COUNT, mismatches: [] });
  });

  it('have the same bits around gaps, and are not compared where a bar has no row', () => {
    const holed = without([100, 101, 500, 950]);
    const compared = compareWindows(holed, 10_000);
    expect(compared.mismatches).toEqual([]);
    expect(compared.values).toBeGreaterThan(50 * FEATURE_COUNT);
    expect(compared.values).toBeLessThan((REQUEST_BARS - ROW_WINDOW_BARS + 1) * FEATURE_COUNT);
  });

  it('prove nothing on too few candles', () => {
    expect(compareWindows(sliceSeries(candles, 0, ROW_WINDOW_BARS - 1), 24)).toEqual({
      values: 0,
      mismatches: [],
    });
    expect(compareWindows(sliceSeries(candles, 0, 0), 24).values).toBe(0);
  });

  it('tell one last bit that depends on how many bars there are', () => {
    const leaky = (grid: CandleSeries) => {
      const rows = computeFeatures(grid);
      if (grid.length > ROW_WINDOW_BARS) new Uint32Array(rows.buffer)[rows.length - 1]! ^= 1;
      return rows;
    };
    const { mismatches } = compareWindows(candles, 24, leaky);
    const newest = new Date(candles.openTimeMs[REQUEST_BARS - 1]!).toISOString();
    expect(mismatches).toEqual([`${newest}: close_location`]);
  });
});
