// Markets for the feature tests, the same for the same options: from lively ones to those that hardly trade, on a tick as
// coarse as one likes, with gaps between bars, bars of wicks alone and sudden volume.
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { allocateSeries, type CandleSeries } from '../../../lib/market/candle-series.ts';

export interface MarketOptions {
  readonly seed: number;
  readonly bars: number;
  readonly startPrice: number;
  /** Tick as a share of the start price. */
  readonly tick: number;
  /** Size of a bar's move, as a share of the price. */
  readonly move: number;
  /** Share of bars whose close does not move, though their wicks may. */
  readonly still: number;
  /** Share of bars without any range or volume. */
  readonly silent: number;
  /** Absolute index of the first bar. */
  readonly firstIndex: number;
}

export function generateBars(options: MarketOptions): CandleSeries {
  const generator = xoroshiro128plus(options.seed);
  const draw = () => uniformFloat64(generator);
  const tick = options.tick * options.startPrice;
  const onTick = (price: number) => Math.max(1, Math.round(price / tick)) * tick;
  const series = allocateSeries(options.bars);
  let price = onTick(options.startPrice);
  for (let bar = 0; bar < options.bars; bar++) {
    const silent = draw() < options.silent;
    const moves = !silent && draw() >= options.still;
    const open = moves && draw() < 0.1 ? onTick(price * (1 + (draw() - 0.5) * options.move)) : price;
    const close = moves ? onTick(open * (1 + (draw() - 0.5) * options.move)) : open;
    const reach = silent ? 0 : options.move;
    series.openTimeMs[bar] = (options.firstIndex + bar) * BAR_MS;
    series.open[bar] = open;
    series.close[bar] = close;
    series.high[bar] = Math.max(open, close, onTick(Math.max(open, close) * (1 + draw() * reach)));
    series.low[bar] = Math.min(open, close, onTick(Math.min(open, close) * (1 - draw() * reach)));
    series.volume[bar] = silent ? 0 : draw() * (draw() < 0.01 ? 1e9 : 1e3);
    price = close;
  }
  return series;
}
