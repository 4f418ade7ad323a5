// Why bars of the past have no decision: serving abstains there.
import type { AbstentionReason } from '../market/abstention.ts';
import { countUntil } from '../market/candle-series.ts';
import { type CandleGrid, checkBars } from '../market/grid.ts';

export type AbstentionCounts = Readonly<Partial<Record<AbstentionReason, number>>>;

/** Bars of the grid from `fromMs` on at which serving abstains, by reason. */
export function countAbstentions(grid: CandleGrid, fromMs: number): AbstentionCounts {
  const counts: Partial<Record<AbstentionReason, number>> = {};
  const first = countUntil(grid, fromMs - 1);
  for (const reason of checkBars(grid).slice(first))
    if (reason !== undefined) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}
