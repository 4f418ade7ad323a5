// The outcome of one BUY or SELL signal by the candles that followed: entry at the next bar's open, exit at the first level reached.
// Where a bar reaches both levels, the loss counts: which came first is unknown.
import { invariant } from '../../core/invariant.ts';
import type { CandleSeries } from '../../market/candle-series.ts';

export interface FollowedSignal {
  /** Bar that decided, as an index into the series; `horizonBars` bars must follow it. */
  readonly bar: number;
  readonly side: 'BUY' | 'SELL';
  /** Distance of the label's barriers from the close, as a fraction of the close. */
  readonly barrierFraction: number;
  readonly stopPrice: number;
  readonly horizonBars: number;
}

export interface SignalPath {
  /** Open of the bar after the signal, before costs. */
  readonly entryPrice: number;
  /** The level, or the open where the bar opened beyond a loss; the close at the horizon. Before costs. */
  readonly exitPrice: number;
  readonly exitBar: number;
  readonly exit: 'target' | 'stop' | 'horizon';
}

/** The loss side ends at the nearer of the signal's stop and the label's barrier. */
export function followSignal(series: CandleSeries, signal: FollowedSignal): SignalPath {
  const { bar, side, barrierFraction, stopPrice, horizonBars } = signal;
  const lastBar = bar + horizonBars;
  invariant(lastBar < series.length, `the path of bar ${bar} runs over the end of the data`);
  const isLong = side === 'BUY';
  const close = series.close[bar]!;
  const target = close * (isLong ? 1 + barrierFraction : 1 - barrierFraction);
  const barrier = close * (isLong ? 1 - barrierFraction : 1 + barrierFraction);
  const stop = isLong ? Math.max(stopPrice, barrier) : Math.min(stopPrice, barrier);
  const entryPrice = series.open[bar + 1]!;
  for (let exitBar = bar + 1; exitBar <= lastBar; exitBar++) {
    const open = series.open[exitBar]!;
    const [worst, best] = isLong
      ? [series.low[exitBar]!, series.high[exitBar]!]
      : [series.high[exitBar]!, series.low[exitBar]!];
    if (isLong ? worst <= stop : worst >= stop) {
      const exitPrice = isLong ? Math.min(stop, open) : Math.max(stop, open);
      return { entryPrice, exitPrice, exitBar, exit: 'stop' };
    }
    if (isLong ? best >= target : best <= target)
      return { entryPrice, exitPrice: target, exitBar, exit: 'target' };
  }
  return { entryPrice, exitPrice: series.close[lastBar]!, exitBar: lastBar, exit: 'horizon' };
}
