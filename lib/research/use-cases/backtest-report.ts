// What `qtrader backtest` reports, in the order that traders know: pairs, open trades, exit reasons, summary, months. A figure that
// cannot be computed is undefined, never a stand-in.

import type { Interval } from '../../core/statistics/block-bootstrap.ts';
import type { PaperCosts } from '../../execution/paper/paper-matching.ts';
import type { Drawdown } from '../../risk/drawdown.ts';
import type { BacktestRun } from '../backtest-run.ts';
import type { BacktestSettings } from '../backtest-settings.ts';
import type { AbstentionCounts } from '../count-abstentions.ts';
import type { Benchmark } from '../hold-market.ts';
import type { TradeStatistics } from '../metrics/trade-statistics.ts';
import type { SymbolProblem } from '../symbol-problem.ts';

export type Figure = number | undefined;

export interface ReportedTrade {
  readonly symbol: string;
  readonly side: 'BUY' | 'SELL';
  readonly openedAtMs: number;
  readonly closedAtMs: number;
  readonly quantity: number;
  readonly entryPrice: number;
  readonly exitPrice: number | null;
  /** `stop`, `horizon`, `signal` … */
  readonly reason: string;
  readonly feesUsdt: number;
  /** Net of fees and slippage, without funding. */
  readonly profitUsdt: number;
  /** Of the notional at entry. */
  readonly profitBps: number;
}

export interface TradeGroup {
  readonly trades: number;
  readonly profitUsdt: number;
  readonly winRate: Figure;
  readonly profitFactor: Figure;
  readonly meanProfitBps: Figure;
  readonly averageDurationMs: Figure;
}

export interface OpenTrade {
  readonly symbol: string;
  readonly side: 'BUY' | 'SELL';
  readonly openedAtMs: number;
  readonly quantity: number;
  readonly entryPrice: number;
  readonly stopPrice: number;
  readonly markPrice: number;
  /** At the last price, before the costs of closing. */
  readonly unrealisedUsdt: number;
}

/** equity = deposit + realised + unrealised − fees + funding, exactly. */
export interface LedgerFigures {
  readonly depositUsdt: number;
  readonly realisedUsdt: number;
  readonly unrealisedUsdt: number;
  readonly feesUsdt: number;
  readonly fundingUsdt: number;
  readonly equityUsdt: number;
}

export interface BacktestSummary extends Omit<TradeStatistics, 'trades'> {
  readonly trades: number;
  readonly totalReturn: Figure;
  readonly annualReturn: Figure;
  readonly sharpe: Figure;
  /** 95 %, days drawn with replacement; undefined where the ratio is. */
  readonly sharpeInterval: Interval | undefined;
  /** 95 % of the mean return of a day; undefined for fewer than 5 days. */
  readonly dailyReturnInterval: Interval | undefined;
  readonly sortino: Figure;
  readonly calmar: Figure;
  readonly maxDrawdown: Drawdown | undefined;
  /** Mean over the symbols of the return from the first open to the last close. */
  readonly marketChange: Figure;
}

export interface BacktestReport {
  readonly ensembleId: string;
  /** Open times, half open. */
  readonly range: { readonly fromMs: number; readonly toMs: number };
  readonly inSample: boolean | 'partly';
  readonly symbols: readonly string[];
  readonly bars: number;
  readonly settings: BacktestSettings;
  /** Of the system as released. */
  readonly releasedSettings: BacktestSettings;
  /** Signals decided, over all symbols and bars. */
  readonly decisions: number;
  readonly signals: BacktestRun['signals'];
  /** One line of what stood in the way; undefined when something was traded. */
  readonly whyNoTrade: string | undefined;
  /** Bars of all symbols at which serving abstains, by reason. */
  readonly abstentions: AbstentionCounts;
  /** Position manager, stops and entries act at bar closes only. */
  readonly resolutionMs: number;
  readonly costs: PaperCosts;
  readonly withBreaker: boolean;
  /** One line of why the use cases traded the range, one order after the other; undefined when the loop over columns did. */
  readonly slowReplay: string | undefined;
  readonly trip: BacktestRun['trip'];
  readonly pairs: readonly (TradeGroup & { readonly symbol: string })[];
  readonly openTrades: readonly OpenTrade[];
  /** Long and short apart. */
  readonly sides: readonly (TradeGroup & { readonly side: 'BUY' | 'SELL' })[];
  readonly exitReasons: readonly (TradeGroup & { readonly reason: string })[];
  readonly summary: BacktestSummary;
  readonly months: readonly {
    readonly startMs: number;
    readonly return: number;
    readonly trades: number;
    readonly profitUsdt: number;
  }[];
  readonly bookedLedger: LedgerFigures;
  /** Outcomes of BUY and SELL signals. */
  readonly outcomes: BacktestRun['outcomes'];
  readonly problems: readonly string[];
  readonly trades: readonly ReportedTrade[];
  /** One snapshot at the start and one at every bar's close. */
  readonly equity: { readonly timeMs: readonly number[]; readonly equityUsdt: readonly number[] };
  /** What holding would have been worth at the same times. */
  readonly benchmarks: readonly Benchmark[];
  readonly symbolProblems: readonly SymbolProblem[];
}
