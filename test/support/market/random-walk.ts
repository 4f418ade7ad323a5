// A generated market for tests: a random walk of liquid 5-minute bars, the same for the same seed.
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { allocateSeries, type CandleSeries } from '../../../lib/market/candle-series.ts';

/** 2024-01-01T00:00Z */
export const WALK_START_MS = 1_704_067_200_000;

/** @param missing bars, by index, that the exchange never gave */
export function randomWalk(options: {
  seed: number;
  bars: number;
  missing?: (bar: number) => boolean;
}): CandleSeries {
  const generator = xoroshiro128plus(options.seed);
  const draw = () => uniformFloat64(generator);
  const kept = Array.from({ length: options.bars }, (_, bar) => bar).filter((bar) => !options.missing?.(bar));
  const series = allocateSeries(kept.length);
  let price = 100;
  for (const [index, bar] of kept.entries()) {
    const close = price * (1 + (draw() - 0.5) * 0.006);
    series.openTimeMs[index] = WALK_START_MS + bar * BAR_MS;
    series.open[index] = price;
    series.close[index] = close;
    series.high[index] = Math.max(price, close) * (1 + draw() * 0.002);
    series.low[index] = Math.min(price, close) * (1 - draw() * 0.002);
    series.volume[index] = 1 + draw() * 100;
    price = close;
  }
  return series;
}
