// What would have become of one entry at its full size in an empty account: planned, filled, stopped and closed by what trades, so that
// a sizing policy learns from the same path that it will scale.
import { exitDueMs } from '../../execution/entry-account.ts';
import type { TradingLimits } from '../../execution/limits.ts';
import type { EntryOrder } from '../../execution/order.ts';
import type { PaperCosts } from '../../execution/paper/paper-matching.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { CandleSeries } from '../../market/candle-series.ts';
import type { Ensemble } from '../../models/ensemble.ts';
import { EXECUTE_MS, POSITION_MANAGER_MS, SETTLE_MS } from '../backtest-run.ts';
import type { RecordedFilters } from '../replay/recorded-filters.ts';
import { ReplayedAccount } from '../replay/replayed-account.ts';

/** Enough that steps and smallest orders round nothing away that matters. */
export const DEPOSIT_MICRO_USDT = 100_000_000_000;

export interface CandidateTerms {
  readonly symbol: string;
  readonly series: CandleSeries;
  readonly filters: RecordedFilters;
  readonly costs: PaperCosts;
  readonly limits: TradingLimits;
  readonly ensemble: Ensemble;
  /** The range's end: what would still be open then is no candidate. */
  readonly toMs: number;
}

interface FollowedCandidate {
  /** Bars from the decision to the exit: 1 is the bar in which it was entered. */
  readonly barsHeld: number;
  readonly reason: string;
  /** After each bar what closing at its end, without further costs, would have returned on the notional; from the exit on, what it did. */
  readonly path: Float32Array;
}

/**
 * @param againstMs close of the first bar whose signal is against it, if any
 * @returns undefined for a position that the range does not see the end of. Throws Unplayable.
 */
export function followCandidate(
  entry: EntryOrder,
  { symbol, series, filters, costs, ensemble, toMs }: CandidateTerms,
  againstMs: number | undefined,
): FollowedCandidate | undefined {
  const decidedMs = entry.barOpenTimeMs + BAR_MS;
  const { holdBars } = ensemble;
  const account = new ReplayedAccount([{ symbol, series }], {
    ...{ depositMicroUsdt: DEPOSIT_MICRO_USDT, costs, filters },
  });
  account.enter(0, entry, {
    nowMs: decidedMs + EXECUTE_MS,
    exitDueMs: exitDueMs(entry.barOpenTimeMs, holdBars),
  });
  const path = new Float32Array(holdBars);
  const returned = (atMs: number) =>
    (account.equityMicroUsdt(atMs) - DEPOSIT_MICRO_USDT) / entry.notionalMicroUsdt;
  for (let bars = 1; bars <= holdBars; bars++) {
    const closeMs = decidedMs + bars * BAR_MS;
    if (closeMs > toMs) return undefined;
    const nowMs = closeMs + POSITION_MANAGER_MS;
    account.followBar(closeMs, nowMs);
    account.leaveDue(nowMs);
    if (!account.isFlat && !account.isLeft(0) && closeMs === againstMs)
      account.leave(0, closeMs + EXECUTE_MS);
    if (account.isLeft(0)) account.settle(closeMs + SETTLE_MS);
    path[bars - 1] = returned(nowMs);
    if (!account.isFlat) continue;
    path.fill(path[bars - 1]!, bars);
    return { barsHeld: bars, reason: account.trades()[0]!.reason, path };
  }
  return undefined;
}
