// What acting on the signals would have earned in one account: a fixed number of positions of equal size, fees and slippage on both
// sides. Deliberately simple, so that its figures can be checked by hand: no sizing by volatility, no leverage, no funding. It
// measures the models, not the executor, which has its own sizing and gate.

import { BAR_MS } from '../market/candle.ts';
import type { EquityCurve } from '../risk/equity-curve.ts';
import type { TradingCosts } from './labels/triple-barrier.ts';
import type { ClosedTrade } from './metrics/trade-statistics.ts';

/** A signal and its path, ready to be traded. Prices before costs. */
export interface CandidateTrade {
  readonly symbol: number;
  readonly side: 'BUY' | 'SELL';
  /** Open times of the entry bar and of the exit bar. */
  readonly entryBarMs: number;
  readonly exitBarMs: number;
  readonly entryPrice: number;
  readonly exitPrice: number;
  /** Ranks the signals when there are more of them than free positions. */
  readonly expectedEdgeBps: number;
}

export interface PortfolioRules {
  /** Equity snapshots run from here to `toMs`, every 5 minutes; both multiples of 5 minutes. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly startUsdt: number;
  /** Each position opens with this share of what the account holds in closed trades: 1 / positionsMax. */
  readonly positionsMax: number;
  readonly costs: TradingCosts;
  /** Close of a symbol's bar, to value open positions. */
  readonly closeAt: (symbol: number, barOpenTimeMs: number) => number;
}

export interface PortfolioResult<Trade extends CandidateTrade> {
  /** In order of closing. */
  readonly trades: readonly ClosedTrade[];
  /** The candidates that were traded and closed, in the same order. */
  readonly traded: readonly Trade[];
  /** At every bar's close; open positions at their value if closed there, costs included. */
  readonly curve: EquityCurve;
  /** Signals not traded: their symbol's position was open, or all positions were taken. */
  readonly skippedOpen: number;
  readonly skippedFull: number;
}

interface Position<Trade extends CandidateTrade> {
  readonly trade: Trade;
  readonly notionalUsdt: number;
}

/** A position closed within a bar makes room from the next bar on. After ruin nothing is entered. */
export function runPortfolio<Trade extends CandidateTrade>(
  candidates: readonly Trade[],
  rules: PortfolioRules,
): PortfolioResult<Trade> {
  const { fromMs, toMs, positionsMax, costs } = rules;
  const queue = [...candidates].sort(byEntryThenEdge);
  const open = new Map<number, Position<Trade>>();
  const trades: ClosedTrade[] = [];
  const traded: Trade[] = [];
  const snapshots = Math.max(0, Math.round((toMs - fromMs) / BAR_MS)) + 1;
  const curve = { timeMs: new Float64Array(snapshots), equityUsdt: new Float64Array(snapshots) };
  let realisedUsdt = rules.startUsdt;
  let skippedOpen = 0;
  let skippedFull = 0;
  let next = 0;
  curve.timeMs[0] = fromMs;
  curve.equityUsdt[0] = realisedUsdt;
  for (let snapshot = 1; snapshot < snapshots; snapshot++) {
    const barMs = fromMs + (snapshot - 1) * BAR_MS;
    for (; next < queue.length && queue[next]!.entryBarMs <= barMs; next++) {
      const trade = queue[next]!;
      if (open.has(trade.symbol)) skippedOpen++;
      else if (open.size >= positionsMax || realisedUsdt <= 0) skippedFull++;
      else open.set(trade.symbol, { trade, notionalUsdt: realisedUsdt / positionsMax });
    }
    let unrealisedUsdt = 0;
    for (const [symbol, position] of open) {
      const { trade } = position;
      if (trade.exitBarMs === barMs) {
        const profitUsdt = profitOf(position, trade.exitPrice, costs);
        realisedUsdt += profitUsdt;
        trades.push({ openedMs: trade.entryBarMs, closedMs: barMs + BAR_MS, profitUsdt });
        traded.push(trade);
        open.delete(symbol);
      } else unrealisedUsdt += profitOf(position, rules.closeAt(symbol, barMs), costs);
    }
    curve.timeMs[snapshot] = barMs + BAR_MS;
    curve.equityUsdt[snapshot] = realisedUsdt + unrealisedUsdt;
  }
  return { trades, traded, curve, skippedOpen, skippedFull };
}

const byEntryThenEdge = (a: CandidateTrade, b: CandidateTrade): number =>
  a.entryBarMs - b.entryBarMs || b.expectedEdgeBps - a.expectedEdgeBps || a.symbol - b.symbol;

/** Of closing at `exitPrice`, USDT: slippage worsens both prices, the fee is paid on both worsened notionals. */
function profitOf(
  { trade, notionalUsdt }: Position<CandidateTrade>,
  exitPrice: number,
  costs: TradingCosts,
): number {
  const sign = trade.side === 'BUY' ? 1 : -1;
  const slippage = (sign * costs.slippageBps) / 10_000;
  const quantity = notionalUsdt / trade.entryPrice;
  const paid = quantity * trade.entryPrice * (1 + slippage);
  const got = quantity * exitPrice * (1 - slippage);
  return sign * (got - paid) - (costs.feeBps / 10_000) * (paid + got);
}
