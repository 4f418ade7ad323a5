// Turns the records of a backtest into its report.

import type { DrawIndex } from '../../core/statistics/block-bootstrap.ts';
import { MICRO } from '../../core/units.ts';
import { BAR_MS } from '../../market/candle.ts';
import { type CandleSeries, countUntil } from '../../market/candle-series.ts';
import { type EquityCurve, monthlyReturns } from '../../risk/equity-curve.ts';
import type { TradeRecord } from '../../risk/records.ts';
import type { BacktestRun } from '../backtest-run.ts';
import { holdMarket } from '../hold-market.ts';
import { dailyReturnInterval, sharpeInterval } from '../metrics/daily-intervals.ts';
import { performanceOf } from '../metrics/performance.ts';
import { type ClosedTrade, tradeStatistics } from '../metrics/trade-statistics.ts';
import type {
  BacktestReport,
  BacktestSummary,
  Figure,
  LedgerFigures,
  OpenTrade,
  ReportedTrade,
  TradeGroup,
} from './backtest-report.ts';

export interface ReportContext
  extends Pick<
    BacktestReport,
    | 'ensembleId'
    | 'range'
    | 'settings'
    | 'releasedSettings'
    | 'decisions'
    | 'abstentions'
    | 'costs'
    | 'withBreaker'
    | 'slowReplay'
    | 'symbolProblems'
  > {
  /** Newest bar that any serving model was trained on. */
  readonly trainedToMs: number;
  readonly series: ReadonlyMap<string, CandleSeries>;
  /** For confidence intervals. */
  readonly drawIndex: DrawIndex;
}

export function reportBacktest(run: BacktestRun, context: ReportContext): BacktestReport {
  const { series, trainedToMs, range, drawIndex, ...rest } = context;
  const trades = run.trades.map(reportTrade);
  const curve = {
    timeMs: run.snapshots.map(({ atMs }) => atMs),
    equityUsdt: run.snapshots.map(({ equityMicroUsdt }) => equityMicroUsdt / MICRO),
  };
  const openTrades = run.open.map(reportOpen).sort((a, b) => a.openedAtMs - b.openedAtMs || order(a, b));
  return {
    ...rest,
    range,
    inSample: inSampleOf(range, trainedToMs),
    symbols: [...series.keys()],
    bars: (range.toMs - range.fromMs) / BAR_MS,
    resolutionMs: BAR_MS,
    trip: run.trip,
    signals: run.signals,
    whyNoTrade: trades.length + openTrades.length > 0 ? undefined : explainNoTrade(run),
    pairs: groupBy(trades, ({ symbol }) => symbol).map(([symbol, group]) => ({ symbol, ...group })),
    openTrades,
    sides: groupBy(trades, ({ side }) => side).map(([side, group]) => ({ side, ...group })),
    exitReasons: groupBy(trades, ({ reason }) => reason).map(([reason, group]) => ({ reason, ...group })),
    summary: summarise(trades, curve, { change: marketChange(series, range), drawIndex }),
    months: monthsOf(trades, curve),
    bookedLedger: ledgerOf(run),
    outcomes: Object.fromEntries(Object.entries(run.outcomes).sort(([a], [b]) => (a < b ? -1 : 1))),
    problems: run.problems,
    trades,
    equity: curve,
    benchmarks: holdMarket(series, { timeMs: curve.timeMs, startUsdt: curve.equityUsdt[0]! }),
  };
}

/** @param trainedToMs newest bar that any serving model was trained on */
export const inSampleOf = (
  { fromMs, toMs }: BacktestReport['range'],
  trainedToMs: number,
): BacktestReport['inSample'] =>
  fromMs > trainedToMs ? false : toMs - BAR_MS <= trainedToMs ? true : 'partly';

const order = (a: { symbol: string }, b: { symbol: string }): number => (a.symbol < b.symbol ? -1 : 1);

function reportTrade(trade: TradeRecord): ReportedTrade {
  const { symbol, side, openedAtMs, closedAtMs, quantity, entryPrice, exitPrice, reason } = trade;
  const profitUsdt = trade.profitMicroUsdt / MICRO;
  return {
    symbol,
    side,
    openedAtMs,
    closedAtMs,
    quantity,
    entryPrice,
    exitPrice,
    reason,
    feesUsdt: trade.feesMicroUsdt / MICRO,
    profitUsdt,
    profitBps: (10_000 * profitUsdt) / (quantity * entryPrice),
  };
}

function reportOpen(position: BacktestRun['open'][number]): OpenTrade {
  const { symbol, side, openedAtMs, quantity, entryPrice, stopPrice, markPrice } = position;
  const move = (markPrice - entryPrice) * (side === 'BUY' ? 1 : -1);
  return {
    symbol,
    side,
    openedAtMs,
    quantity,
    entryPrice,
    stopPrice,
    markPrice,
    unrealisedUsdt: quantity * move,
  };
}

const closedTrade = ({ openedAtMs, closedAtMs, profitUsdt }: ReportedTrade): ClosedTrade => ({
  openedMs: openedAtMs,
  closedMs: closedAtMs,
  profitUsdt,
});

const totalProfit = (trades: readonly ReportedTrade[]): number =>
  trades.reduce((sum, { profitUsdt }) => sum + profitUsdt, 0);

/** Groups by name, the most profitable first. */
function groupBy<Name extends string>(
  trades: readonly ReportedTrade[],
  nameOf: (trade: ReportedTrade) => Name,
): [Name, TradeGroup][] {
  const groups = new Map<Name, ReportedTrade[]>();
  for (const trade of trades) {
    const group = groups.get(nameOf(trade));
    if (group === undefined) groups.set(nameOf(trade), [trade]);
    else group.push(trade);
  }
  return [...groups]
    .map(([name, group]): [Name, TradeGroup] => {
      const { winRate, profitFactor, averageDurationMs } = tradeStatistics(group.map(closedTrade));
      const meanProfitBps = group.reduce((sum, { profitBps }) => sum + profitBps, 0) / group.length;
      const profitUsdt = totalProfit(group);
      return [
        name,
        { trades: group.length, profitUsdt, winRate, profitFactor, meanProfitBps, averageDurationMs },
      ];
    })
    .sort(([a, of], [b, than]) => than.profitUsdt - of.profitUsdt || (a < b ? -1 : 1));
}

function summarise(
  trades: readonly ReportedTrade[],
  curve: EquityCurve,
  { change, drawIndex }: { readonly change: Figure; readonly drawIndex: DrawIndex },
): BacktestSummary {
  const { totalReturn, annualReturn, sharpe, sortino, calmar, maxDrawdown, dailyReturns } =
    performanceOf(curve);
  const returns = dailyReturns.map(({ value }) => value);
  return {
    ...tradeStatistics(trades.map(closedTrade)),
    totalReturn,
    annualReturn,
    sharpe,
    sharpeInterval: sharpe === undefined ? undefined : sharpeInterval(returns, drawIndex),
    dailyReturnInterval: dailyReturnInterval(returns, drawIndex),
    sortino,
    calmar,
    maxDrawdown,
    marketChange: change,
  };
}

/** The bars where a signal wanted to act and was denied say more than those that were held. */
function explainNoTrade({ signals, outcomes }: BacktestRun): string {
  const { BUY, SELL, HOLD } = signals.actions;
  const counts = (of: Readonly<Partial<Record<string, number>>>) =>
    Object.entries(of)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || 'of the last bar, after which nothing is entered';
  if (BUY + SELL > 0)
    return `none of ${BUY + SELL} BUY and SELL signals became a position: ${counts(outcomes)}`;
  return `all ${HOLD} decisions were HOLD: ${counts(signals.holdReasons)}`;
}

function marketChange(
  series: ReadonlyMap<string, CandleSeries>,
  { fromMs, toMs }: BacktestReport['range'],
): Figure {
  const changes = [...series.values()].flatMap((candles) => {
    const [first, end] = [countUntil(candles, fromMs - 1), countUntil(candles, toMs - 1)];
    return first < end ? [candles.close[end - 1]! / candles.open[first]! - 1] : [];
  });
  return changes.length === 0 ? undefined : changes.reduce((sum, change) => sum + change, 0) / changes.length;
}

/** A trade belongs to the month that it was closed in; one closed at exactly 00:00 UTC to the month before. */
function monthsOf(trades: readonly ReportedTrade[], curve: EquityCurve): BacktestReport['months'] {
  const months = monthlyReturns(curve);
  return months.map(({ startMs, value }, index) => {
    const endMs = months[index + 1]?.startMs ?? Number.POSITIVE_INFINITY;
    const own = trades.filter(({ closedAtMs }) => closedAtMs > startMs && closedAtMs <= endMs);
    return { startMs, return: value, trades: own.length, profitUsdt: totalProfit(own) };
  });
}

function ledgerOf({ ledger, snapshots }: BacktestRun): LedgerFigures {
  const { depositMicroUsdt, realisedMicroUsdt, feesMicroUsdt, fundingMicroUsdt } = ledger;
  const equityMicroUsdt = snapshots.at(-1)!.equityMicroUsdt;
  const closed = depositMicroUsdt + realisedMicroUsdt - feesMicroUsdt + fundingMicroUsdt;
  return {
    depositUsdt: depositMicroUsdt / MICRO,
    realisedUsdt: realisedMicroUsdt / MICRO,
    unrealisedUsdt: (equityMicroUsdt - closed) / MICRO,
    feesUsdt: feesMicroUsdt / MICRO,
    fundingUsdt: fundingMicroUsdt / MICRO,
    equityUsdt: equityMicroUsdt / MICRO,
  };
}
