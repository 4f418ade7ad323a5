// The outcome of one entry under one rule: entry at the next bar's open, exit where the rule ends the trade first.
import { invariant } from '../../core/invariant.ts';
import type { CandleSeries } from '../../market/candle-series.ts';
import type { StopTimeframe } from '../../models/stop-timeframe.ts';
import type { TradingCosts } from '../labels/triple-barrier.ts';
import type { AtrDistance, ExitRule } from './exit-rule.ts';

export interface StudiedEntry {
  /** Bar that decided, as an index into the series; the longest `holdBars` of the rules must follow it. */
  readonly bar: number;
  readonly side: 'BUY' | 'SELL';
  /** As known at the close of that bar, price units, > 0. */
  readonly atr: Readonly<Record<StopTimeframe, number>>;
  /** [bars of the series] what the ensemble expected at each, up positive; NaN where it said nothing: no reason to leave. */
  readonly expectedMove: Float64Array;
}

export interface ExitOutcome {
  readonly grossBps: number;
  readonly netBps: number;
  /** Left at the stop, a trailing one too. */
  readonly stopped: boolean;
  /** Farthest that the price moved against the open position, ≥ 0. */
  readonly adverseBps: number;
}

interface Exit {
  readonly price: number;
  /** The last bar on which the position was open from beginning to end. */
  readonly lastWholeBar: number;
  readonly stopped: boolean;
}

/** In bps of the entry price. */
export function followExit(
  series: CandleSeries,
  entry: StudiedEntry,
  { rule, costs }: { rule: ExitRule; costs: TradingCosts },
): ExitOutcome {
  const { bar, side } = entry;
  invariant(bar + rule.holdBars < series.length, `the path of bar ${bar} runs over the end of the data`);
  const sign = side === 'BUY' ? 1 : -1;
  const entryPrice = series.open[bar + 1]!;
  const { price, lastWholeBar, stopped } = leave(series, entry, rule);
  const worst = side === 'BUY' ? series.low : series.high;
  let adverse = Math.max(0, sign * (entryPrice - price));
  for (let openBar = bar + 1; openBar <= lastWholeBar; openBar++)
    adverse = Math.max(adverse, sign * (entryPrice - worst[openBar]!));
  const slippage = (sign * costs.slippageBps) / 10_000;
  const paid = entryPrice * (1 + slippage);
  const got = price * (1 - slippage);
  const net = sign * (got - paid) - (costs.feeBps / 10_000) * (paid + got);
  const bps = (amount: number) => (10_000 * amount) / entryPrice;
  return {
    grossBps: bps(sign * (price - entryPrice)),
    netBps: bps(net),
    stopped,
    adverseBps: bps(adverse),
  };
}

/** Where a bar reaches both a stop and the target, the loss counts: which came first is unknown. */
function leave(series: CandleSeries, { bar, side, atr, expectedMove }: StudiedEntry, rule: ExitRule): Exit {
  const isLong = side === 'BUY';
  const sign = isLong ? 1 : -1;
  const [worst, best] = isLong ? [series.low, series.high] : [series.high, series.low];
  const away = (distance: AtrDistance | undefined) => {
    const amount = distance ? distance.multiple * atr[distance.timeframe] : Number.POSITIVE_INFINITY;
    invariant(amount > 0, `an exit must be above 0 away, not ${amount}`);
    return amount;
  };
  const entryPrice = series.open[bar + 1]!;
  const fixed = entryPrice - sign * away(rule.stop);
  const trail = away(rule.trail);
  const target = entryPrice + sign * away(rule.target);
  const lastBar = bar + rule.holdBars;
  let bestSoFar = entryPrice;
  for (let at = bar + 1; at <= lastBar; at++) {
    const open = series.open[at]!;
    const follows = bestSoFar - sign * trail;
    const stop = isLong ? Math.max(fixed, follows) : Math.min(fixed, follows);
    if (sign * (worst[at]! - stop) <= 0)
      return {
        price: isLong ? Math.min(stop, open) : Math.max(stop, open),
        lastWholeBar: at - 1,
        stopped: true,
      };
    if (sign * (best[at]! - target) >= 0) return { price: target, lastWholeBar: at - 1, stopped: false };
    bestSoFar = isLong ? Math.max(bestSoFar, best[at]!) : Math.min(bestSoFar, best[at]!);
    if (rule.fades && at < lastBar && sign * expectedMove[at]! < 0)
      return { price: series.open[at + 1]!, lastWholeBar: at, stopped: false };
  }
  return { price: series.close[lastBar]!, lastWholeBar: lastBar, stopped: false };
}
