// The market that the processes of the scale benchmark share.
import { REQUEST_BARS } from '../lib/market/grid.ts';

export const SHARDS = 10;
/** Bars that are decided; the first pays for the start of the processes. */
export const BARS = 4;
/** Bars over which the shards start on one address, two at each, before all are warm there. */
export const ROLLING_START_BARS = SHARDS / 2;
export const SCALE_MARKET = {
  seed: 9,
  symbols: 1_000,
  fromMs: Date.UTC(2024, 0, 1),
  bars: REQUEST_BARS + BARS + ROLLING_START_BARS + 4,
} as const;
