// Writes the 55 columns of a candle file's rows as CSV: the whole file or none.
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { featuresOfBars } from '../../../lib/features/compute-features.ts';
import { FEATURE_COUNT, FRAME_COLUMNS } from '../../../lib/features/feature-set.ts';
import { ABSTENTION_REASONS } from '../../../lib/market/abstention.ts';
import { type CandleGrid, checkBars, fillGaps, ROW_WINDOW_BARS } from '../../../lib/market/grid.ts';
import { readCandles } from '../../../lib/runtime/compose/candles.ts';
import { CommandFailure } from '../../command-error.ts';
import { note } from '../../output.ts';

/** Throws CommandFailure, and leaves no file, when the candles cannot be used or the file cannot be written. */
export async function writeFeatureFrame(
  candles: string,
  out: string,
  last: number | undefined,
): Promise<void> {
  const series = await readCandles(candles);
  if (!series.ok) throw new CommandFailure(series.error);
  const grid = fillGaps(series.value);
  const verdicts = checkBars(grid);
  const bars = verdicts.flatMap((verdict, bar) => (verdict === undefined ? [bar] : []));
  if (bars.length === 0) {
    const reason = verdicts.at(-1) ?? 'insufficient_history';
    throw new CommandFailure(
      `${candles} gives no row: ${ABSTENTION_REASONS[reason]} (${reason}; ${grid.length} bars, a row needs ${ROW_WINDOW_BARS})`,
    );
  }
  const rows = last === undefined ? bars : bars.slice(-last);
  const unfinished = `${out}.part`;
  try {
    await pipeline(frameLines(grid, rows), createWriteStream(unfinished));
    await rename(unfinished, out);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw new CommandFailure(
      `cannot write ${out} (${(error as NodeJS.ErrnoException).code ?? error}): choose a writable place`,
    );
  }
  note(`${rows.length} rows of ${FRAME_COLUMNS.length} columns in ${out}`);
}

/** CSV lines; numbers in the shortest form that reads back to the same float. */
function* frameLines(grid: CandleGrid, rows: readonly number[]): Generator<string> {
  yield `${FRAME_COLUMNS.join(',')}\n`;
  const features = featuresOfBars(grid, rows);
  for (const [row, bar] of rows.entries()) {
    const raw = [grid.openTimeMs, grid.open, grid.high, grid.low, grid.close, grid.volume].map(
      (column) => column[bar]!,
    );
    const offset = row * FEATURE_COUNT;
    yield `${raw.join(',')},${features.subarray(offset, offset + FEATURE_COUNT).join(',')}\n`;
  }
}
