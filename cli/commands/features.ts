// `qt features`: the list of the 49, or their values for a file of candles.

import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { computeFeatures } from '../../lib/features/compute-features.ts';
import { FEATURE_COUNT, FEATURE_SET_HASH, FEATURES, FRAME_COLUMNS } from '../../lib/features/feature-set.ts';
import { ABSTENTION_REASONS } from '../../lib/market/abstention.ts';
import type { CandleGrid } from '../../lib/market/grid.ts';
import { fillGaps, judgeBars, ROW_WINDOW_BARS } from '../../lib/market/grid.ts';
import { CommandFailure, UsageError } from '../command-error.ts';
import { parseCount } from '../options.ts';

interface FeaturesOptions {
  readonly list: boolean;
  readonly json: boolean;
  readonly candles?: string;
  readonly out?: string;
  readonly last?: number;
}

export function addFeaturesCommand(program: Command): void {
  program
    .command('features')
    .description('the 49 features: their list, or their values for a file of candles')
    .option('--list', 'print the ordered list with group, formula, unit and warm-up', false)
    .option('--json', 'print the list as JSON, with its hash', false)
    .option('--candles <file>', 'SYMBOL.csv.gz file of closed 5-minute candles')
    .option('--out <file>', 'CSV file to write: 6 raw columns and the 49 features')
    .option('--last <n>', 'only the last n rows', parseCount)
    .action(runFeatures);
}

async function runFeatures(options: FeaturesOptions): Promise<void> {
  if (options.list) return listFeatures(options.json);
  if (options.candles === undefined || options.out === undefined)
    throw new UsageError('give --list, or --candles FILE.csv.gz with --out FILE.csv');
  await writeFrame(options.candles, options.out, options.last);
}

function listFeatures(json: boolean): void {
  if (json) {
    print(
      `${JSON.stringify({ featureSetHash: FEATURE_SET_HASH, count: FEATURE_COUNT, features: FEATURES }, null, 2)}\n`,
    );
    return;
  }
  FEATURES.forEach((feature, index) => {
    const { name, group, formula, unit, warmUpBars } = feature;
    print(
      `${String(index + 1).padStart(2)} ${name.padEnd(18)} ${group.padEnd(15)} ${unit.padEnd(9)} ${String(warmUpBars).padStart(4)} bars  ${formula}\n`,
    );
  });
  print(`featureSetHash ${FEATURE_SET_HASH}\n`);
}

async function writeFrame(candles: string, out: string, last: number | undefined): Promise<void> {
  const { readCandles } = await import('../../lib/wiring/candles.ts');
  const series = await readCandles(candles);
  if (!series.ok) throw new CommandFailure(series.error);
  const grid = fillGaps(series.value);
  const verdicts = judgeBars(grid);
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
      `cannot write ${out} (${(error as NodeJS.ErrnoException).code ?? error}): choose a place that can be written to`,
    );
  }
  process.stderr.write(`${rows.length} rows of ${FRAME_COLUMNS.length} columns in ${out}\n`);
}

/** CSV lines; numbers in the shortest form that reads back to the same float. */
function* frameLines(grid: CandleGrid, rows: readonly number[]): Generator<string> {
  yield `${FRAME_COLUMNS.join(',')}\n`;
  const first = rows[0]!;
  const features = computeFeatures(grid, { from: first, to: rows.at(-1)! + 1 });
  for (const bar of rows) {
    const raw = [grid.openTimeMs, grid.open, grid.high, grid.low, grid.close, grid.volume].map(
      (column) => column[bar]!,
    );
    const offset = (bar - first) * FEATURE_COUNT;
    yield `${raw.join(',')},${features.subarray(offset, offset + FEATURE_COUNT).join(',')}\n`;
  }
}

const print = (text: string) => void process.stdout.write(text);
