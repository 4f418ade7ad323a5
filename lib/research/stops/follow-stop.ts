// The outcome of one entry under one stop: no target, exit at the stop or at the horizon.
import { invariant } from '../../core/invariant.ts';
import type { CandleSeries } from '../../market/candle-series.ts';
import type { StopTimeframe } from '../../models/stop-timeframe.ts';
import type { TradingCosts } from '../labels/triple-barrier.ts';
import { followSignal } from './follow-signal.ts';
import type { StopRule } from './stop-rule.ts';

export interface StudiedEntry {
  /** Bar that decided, as an index into the series; `horizonBars` bars must follow it. */
  readonly bar: number;
  readonly side: 'BUY' | 'SELL';
  /** As known at the close of that bar, price units, > 0. */
  readonly atr: Readonly<Record<StopTimeframe, number>>;
  readonly horizonBars: number;
}

export interface StopOutcome {
  readonly grossBps: number;
  readonly netBps: number;
  readonly stopped: boolean;
  /** Farthest that the price moved against the open position, ≥ 0. */
  readonly adverseBps: number;
}

/** Entry at the next bar's open, stop from that price, exit at the horizon's close; in bps of the entry price. */
export function followStop(
  series: CandleSeries,
  entry: StudiedEntry,
  { rule, costs }: { rule: StopRule; costs: TradingCosts },
): StopOutcome {
  const { bar, side, atr, horizonBars } = entry;
  const sign = side === 'BUY' ? 1 : -1;
  const distance = rule.kind === 'none' ? Number.POSITIVE_INFINITY : rule.multiple * atr[rule.timeframe];
  invariant(distance > 0, `a stop must be above 0 away, not ${distance}`);
  const stopPrice = series.open[bar + 1]! - sign * distance;
  // Without a target, and with the stop alone on the loss side.
  const barrierFraction = Number.POSITIVE_INFINITY;
  const path = followSignal(series, { bar, side, barrierFraction, stopPrice, horizonBars });
  const { entryPrice, exitPrice, exitBar } = path;
  const worst = side === 'BUY' ? series.low : series.high;
  let adverse = Math.max(0, sign * (entryPrice - exitPrice));
  const stopped = path.exit === 'stop';
  const lastOpenBar = stopped ? exitBar - 1 : exitBar;
  for (let openBar = bar + 1; openBar <= lastOpenBar; openBar++)
    adverse = Math.max(adverse, sign * (entryPrice - worst[openBar]!));
  const slippage = (sign * costs.slippageBps) / 10_000;
  const paid = entryPrice * (1 + slippage);
  const got = exitPrice * (1 - slippage);
  const net = sign * (got - paid) - (costs.feeBps / 10_000) * (paid + got);
  const bps = (amount: number) => (10_000 * amount) / entryPrice;
  return {
    grossBps: bps(sign * (exitPrice - entryPrice)),
    netBps: bps(net),
    stopped,
    adverseBps: bps(adverse),
  };
}
