// What the closed trades say: how often, how much and how steadily they won.
import { momentsOf } from '../../core/statistics/moments.ts';

export interface ClosedTrade {
  readonly openedMs: number;
  readonly closedMs: number;
  /** Net of fees, slippage and funding. */
  readonly profitUsdt: number;
}

export interface TradeStatistics {
  readonly trades: number;
  /** Trades that earned more than 0, or less. */
  readonly wins: number;
  readonly losses: number;
  /** wins / trades; undefined without trades. */
  readonly winRate: number | undefined;
  /** Sum of profits / sum of losses; undefined when nothing was lost. */
  readonly profitFactor: number | undefined;
  /** Mean profit per trade, USDT; undefined without trades. */
  readonly expectancyUsdt: number | undefined;
  /**
   * System quality number √n × mean / sample deviation of profits (Van Tharp 2008, on profits rather than R multiples, as
   * backtrader and freqtrade do); undefined for fewer than 2 trades or when all earned the same.
   */
  readonly sqn: number | undefined;
  readonly averageDurationMs: number | undefined;
}

export function tradeStatistics(trades: readonly ClosedTrade[]): TradeStatistics {
  const profits = trades.map((trade) => trade.profitUsdt);
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  const mean = (values: readonly number[]) => (values.length > 0 ? total(values) / values.length : undefined);
  const won = profits.filter((profit) => profit > 0);
  const lost = profits.filter((profit) => profit < 0);
  const moments = momentsOf(profits);
  return {
    trades: trades.length,
    wins: won.length,
    losses: lost.length,
    winRate: trades.length > 0 ? won.length / trades.length : undefined,
    profitFactor: lost.length > 0 ? total(won) / -total(lost) : undefined,
    expectancyUsdt: mean(profits),
    sqn:
      moments === undefined || moments.deviation === 0
        ? undefined
        : (Math.sqrt(moments.count) * moments.mean) / moments.deviation,
    averageDurationMs: mean(trades.map((trade) => trade.closedMs - trade.openedMs)),
  };
}
