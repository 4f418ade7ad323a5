// Series made by hand for the feature tests: rows of [open, high, low, close, volume] on consecutive bars.
import { computeFeatures } from '../../../lib/features/compute-features.ts';
import { columnOf, FEATURE_COUNT, type FeatureName } from '../../../lib/features/feature-set.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { allocateSeries, type CandleSeries } from '../../../lib/market/candle-series.ts';

export type BarRow = readonly [open: number, high: number, low: number, close: number, volume: number];

/** 2024-01-01T00:00Z */
const START_MS = 1_704_067_200_000;

export function seriesOfRows(rows: readonly BarRow[], startMs = START_MS): CandleSeries {
  const series = allocateSeries(rows.length);
  for (const [bar, [open, high, low, close, volume]] of rows.entries()) {
    series.openTimeMs[bar] = startMs + bar * BAR_MS;
    series.open[bar] = open;
    series.high[bar] = high;
    series.low[bar] = low;
    series.close[bar] = close;
    series.volume[bar] = volume;
  }
  return series;
}

/** 880 bars, flat at `price` except for the last ones. */
export function flatThen(
  tail: readonly BarRow[],
  { price = 100, volume = 10 }: { price?: number; volume?: number } = {},
): CandleSeries {
  const flat: BarRow = [price, price, price, price, volume];
  return seriesOfRows([...new Array<BarRow>(880 - tail.length).fill(flat), ...tail]);
}

/** Bars that open at the close before and reach no further than open and close. */
export function rowsOfCloses(closes: readonly number[]): BarRow[] {
  return closes.map((close, bar) => {
    const open = closes[Math.max(0, bar - 1)]!;
    return [open, Math.max(open, close), Math.min(open, close), close, 10];
  });
}

/** One feature of the last bar. */
export function lastFeature(series: CandleSeries, feature: FeatureName): number {
  const rows = computeFeatures(series, { from: series.length - 1, to: series.length });
  return rows[columnOf(feature)]!;
}

/** One feature by bar; NaN before the first row. */
export function featureByBar(series: CandleSeries, feature: FeatureName): number[] {
  const rows = computeFeatures(series);
  const firstRow = series.length - rows.length / FEATURE_COUNT;
  return Array.from({ length: series.length }, (_, bar) =>
    bar < firstRow ? Number.NaN : rows[(bar - firstRow) * FEATURE_COUNT + columnOf(feature)]!,
  );
}
