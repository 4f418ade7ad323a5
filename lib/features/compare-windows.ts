// Whether the features of many bars at once are those of each bar by itself, bit for bit: training and backtest compute the
// former, serving the latter, and a model that is served other numbers than it was trained on trades on noise.
import { type CandleSeries, sliceSeries } from '../market/candle-series.ts';
import { type CandleGrid, checkBars, fillGaps, ROW_WINDOW_BARS } from '../market/grid.ts';
import { computeFeatures } from './compute-features.ts';
import { FEATURE_COUNT, FEATURE_NAMES } from './feature-set.ts';

export interface WindowComparison {
  /** float32 values compared. */
  readonly values: number;
  /** One line each: bar and feature whose bits differ, or a bar that is fit in one way only. */
  readonly mismatches: readonly string[];
}

/**
 * Compares at most `rows` bars, spread over the series and with its newest one, computed with all others and from their own
 * 880 bars alone. Bars that have no row in either way are not compared; nothing is when the series is too short.
 * @param compute the implementation under test
 */
export function compareWindows(
  candles: CandleSeries,
  rows: number,
  compute: (grid: CandleSeries) => Float32Array = computeFeatures,
): WindowComparison {
  const grid = fillGaps(candles);
  if (grid.length < ROW_WINDOW_BARS) return { values: 0, mismatches: [] };
  const verdicts = checkBars(grid);
  const batch = new Uint32Array(compute(grid).buffer);
  const mismatches: string[] = [];
  let values = 0;
  for (const bar of chooseBars(grid.length, rows)) {
    const openTime = new Date(grid.openTimeMs[bar]!).toISOString();
    const window = windowOf(grid, bar);
    const alone = checkBars(window)[ROW_WINDOW_BARS - 1];
    if (alone !== verdicts[bar])
      mismatches.push(`${openTime}: ${verdicts[bar] ?? 'fit'} with others, ${alone ?? 'fit'} by itself`);
    if (alone !== undefined || verdicts[bar] !== undefined) continue;
    const row = new Uint32Array(compute(window).buffer);
    const offset = (bar - ROW_WINDOW_BARS + 1) * FEATURE_COUNT;
    for (let column = 0; column < FEATURE_COUNT; column++) {
      values++;
      if (row[column] !== batch[offset + column]) mismatches.push(`${openTime}: ${FEATURE_NAMES[column]}`);
    }
  }
  return { values, mismatches };
}

function windowOf(grid: CandleGrid, bar: number): CandleGrid {
  const [from, to] = [bar - ROW_WINDOW_BARS + 1, bar + 1];
  return { ...sliceSeries(grid, from, to), filled: grid.filled.subarray(from, to) };
}

function chooseBars(bars: number, rows: number): number[] {
  const last = bars - 1;
  const step = Math.max(1, Math.ceil((bars - ROW_WINDOW_BARS + 1) / rows));
  const chosen: number[] = [];
  for (let bar = last; bar >= ROW_WINDOW_BARS - 1; bar -= step) chosen.push(bar);
  return chosen;
}
