// `qt dataset build`: recorded candles in, the dataset that training reads out.
import type { Command } from 'commander';
import type { BuildProgress, DatasetSummary } from '../../../lib/research/use-cases/build-dataset.ts';
import type { FolderDatasetError } from '../../../lib/runtime/compose/research/dataset.ts';
import { CommandFailure, toCommandError } from '../../command-error.ts';
import { createProgressLine } from '../../format/progress-line.ts';
import { addRecordedOptions, checkBarRange, parseInstant, type RecordedOptions } from '../../options.ts';
import { addFetchCommand } from './dataset-fetch.ts';

interface BuildOptions extends RecordedOptions {
  readonly out: string;
  readonly from?: number;
  readonly to?: number;
  readonly force: boolean;
  readonly json: boolean;
}

export function addDatasetCommand(program: Command): void {
  const dataset = program.command('dataset').description('datasets for training');
  addFetchCommand(dataset);
  addRecordedOptions(dataset.command('build'))
    .description('compute features and labels of recorded candles: OUT/SYMBOL.parquet and OUT/dataset.json')
    .requiredOption('--out <dir>', 'folder to write')
    .option('--from <iso>', 'first bar to label; bars before it still feed the features', parseInstant)
    .option('--to <iso>', 'end of the data, exclusive: nothing from then on is read', parseInstant)
    .option('--force', 'replace a different dataset in the folder', false)
    .option('--json', 'print the summary as JSON', false)
    .action(runBuild);
}

async function runBuild(options: BuildOptions): Promise<void> {
  checkBarRange(options);
  const { buildDatasetInFolder } = await import('../../../lib/runtime/compose/research/dataset.ts');
  const progress = await createProgressLine();
  const built = await buildDatasetInFolder({
    dataFolder: options.data,
    outFolder: options.out,
    symbols: options.symbols,
    range: { fromMs: options.from, toMs: options.to },
    replace: options.force,
    onProgress: (done) => progress.show(formatProgress(done), !done.outcome.ok),
  }).finally(progress.end);
  if (!built.ok) throw toError(built.error, options.out);
  process.stdout.write(options.json ? `${JSON.stringify(built.value)}\n` : await formatSummary(built.value));
  if (built.value.failures.length > 0) throw new CommandFailure(describeFailures(built.value.failures));
}

function formatProgress({ done, of, symbol, outcome }: BuildProgress): string {
  return `${done}/${of} ${symbol}: ${outcome.ok ? `${outcome.value} rows` : `left out, ${outcome.error}`}`;
}

async function formatSummary(summary: DatasetSummary): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const plain = { style: { head: [], border: [] } };
  const labels = new Table({ head: ['horizon', 'sell', 'hold', 'buy'], ...plain });
  for (const { horizonBars, sell, hold, buy } of summary.classes)
    labels.push([`${horizonBars} bars`, ...[sell, hold, buy].map((rows) => formatShare(rows, summary.rows))]);
  const drops = new Table({ head: ['bars dropped', 'count'], ...plain });
  for (const [reason, bars] of Object.entries(summary.dropped)) drops.push([reason, bars]);
  const range = [summary.fromMs, summary.toMs].map((ms) => new Date(ms).toISOString()).join(' to ');
  return [
    `${summary.rows} rows of ${summary.symbols} symbols, ${range}`,
    labels.toString(),
    drops.toString(),
    `sha256 ${summary.sha256}\n`,
  ].join('\n');
}

const formatShare = (rows: number, of: number): string => `${rows} (${((100 * rows) / of).toFixed(1)} %)`;

const describeFailures = (failures: DatasetSummary['failures']): string =>
  `left out ${failures.length}: ${failures.map(({ symbol, message }) => `${symbol} (${message})`).join('; ')}`;

function toError(error: FolderDatasetError, outFolder: string): Error {
  switch (error.code) {
    case 'input_unusable':
    case 'output_unusable':
      return toCommandError(error);
    case 'refused':
      return new CommandFailure(
        `${outFolder} holds another dataset or other files of these names; nothing was changed: choose another folder or add --force`,
      );
    case 'no_rows':
      return new CommandFailure(
        error.failures.length > 0
          ? `no row to train on; ${describeFailures(error.failures)}`
          : 'no row to train on: every bar was dropped (too short a history, or an empty range)',
      );
  }
}
