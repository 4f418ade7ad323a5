// `qt features`: the list of the 49, or their values for a file of candles.

import type { Command } from 'commander';
import { UsageError } from '../../command-error.ts';
import { parseCount } from '../../options.ts';

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
  const { writeFrame } = await import('../../format/feature-frame.ts');
  await writeFrame(options.candles, options.out, options.last);
}

async function listFeatures(json: boolean): Promise<void> {
  const { FEATURE_COUNT, FEATURE_SET_HASH, FEATURES } = await import('../../../lib/features/feature-set.ts');
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

const print = (text: string) => void process.stdout.write(text);
