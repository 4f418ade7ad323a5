// `qtrader dataset build`: the dataset that training reads, from recorded candles.
import type { Command } from 'commander';
import { formatPercent } from '../../../lib/core/format-figure.ts';
import type { DatasetSummary } from '../../../lib/research/use-cases/build-dataset.ts';
import type { FolderDatasetError } from '../../../lib/runtime/compose/research/dataset.ts';
import { CommandFailure, toCommandError } from '../../command-error.ts';
import { createProgressLine } from '../../format/progress-line.ts';
import { describeProblems, failOnProblems, formatProgress } from '../../format/symbol-problems.ts';
import { formatTable } from '../../format/text-table.ts';
import { addRecordedOptions, checkBarRange, parseInstant, type RecordedOptions } from '../../options.ts';
import { print, printJson } from '../../output.ts';
import { addEpisodesCommand } from './dataset-episodes.ts';
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
  addEpisodesCommand(dataset);
  addRecordedOptions(dataset.command('build'))
    .description('compute features and labels of recorded candles: OUT/SYMBOL.parquet and OUT/dataset.json')
    .requiredOption('--out <dir>', 'folder to write')
    .option('--from <iso>', 'first bar to label; earlier bars feed the features', parseInstant)
    .option('--to <iso>', 'end, exclusive; later candles are not read', parseInstant)
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
  if (options.json) printJson(built.value);
  else print(formatSummary(built.value));
  failOnProblems(built.value.symbolProblems);
}

function formatSummary(summary: DatasetSummary): string {
  const share = (rows: number) => `${rows} (${formatPercent(rows / summary.rows)})`;
  const labels = summary.classes.map(({ horizonBars, sell, hold, buy }) => [
    `${horizonBars} bars`,
    ...[sell, hold, buy].map(share),
  ]);
  const range = [summary.fromMs, summary.toMs].map((ms) => new Date(ms).toISOString()).join(' to ');
  return [
    `${summary.rows} rows of ${summary.symbols} symbols, ${range}`,
    formatTable({ head: ['horizon', 'sell', 'hold', 'buy'], rows: labels }),
    formatTable({ head: ['bars dropped', 'count'], rows: Object.entries(summary.dropped) }),
    `sha256 ${summary.sha256}`,
  ].join('\n');
}

function toError(error: FolderDatasetError, outFolder: string): Error {
  switch (error.code) {
    case 'input_unusable':
    case 'output_unusable':
      return toCommandError(error);
    case 'refused':
      return new CommandFailure(
        `${outFolder} holds another dataset or other files of these names; nothing was changed: choose another folder, or add --force to replace them`,
      );
    case 'no_rows':
      return new CommandFailure(
        error.symbolProblems.length > 0
          ? `no row to train on; ${describeProblems(error.symbolProblems)}`
          : 'no row to train on: every bar was dropped (too short a history, or an empty range)',
      );
  }
}
