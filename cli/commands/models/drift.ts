// `qt drift`: whether the features of the newest bars still look as they did in training; `qt drift profile` remembers how they did.
import type { Command } from 'commander';
import type { ObjectStore } from '../../../lib/core/ports.ts';
import type { DriftReport } from '../../../lib/models/use-cases/measure-drift.ts';
import { toCommandError, UsageError } from '../../command-error.ts';
import { formatFigure, formatInstant } from '../../format/format-figure.ts';
import {
  addRecordedModelsOptions,
  parseCount,
  parseInstant,
  type RecordedModelsOptions,
  undefinedAsNull,
} from '../../options.ts';
import { withSystem } from '../../system.ts';

/** A week of bars. */
const BARS_DEFAULT = 2_016;

interface DriftOptions extends RecordedModelsOptions {
  readonly stage?: string;
  readonly state?: string;
  readonly bars: number;
  readonly to?: number;
  readonly json: boolean;
}
interface ProfileOptions extends RecordedModelsOptions {
  readonly from?: number;
  readonly to?: number;
  readonly force: boolean;
}

export function addDriftCommand(program: Command): void {
  const drift = program
    .command('drift')
    .description('population stability of every feature: the newest bars against training');
  addRecordedModelsOptions(drift.command('measure', { isDefault: true }))
    .description('PSI per feature with the customary readings (what `qt drift` alone does)')
    .option('--bars <n>', 'how many of the newest bars to look at', parseCount, BARS_DEFAULT)
    .option('--to <iso>', 'look back from here (default: the end of the candles)', parseInstant)
    .option('--stage <name>', 'the active ensemble on this stage of AWS, in place of --models')
    .option('--state <dir>', 'the active ensemble in the local system of this folder, in place of --models')
    .option('--json', 'print JSON', false)
    .action(runDrift);
  addRecordedModelsOptions(drift.command('profile'))
    .description('write profiles/<ensembleId>.json beside the models: how the features looked in training')
    .option('--from <iso>', "first bar (default: of the models' training)", parseInstant)
    .option('--to <iso>', "end, exclusive (default: of the models' training)", parseInstant)
    .option('--force', 'replace another profile of the same ensemble', false)
    .action(runProfile);
}

async function runDrift(options: DriftOptions): Promise<void> {
  const { stage, state, models } = options;
  if ([stage, state, models].filter((each) => each !== undefined).length > 1)
    throw new UsageError('give one of --models, --stage and --state');
  const { measureFolderDrift } = await import('../../../lib/runtime/compose/research/evaluation.ts');
  const measure = (store: ObjectStore | undefined) =>
    measureFolderDrift({
      dataFolder: options.data,
      modelsFolder: models,
      store,
      symbols: options.symbols,
      bars: options.bars,
      toMs: options.to,
    });
  const measured =
    stage === undefined && state === undefined
      ? await measure(undefined)
      : await withSystem({ state: state ?? '', ...(stage !== undefined && { stage }) }, ({ objects }) =>
          measure(objects),
        );
  if (!measured.ok) throw toCommandError(measured.error);
  process.stdout.write(
    options.json
      ? `${JSON.stringify(measured.value, undefinedAsNull)}\n`
      : `${await formatDrift(measured.value)}\n`,
  );
}

async function runProfile(options: ProfileOptions): Promise<void> {
  if (options.from !== undefined && options.to !== undefined && options.from >= options.to)
    throw new UsageError('--from must be before --to');
  const { writeFolderProfile } = await import('../../../lib/runtime/compose/research/evaluation.ts');
  const written = await writeFolderProfile({
    dataFolder: options.data,
    modelsFolder: options.models,
    symbols: options.symbols,
    range: { fromMs: options.from, toMs: options.to },
    replace: options.force,
  });
  if (!written.ok) throw toError(written.error);
  const { key, profile, stored } = written.value;
  process.stdout.write(
    `${key} ${stored === 'written' ? 'written' : 'was there already, the same'}: ${profile.rows} rows of ${profile.symbols.length} symbols, ${formatInstant(profile.fromMs)} to ${formatInstant(profile.toMs)}\n`,
  );
}

/** Another profile stands there: the one failure that an option overrides. */
function toError(error: { code: string; message: string }): Error {
  return toCommandError(
    error.code === 'profile_differs'
      ? { ...error, message: `${error.message}: add --force to replace it` }
      : error,
  );
}

async function formatDrift(report: DriftReport): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const { training, recent, readings } = report;
  const table = new Table({
    head: ['feature', 'PSI', '95 %', 'reading'],
    style: { head: [], border: [] },
  });
  for (const { name, psi, interval, reading } of report.features) {
    const bounds = interval ? `${interval.low.toFixed(3)} … ${interval.high.toFixed(3)}` : 'undefined';
    table.push([name, formatFigure(psi, 3), bounds, reading]);
  }
  const left = report.problems.map(({ symbol, message }) => `left out ${symbol}: ${message}`);
  return [
    `ensemble ${report.ensembleId}`,
    `training: ${training.rows} rows of ${training.symbols.length} symbols, ${formatInstant(training.fromMs)} to ${formatInstant(training.toMs)}`,
    `newest: ${recent.rows} rows of ${recent.symbols.length} symbols, ${formatInstant(recent.fromMs)} to ${formatInstant(recent.toMs)}`,
    `${readings.significant} significant (above 0.25), ${readings.moderate} moderate (0.10 to 0.25), ${readings.stable} stable`,
    table.toString(),
    ...left,
  ].join('\n');
}
