// The outcome of one signal under one rule: entered at the next bar's open, or by an order that rests, and left where the rule ends the
// trade first.
import { invariant } from '../../core/invariant.ts';
import type { CandleSeries } from '../../market/candle-series.ts';
import type { StopTimeframe } from '../../models/stop-timeframe.ts';
import type { TradingCosts } from '../labels/triple-barrier.ts';
import type { AtrDistance, TradeRule } from './trade-rule.ts';

export interface StudiedSignal {
  /** Bar that decided, as an index into the series; the `holdBars` of the rule must follow it. */
  readonly bar: number;
  readonly side: 'BUY' | 'SELL';
  /** As known at the close of that bar, price units, > 0; of the timeframes that the rule measures by. */
  readonly atr: Readonly<Partial<Record<StopTimeframe, number>>>;
  /** [bars of the series] what the ensemble expected at each, up positive; NaN where it said nothing: no reason to leave. */
  readonly expectedMove: Float64Array;
}

export interface TradeOutcome {
  /** False for an order that rested in vain: nothing was earned, and nothing lost. */
  readonly entered: boolean;
  readonly grossBps: number;
  readonly netBps: number;
  /** Left at the stop, a trailing one too. */
  readonly stopped: boolean;
  /** Farthest that the price moved against the open position, ≥ 0. */
  readonly adverseBps: number;
}

interface Entry {
  readonly bar: number;
  readonly price: number;
  /** Of the entry alone. */
  readonly costs: TradingCosts;
}

interface Exit {
  /** Before costs. */
  readonly price: number;
  readonly bar: number;
  /** The last bar on which the position was open from its entry to the bar's end. */
  readonly lastWholeBar: number;
  readonly stopped: boolean;
}

/** Prices before costs; bars as indexes into the series. */
export interface TradePath {
  readonly entry: Entry;
  readonly exit: Exit;
}

/** What a maker pays on Binance USDT-M without a discount, bps; a taker pays 5. */
export const MAKER_FEE_BPS = 2;

const NOTHING: TradeOutcome = { entered: false, grossBps: 0, netBps: 0, stopped: false, adverseBps: 0 };

/** In bps of the entry price. */
export function followTrade(
  series: CandleSeries,
  signal: StudiedSignal,
  { rule, costs }: { rule: TradeRule; costs: TradingCosts },
): TradeOutcome {
  const path = tracePath(series, signal, { rule, costs });
  if (path === undefined) return NOTHING;
  const { entry, exit } = path;
  const sign = signal.side === 'BUY' ? 1 : -1;
  const worst = signal.side === 'BUY' ? series.low : series.high;
  let adverse = Math.max(0, sign * (entry.price - exit.price));
  for (let openBar = entry.bar; openBar <= exit.lastWholeBar; openBar++)
    adverse = Math.max(adverse, sign * (entry.price - worst[openBar]!));
  const paid = entry.price * (1 + (sign * entry.costs.slippageBps) / 10_000);
  const got = exit.price * (1 - (sign * costs.slippageBps) / 10_000);
  const net = sign * (got - paid) - (entry.costs.feeBps * paid + costs.feeBps * got) / 10_000;
  const bps = (amount: number) => (10_000 * amount) / entry.price;
  return {
    entered: true,
    grossBps: bps(sign * (exit.price - entry.price)),
    netBps: bps(net),
    stopped: exit.stopped,
    adverseBps: bps(adverse),
  };
}

/** Undefined when an order rested in vain. @param terms.costs of a taker */
export function tracePath(
  series: CandleSeries,
  signal: StudiedSignal,
  { rule, costs }: { rule: TradeRule; costs: TradingCosts },
): TradePath | undefined {
  const { bar } = signal;
  invariant(bar + rule.holdBars < series.length, `the path of bar ${bar} runs over the end of the data`);
  const entry = enter(series, signal, { rule, costs });
  return entry && { entry, exit: leave(series, signal, { rule, entry }) };
}

function distance(signal: StudiedSignal, { multiple, timeframe }: AtrDistance): number {
  const amount = multiple * signal.atr[timeframe]!;
  invariant(amount > 0, `a distance must be above 0, not ${amount}`);
  return amount;
}

/**
 * A resting order stands at the next bar's open, or `away` on the better side of it. The price has to go beyond it by the slippage, since
 * others wait there too: whoever is filled at once has been filled because the price moves against them.
 */
function enter(
  series: CandleSeries,
  signal: StudiedSignal,
  { rule, costs }: { rule: TradeRule; costs: TradingCosts },
): Entry | undefined {
  const { bar, side } = signal;
  const first = bar + 1;
  const { rest } = rule;
  if (rest === undefined) return { bar: first, price: series.open[first]!, costs };
  const isLong = side === 'BUY';
  const sign = isLong ? 1 : -1;
  const price = series.open[first]! - sign * (rest.away === undefined ? 0 : distance(signal, rest.away));
  const beyond = price * (1 - (sign * costs.slippageBps) / 10_000);
  const end = first + rest.bars;
  for (let at = first; at < end; at++) {
    const reached = isLong ? series.low[at]! < beyond : series.high[at]! > beyond;
    if (reached) return { bar: at, price, costs: { feeBps: MAKER_FEE_BPS, slippageBps: 0 } };
  }
  return rest.unfilled === 'taker' ? { bar: end, price: series.open[end]!, costs } : undefined;
}

/** Where a bar reaches both a stop and the target, the loss counts: which came first is unknown. */
function leave(
  series: CandleSeries,
  signal: StudiedSignal,
  { rule, entry }: { rule: TradeRule; entry: Entry },
): Exit {
  const { bar, side, expectedMove } = signal;
  const isLong = side === 'BUY';
  const sign = isLong ? 1 : -1;
  const [worst, best] = isLong ? [series.low, series.high] : [series.high, series.low];
  const away = (to: AtrDistance | undefined) => (to ? distance(signal, to) : Number.POSITIVE_INFINITY);
  const fixed = entry.price - sign * away(rule.stop);
  const trail = away(rule.trail);
  const target = entry.price + sign * away(rule.target);
  const lastBar = bar + rule.holdBars;
  let bestSoFar = entry.price;
  for (let at = entry.bar; at <= lastBar; at++) {
    const open = series.open[at]!;
    const follows = bestSoFar - sign * trail;
    const stop = isLong ? Math.max(fixed, follows) : Math.min(fixed, follows);
    if (sign * (worst[at]! - stop) <= 0)
      return {
        price: isLong ? Math.min(stop, open) : Math.max(stop, open),
        bar: at,
        lastWholeBar: at - 1,
        stopped: true,
      };
    if (sign * (best[at]! - target) >= 0)
      return { price: target, bar: at, lastWholeBar: at - 1, stopped: false };
    bestSoFar = isLong ? Math.max(bestSoFar, best[at]!) : Math.min(bestSoFar, best[at]!);
    if (rule.fades && at < lastBar && sign * expectedMove[at]! < 0)
      return { price: series.open[at + 1]!, bar: at, lastWholeBar: at, stopped: false };
  }
  return { price: series.close[lastBar]!, bar: lastBar, lastWholeBar: lastBar, stopped: false };
}
