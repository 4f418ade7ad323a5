import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { computeFeatures } from '../../lib/features/compute-features.ts';
import { FEATURE_NAMES, type FeatureName } from '../../lib/features/feature-set.ts';
import {
  type BarRow,
  featureByBar,
  flatThen,
  lastFeature,
  rowsOfCloses,
  seriesOfRows,
} from '../support/features/bars.ts';

const read = <T>(file: string): T =>
  JSON.parse(readFileSync(new URL(`../vectors/${file}`, import.meta.url), 'utf8')) as T;

interface DerivedCase {
  readonly feature: FeatureName;
  readonly tail: readonly BarRow[];
  readonly why: string;
  readonly expected: number;
}

describe('values derived by hand', () => {
  const { cases } = read<{ cases: readonly DerivedCase[] }>('derived/features.json');

  it('cover every feature', () => {
    expect(new Set(cases.map(({ feature }) => feature))).toEqual(new Set(FEATURE_NAMES));
  });

  it.each(cases)('$feature: $why', ({ feature, tail, expected }) => {
    const value = lastFeature(flatThen(tail), feature);
    expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-7 * Math.max(1, Math.abs(expected)));
  });

  it('are the neutral ones where nothing moves and nothing trades', () => {
    const neutral: Partial<Record<FeatureName, number>> = {
      rsi_14: 50,
      stoch_k: 50,
      stoch_d: 50,
      bb_position: 0.5,
      atr_ratio: 1,
      close_location: 0.5,
    };
    const row = computeFeatures(flatThen([], { price: 0.1, volume: 0 }));
    for (const [column, name] of FEATURE_NAMES.entries()) {
      // A mean of 20 times 0.1 is not 0.1 to the last bit.
      expect(Math.abs(row[column]! - (neutral[name] ?? 0)), name).toBeLessThanOrEqual(1e-15);
    }
  });
});

describe('published values', () => {
  it('of TA-Lib for 252 daily bars', () => {
    const published = read<{
      bars: readonly [number, number, number][];
      expected: readonly { bar: number; feature: FeatureName; value: number; tolerance: number }[];
    }>('published/ta-lib-daily-252.json');
    // Flat bars stand before the published ones; by the last bar every average has forgotten them.
    const rows = published.bars.map(([high, low, close]): BarRow => [close, high, low, close, 10]);
    const series = seriesOfRows([...new Array<BarRow>(879).fill([90, 90, 90, 90, 10]), ...rows]);
    for (const { bar, feature, value, tolerance } of published.expected) {
      const computed = featureByBar(series, feature)[879 + bar]!;
      expect(Math.abs(computed - value), `${feature} at bar ${bar} is ${computed}`).toBeLessThanOrEqual(
        tolerance,
      );
    }
  });

  it('of StockCharts for RSI', () => {
    const { closes, rsi, firstRsiBar, tolerance } = read<{
      closes: readonly number[];
      rsi: readonly number[];
      firstRsiBar: number;
      tolerance: number;
    }>('published/stockcharts-rsi.json');
    const changes = closes.slice(1, firstRsiBar + 1).map((close, i) => close - closes[i]!);
    const gain = changes.reduce((sum, change) => sum + Math.max(change, 0), 0) / 14;
    const loss = changes.reduce((sum, change) => sum + Math.max(-change, 0), 0) / 14;
    // Wilder starts from the mean of 14 changes. A flat history with one fall and one rise puts the averages just there.
    const start = closes[firstRsiBar]!;
    const fall = (loss * 14 * 14) / 13;
    const rise = gain * 14;
    const flat = start - rise + fall;
    const history = [...new Array<number>(898).fill(flat), flat - fall];
    const series = seriesOfRows(rowsOfCloses([...history, ...closes.slice(firstRsiBar)]));
    const computed = featureByBar(series, 'rsi_14').slice(history.length);
    expect(computed).toHaveLength(rsi.length);
    for (const [i, value] of rsi.entries())
      expect(Math.abs(computed[i]! - value)).toBeLessThanOrEqual(tolerance);
  });
});
