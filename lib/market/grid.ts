// The complete 5-minute grid and the gap policy: the one place where missing bars are filled and where a bar is found
// fit for a decision. Training and serving both come through here.

import { invariant } from '../core/invariant.ts';
import { failure, type Result, success } from '../core/result.ts';
import type { AbstentionReason } from './abstention.ts';
import { BAR_MS } from './candle.ts';
import { allocateSeries, type CandleSeries } from './candle-series.ts';

/** A series without gaps; `filled[i]` is 1 where the bar was missing and stands in flat (last close, volume 0). */
export interface CandleGrid extends CandleSeries {
  readonly filled: Uint8Array;
}

/** Bars that a feature row depends on, its own included. */
export const ROW_WINDOW_BARS = 880;
/** Consecutive feature rows that a sequence model reads. */
export const SEQUENCE_STEPS = 96;
/** Closed bars to ask for: enough for 96 consecutive rows (and some) in one request. */
export const REQUEST_BARS = 998;

const RECENT_BARS = 12;
const GAP_BARS_MAX = 72;
const LIQUIDITY_BARS = 288;
const MOVED_BARS_MIN = 72;
/** Two closes one after the other that differ by more, with no candle between that bridges them, are of different scales. */
const SCALE_FACTOR = 3;
/** 4 years: a longer series is refused rather than allowed to exhaust memory through one huge gap. */
export const GRID_BARS_MAX = 4 * 366 * 288;

/** Fills the gaps of a series. The result starts and ends at the series' own first and last bar. */
export function fillGaps(series: CandleSeries): CandleGrid {
  if (series.length === 0) return { ...allocateSeries(0), filled: new Uint8Array(0) };
  const firstOpenTimeMs = series.openTimeMs[0]!;
  const bars = (series.openTimeMs[series.length - 1]! - firstOpenTimeMs) / BAR_MS + 1;
  invariant(bars <= GRID_BARS_MAX, `a grid of ${bars} bars is over the limit of ${GRID_BARS_MAX}`);
  if (bars === series.length) return { ...series, filled: new Uint8Array(bars) };

  const grid = { ...allocateSeries(bars), filled: new Uint8Array(bars) };
  let source = 0;
  for (let bar = 0; bar < bars; bar++) {
    const openTimeMs = firstOpenTimeMs + bar * BAR_MS;
    grid.openTimeMs[bar] = openTimeMs;
    if (series.openTimeMs[source] === openTimeMs) {
      grid.open[bar] = series.open[source]!;
      grid.high[bar] = series.high[source]!;
      grid.low[bar] = series.low[source]!;
      grid.close[bar] = series.close[source]!;
      grid.volume[bar] = series.volume[source]!;
      source++;
    } else {
      const lastClose = grid.close[bar - 1]!;
      grid.open[bar] = grid.high[bar] = grid.low[bar] = grid.close[bar] = lastClose;
      grid.filled[bar] = 1;
    }
  }
  return grid;
}

/**
 * Checks every bar of a grid at once: element i is the reason why bar i has no row, or undefined when it has one.
 * Each verdict depends on the bar's own 880-bar window alone, so it is the same over years as over one request.
 */
export function checkBars(grid: CandleGrid): (AbstentionReason | undefined)[] {
  const verdicts = new Array<AbstentionReason | undefined>(grid.length);
  let lastFilled = Number.NEGATIVE_INFINITY;
  let gapBars = 0;
  let lastLongGapEnd = Number.NEGATIVE_INFINITY;
  let lastScaleJump = Number.NEGATIVE_INFINITY;
  let moved = 0;
  for (let bar = 0; bar < grid.length; bar++) {
    if (grid.filled[bar] === 1) {
      lastFilled = bar;
      gapBars++;
      if (gapBars > GAP_BARS_MAX) lastLongGapEnd = bar;
    } else gapBars = 0;
    if (bar > 0 && jumpsScale(grid, bar)) lastScaleJump = bar;
    if (grid.high[bar]! > grid.low[bar]!) moved++;
    const leaving = bar - LIQUIDITY_BARS;
    if (leaving >= 0 && grid.high[leaving]! > grid.low[leaving]!) moved--;

    verdicts[bar] = verdict({
      bar,
      lastFilled,
      // 73 filled bars in a row within the window: the run's 73rd bar may lie at most 880 − 73 bars back.
      longGapInWindow: lastLongGapEnd - GAP_BARS_MAX > bar - ROW_WINDOW_BARS,
      // The bar before the jump has to be in the window: what lies wholly after it is of one scale.
      scaleJumpInWindow: lastScaleJump - 1 > bar - ROW_WINDOW_BARS,
      moved,
    });
  }
  return verdicts;
}

/**
 * Whether a bar is of another price scale than the one before: a redenomination multiplies prices by a power of ten from one bar to
 * the next. However fast a market falls, it trades on its way, and the bar's range then reaches back to the last close.
 */
function jumpsScale(grid: CandleGrid, bar: number): boolean {
  const last = grid.close[bar - 1]!;
  return grid.low[bar]! > last * SCALE_FACTOR || grid.high[bar]! * SCALE_FACTOR < last;
}

function verdict(seen: {
  bar: number;
  lastFilled: number;
  longGapInWindow: boolean;
  scaleJumpInWindow: boolean;
  moved: number;
}): AbstentionReason | undefined {
  if (seen.bar + 1 < ROW_WINDOW_BARS) return 'insufficient_history';
  if (seen.scaleJumpInWindow) return 'price_scale_changed';
  if (seen.longGapInWindow) return 'gap_too_long';
  if (seen.bar - seen.lastFilled < RECENT_BARS) return 'gap_recent';
  if (seen.moved < MOVED_BARS_MIN) return 'illiquid';
  return undefined;
}

/**
 * The window of one symbol as serving sees it: grid and verdicts, or the reason why its newest bar has no row.
 * @param lastOpenTimeMs open time of the newest closed bar by the exchange's clock
 */
export function checkWindow(
  series: CandleSeries,
  lastOpenTimeMs: number,
): Result<CheckedWindow, { reason: AbstentionReason; message: string }> {
  const newest = series.openTimeMs[series.length - 1];
  if (newest === undefined)
    return failure({ reason: 'insufficient_history', message: 'the exchange has no candle' });
  if (newest !== lastOpenTimeMs)
    return failure({ reason: 'stale', message: `newest candle opened ${new Date(newest).toISOString()}` });
  const grid = fillGaps(series);
  const verdicts = checkBars(grid);
  const reason = verdicts[grid.length - 1];
  if (reason !== undefined)
    return failure({ reason, message: `${series.length} candles on a grid of ${grid.length} bars` });
  const steps = verdicts.slice(-SEQUENCE_STEPS);
  const hasSequence = steps.length === SEQUENCE_STEPS && steps.every((verdict) => verdict === undefined);
  return success({ grid, hasSequence });
}

export interface CheckedWindow {
  readonly grid: CandleGrid;
  /** Whether the last 96 bars all have a row, as sequence models need. */
  readonly hasSequence: boolean;
}
