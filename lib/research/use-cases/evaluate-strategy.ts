// The figures of a simple strategy on the signals of an evaluation: one simulated account that acts on all of them.
import type { Result } from '../../core/result.ts';
import type { DrawIndex } from '../../core/statistics/block-bootstrap.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { StrategyFigures } from '../evaluation.ts';
import { sharpeInterval } from '../metrics/daily-intervals.ts';
import { dailySharpe, performanceOf } from '../metrics/performance.ts';
import { tradeStatistics } from '../metrics/trade-statistics.ts';
import { runPortfolio } from '../run-portfolio.ts';
import type { CollectedAnswers } from './collect-answers.ts';
import { type AnsweredRows, roundTripBps, type TimeSpan } from './evaluate-voters.ts';
import { deflateTrials, type TrialLog } from './trial-log.ts';

/** As the executor's limits: at most a tenth of the account in one symbol. */
const POSITIONS_MAX = 10;
const START_USDT = 10_000;

export function evaluateStrategy(
  { loaded, answers }: AnsweredRows,
  context: TimeSpan & { log: Result<TrialLog, string>; drawIndex: DrawIndex },
): StrategyFigures {
  const { costs, holdBars } = loaded.ensemble;
  const { blocks, candidates } = answers;
  const result = runPortfolio(candidates, {
    fromMs: context.fromMs,
    // The last evaluated bar's trade may stay open for as long as one is held.
    toMs: context.toMs + (holdBars + 1) * BAR_MS,
    startUsdt: START_USDT,
    positionsMax: POSITIONS_MAX,
    costs,
    closeAt: (symbol, barMs) => {
      const { openTimeMs, closes } = blocks[symbol]!;
      return closes[(barMs - openTimeMs[0]!) / BAR_MS]!;
    },
  });
  const performance = performanceOf(result.curve);
  const statistics = tradeStatistics(result.trades);
  const traded = meanTradedBps(result.traded);
  const timeMs = Array.from(result.curve.timeMs);
  const returns = performance.dailyReturns.map(({ value }) => value);
  const own = dailySharpe(returns);
  return {
    sharpe: performance.sharpe,
    sharpeInterval: performance.sharpe === undefined ? undefined : sharpeInterval(returns, context.drawIndex),
    sortino: performance.sortino,
    calmar: performance.calmar,
    profitFactor: statistics.profitFactor,
    maxDrawdown: performance.maxDrawdown?.fraction,
    ...deflateTrials(returns, own === undefined ? [] : [own], context.log),
    trades: statistics.trades,
    totalReturn: performance.totalReturn,
    winRate: statistics.winRate,
    tradedGrossBps: traded,
    tradedNetBps: traded === undefined ? undefined : traded - roundTripBps(loaded),
    stopped: result.traded.filter(({ stopped }) => stopped).length,
    skippedOpen: result.skippedOpen,
    skippedFull: result.skippedFull,
    drawdown: performance.maxDrawdown,
    rules: { positionsMax: POSITIONS_MAX, ...costs },
    daily: performance.dailyReturns,
    equity: { timeMs, equityUsdt: Array.from(result.curve.equityUsdt) },
    heldUsdt: holdEqualParts(blocks, timeMs),
  };
}

/** To the cent, before costs. A symbol is cash until its first close, and keeps its last one. */
function holdEqualParts(blocks: CollectedAnswers['blocks'], timeMs: readonly number[]): number[] {
  return timeMs.map((ms) => {
    const growth = blocks.reduce((sum, { openTimeMs, closes }) => {
      const bar = (ms - BAR_MS - openTimeMs[0]!) / BAR_MS;
      return sum + closes[Math.min(Math.max(bar, 0), closes.length - 1)]! / closes[0]!;
    }, 0);
    return Math.round((100 * START_USDT * growth) / blocks.length) / 100;
  });
}

type Candidate = CollectedAnswers['candidates'][number];

/** Side × move from entry to exit, before costs; undefined without trades. */
function meanTradedBps(traded: readonly Candidate[]): number | undefined {
  if (traded.length === 0) return undefined;
  const sum = traded.reduce((total, { side, entryPrice, exitPrice }) => {
    const moveBps = 10_000 * (exitPrice / entryPrice - 1);
    return total + (side === 'BUY' ? moveBps : -moveBps);
  }, 0);
  return sum / traded.length;
}
