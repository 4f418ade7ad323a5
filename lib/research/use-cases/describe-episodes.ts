// `episodes.json`, as training reads it.

import { STOP_HITS_WINDOW_MS } from '../../execution/entry-account.ts';
import type { TradingLimits } from '../../execution/limits.ts';
import type { PaperCosts } from '../../execution/paper/paper-matching.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { Ensemble } from '../../models/ensemble.ts';
import { SIZING_COLUMNS } from '../../models/sizing-policy.ts';
import { type Episodes, SIGNAL_COLUMNS } from './collect-episodes.ts';

/** It holds no time of writing and no path, so that the same input gives the same bytes. */
export interface EpisodesDescription {
  readonly schemaVersion: 1;
  readonly ensembleId: string;
  /** What the signals were decided by. */
  readonly members: readonly Pick<Ensemble['members'][number], 'name' | 'version' | 'sha256'>[];
  readonly edgeThresholdBps: number;
  /** Newest bar that any model was trained on: what comes before is no evidence. */
  readonly trainedToMs: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly barMs: number;
  /** For how long an entry is held at most. */
  readonly horizonBars: number;
  /** Of the whole state; those of the signal are columns of the file, the others follow from the sizes chosen. */
  readonly stateColumns: readonly string[];
  readonly signalColumns: readonly string[];
  readonly stopHitsWindowMs: number;
  readonly costs: PaperCosts;
  readonly positionsMax: number;
  /** Largest exposure, as a share of the equity. */
  readonly exposureMax: number;
  readonly symbols: readonly string[];
  readonly rows: number;
  readonly dropped: Episodes['dropped'];
  /** Of episodes.parquet. */
  readonly sha256: string;
}

export const describeEpisodes = (
  { rows, dropped }: Episodes,
  about: {
    readonly ensemble: Ensemble;
    readonly trainedToMs: number;
    readonly fromMs: number;
    readonly toMs: number;
    readonly costs: PaperCosts;
    readonly limits: TradingLimits;
    readonly capitalFraction: number;
    readonly positionsMax: number;
    readonly symbols: readonly string[];
  },
): Omit<EpisodesDescription, 'sha256'> => {
  const { ensemble, trainedToMs, fromMs, toMs, costs, limits, positionsMax, symbols } = about;
  return {
    schemaVersion: 1,
    ensembleId: ensemble.id,
    members: ensemble.members.map(({ name, version, sha256 }) => ({ name, version, sha256 })),
    edgeThresholdBps: ensemble.edgeThresholdBps,
    ...{ trainedToMs, fromMs, toMs, barMs: BAR_MS, horizonBars: ensemble.holdBars },
    stateColumns: SIZING_COLUMNS,
    signalColumns: SIGNAL_COLUMNS,
    stopHitsWindowMs: STOP_HITS_WINDOW_MS,
    costs,
    positionsMax,
    exposureMax: Math.min(about.capitalFraction * limits.exposureFractionMax, limits.leverageMax),
    symbols,
    rows: rows.length,
    dropped,
  };
};
