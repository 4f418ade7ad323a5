// Whether a challenger beats the champion on the same rows: the evidence that a promotion stands on.

import { invariant } from '../../core/invariant.ts';
import { blockBootstrap, type DrawIndex } from '../../core/statistics/block-bootstrap.ts';
import { DAY_MS } from '../../core/units.ts';
import type { PairedComparison } from '../../models/ensemble-comparison.ts';

/** Differences of losses on the same rows, summed by UTC day; memory does not grow with the rows. */
export class PairedLossTally {
  readonly #days = new Map<number, [sum: number, rows: number]>();

  /** Losses of one row in nats; times are bars' open times. Both finite. */
  add(row: { barOpenTimeMs: number; challengerLoss: number; championLoss: number }): void {
    const difference = row.challengerLoss - row.championLoss;
    invariant(Number.isFinite(difference), 'losses must be finite');
    const dayNumber = Math.floor(row.barOpenTimeMs / DAY_MS);
    const day = this.#days.get(dayNumber);
    if (day === undefined) this.#days.set(dayNumber, [difference, 1]);
    else {
      day[0] += difference;
      day[1]++;
    }
  }

  /**
   * Mean difference with its interval by day-block bootstrap; undefined without rows. 2000 draws settle a 95 % interval.
   */
  compare(options: { draws: number; level: number; drawIndex: DrawIndex }): PairedComparison | undefined {
    // In order of days, so that the order in which rows came does not change the draws.
    const days = [...this.#days].sort(([a], [b]) => a - b).map(([, sums]) => sums);
    if (days.length === 0) return undefined;
    const interval = blockBootstrap({ blocks: days, statistic: ([sum, rows]) => sum! / rows!, ...options });
    const rows = days.reduce((total, day) => total + day[1], 0);
    return {
      rows,
      days: days.length,
      meanDifference: days.reduce((total, day) => total + day[0], 0) / rows,
      interval,
      challengerIsBetter: interval !== undefined && interval.high < 0,
    };
  }
}
