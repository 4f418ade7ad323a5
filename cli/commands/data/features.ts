// `qtrader features`: the list of the 49 features, or their values for a file of candles.
import type { Command } from 'commander';
import { UsageError } from '../../command-error.ts';
import { parseCount } from '../../options.ts';
import { print } from '../../output.ts';

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
    .option('--candles <file>', 'SYMBOL.csv or SYMBOL.csv.gz file of closed 5-minute candles')
    .option('--out <file>', 'CSV file to write: 6 raw columns and the 49 features')
    .option('--last <n>', 'only the last n rows', parseCount)
    .action(runFeatures);
}

async function runFeatures(options: FeaturesOptions): Promise<void> {
  if (options.list) return listFeatures(options.json);
  if (options.candles === undefined || options.out === undefined)
    throw new UsageError('give --list, or --candles FILE with --out FILE.csv');
  const { writeFeatureFrame } = await import('./write-feature-frame.ts');
  await writeFeatureFrame(options.candles, options.out, options.last);
}

async function listFeatures(json: boolean): Promise<void> {
  const { FEATURE_COUNT, FEATURE_SET_HASH, FEATURES } = await import('../../../lib/features/feature-set.ts');
  if (json) {
    const list = { featureSetHash: FEATURE_SET_HASH, count: FEATURE_COUNT, features: FEATURES };
    return print(JSON.stringify(list, null, 2));
  }
  const { formatTable } = await import('../../format/text-table.ts');
  const rows = FEATURES.map(({ name, group, unit, warmUpBars, formula }, index) => [
    index + 1,
    name,
    group,
    unit,
    warmUpBars,
    formula,
  ]);
  print(
    formatTable({ head: ['', 'feature', 'group', 'unit', 'warm-up', 'formula'], rows, left: [1, 2, 3, 5] }),
  );
  print(`feature set ${FEATURE_SET_HASH}`);
}
