// `qtrader dataset fetch`: copies the candles that a stage has collected, to build a dataset from them.
import type { Command } from 'commander';
import { CommandFailure } from '../../command-error.ts';
import { print } from '../../output.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';

export function addFetchCommand(dataset: Command): void {
  addSystemOptions(dataset.command('fetch'))
    .description('copy the collected candles of a stage into a folder, usable as --data DIR')
    .requiredOption('--out <dir>', 'folder to write')
    .action(runFetch);
}

async function runFetch(options: SystemOptions & { readonly out: string }): Promise<void> {
  const { fetchCollected } = await import('../../../lib/runtime/compose/research/dataset.ts');
  const files = await withSystem(options, ({ objects }) => fetchCollected(objects, options.out));
  if (files === 0) throw new CommandFailure('no candles have been collected there yet: run qtrader collect');
  print(`${files} files of collected candles in ${options.out}`);
}
