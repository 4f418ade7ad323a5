// Whether a candidate ensemble is better than the active one, in figures: the evidence of a promotion.
import type { Interval } from '../core/statistics/block-bootstrap.ts';

export interface EnsembleComparison extends PairedComparison {
  readonly championId: string;
  readonly challengerId: string;
  readonly fromMs: number;
  readonly toMs: number | null;
  /** Means over the rows, nats. */
  readonly championLogLoss: number;
  readonly challengerLogLoss: number;
  /** Rows that fewer than 2 of its models answered; they cost what a uniform answer costs. */
  readonly championUnanswered: number;
  readonly challengerUnanswered: number;
  /** Symbols left out because their candles could not be used, one line each. */
  readonly problems: readonly string[];
}

export interface PairedComparison {
  readonly rows: number;
  readonly days: number;
  /** Mean log-loss of challenger − champion, nats: negative when the challenger is better. */
  readonly meanDifference: number;
  /** Of the mean difference, days drawn with replacement; undefined below 5 days. */
  readonly interval: Interval | undefined;
  /** The whole interval lies below 0. False where there is none. */
  readonly challengerIsBetter: boolean;
}
