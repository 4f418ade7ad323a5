// `qtrader dataset episodes`: what a sizing policy learns from, from recorded candles and the signals of an ensemble.
import type { Command } from 'commander';
import { toCommandError } from '../../command-error.ts';
import { createProgressLine } from '../../format/progress-line.ts';
import { checkBarRange } from '../../options.ts';
import { print, printJson } from '../../output.ts';
import {
  addReplayedRangeOptions,
  addSettingsOptions,
  type TradedRangeOptions,
  tradedRangeOf,
} from '../research/backtest-options.ts';

interface EpisodesOptions extends Omit<TradedRangeOptions, 'deposit'> {
  readonly out: string;
  readonly force: boolean;
  readonly json: boolean;
}

/** What one entry comes to depends on nothing else. */
const SETTINGS = ['edgeThresholdBps', 'feeBps', 'slippageBps', 'fundingBpsPer8h', 'stopAtrMultiple'] as const;

export function addEpisodesCommand(dataset: Command): void {
  const episodes = addReplayedRangeOptions(dataset.command('episodes'))
    .description('every entry that signals call for, its state and what became of it: OUT/episodes.parquet')
    .requiredOption('--out <dir>', 'folder to write')
    .option('--force', 'replace other episodes in the folder', false)
    .option('--json', 'print the description as JSON', false);
  addSettingsOptions(episodes, SETTINGS).action(runEpisodes);
}

async function runEpisodes(options: EpisodesOptions): Promise<void> {
  checkBarRange(options);
  const { exportEpisodes } = await import('../../../lib/runtime/compose/research/episodes.ts');
  const progress = await createProgressLine();
  const written = await exportEpisodes({
    ...tradedRangeOf(options, progress),
    outFolder: options.out,
    replace: options.force,
  }).finally(progress.end);
  if (!written.ok) throw toCommandError(written.error);
  if (options.json) return printJson(written.value);
  const { rows, symbols, fromMs, toMs, trainedToMs, ensembleId, dropped, sha256 } = written.value;
  const range = [fromMs, toMs].map((ms) => new Date(ms).toISOString()).join(' to ');
  const left = Object.entries(dropped).map(([reason, count]) => `${reason} ${count}`);
  print(`${rows} entries of ${symbols.length} symbols by ${ensembleId}, ${range}`);
  if (left.length > 0) print(`left out: ${left.join(', ')}`);
  if (trainedToMs > fromMs)
    print(
      `those up to ${new Date(trainedToMs).toISOString()} are no evidence: the models were trained on these bars, and training leaves them out`,
    );
  print(`sha256 ${sha256}`);
}
