// `qtrader drift`: whether the features of the newest bars still look as in training; `qtrader drift profile` records how they looked then.
import type { Command } from 'commander';
import { formatFigure, formatInstant, NOT_AVAILABLE } from '../../../lib/core/format-figure.ts';
import type { ObjectStore } from '../../../lib/core/ports.ts';
import type { DriftReport } from '../../../lib/models/use-cases/measure-drift.ts';
import { toCommandError, UsageError } from '../../command-error.ts';
import { formatTable } from '../../format/text-table.ts';
import {
  addRecordedModelsOptions,
  parseCount,
  parseInstant,
  type RecordedModelsOptions,
} from '../../options.ts';
import { print, printJson } from '../../output.ts';
import { writeReport } from '../../reports/write-report.ts';
import { withSystem } from '../../system.ts';

/** A week of bars. */
const BARS_DEFAULT = 2_016;

interface DriftOptions extends RecordedModelsOptions {
  readonly stage?: string;
  readonly state?: string;
  readonly bars: number;
  readonly to?: number;
  readonly json: boolean;
  readonly report?: string;
}
interface ProfileOptions extends RecordedModelsOptions {
  readonly from?: number;
  readonly to?: number;
  readonly force: boolean;
}

export function addDriftCommand(program: Command): void {
  const drift = program.command('drift').description('compare the features of the newest bars with training');
  addRecordedModelsOptions(drift.command('measure', { isDefault: true }))
    .description('population stability index (PSI) of every feature; the default of qtrader drift')
    .option('--bars <n>', 'how many of the newest bars to compare', parseCount, BARS_DEFAULT)
    .option('--to <iso>', 'end of these bars (default: the end of the candles)', parseInstant)
    .option('--stage <name>', 'the active ensemble of this stage on AWS, instead of --models')
    .option('--state <dir>', 'the active ensemble of the local system in this folder, instead of --models')
    .option('--json', 'print JSON', false)
    .option('--report <file>', 'write a page with plots to this HTML file')
    .action(runDrift);
  addRecordedModelsOptions(drift.command('profile'))
    .description('record how the features looked in training: profiles/<ensembleId>.json beside the models')
    .option('--from <iso>', "first bar (default: start of the models' training)", parseInstant)
    .option('--to <iso>', "end, exclusive (default: end of the models' training)", parseInstant)
    .option('--force', 'replace a different profile of the same ensemble', false)
    .action(runProfile);
}

async function runDrift(options: DriftOptions): Promise<void> {
  const { stage, state, models } = options;
  if ([stage, state, models].filter((each) => each !== undefined).length > 1)
    throw new UsageError('give only one of --models, --stage and --state');
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
  if (options.json) printJson(measured.value);
  else print(formatDrift(measured.value));
  if (options.report === undefined) return;
  const { formatDriftPage } = await import('../../reports/drift-page.ts');
  await writeReport(options.report, formatDriftPage(measured.value));
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
  print(
    `${key} ${stored === 'written' ? 'written' : 'is unchanged'}: ${profile.rows} rows of ${profile.symbols.length} symbols, ${formatInstant(profile.fromMs)} to ${formatInstant(profile.toMs)}`,
  );
}

/** A different profile exists: the one failure that an option overrides. */
function toError(error: { code: string; message: string }): Error {
  return toCommandError(
    error.code === 'profile_differs'
      ? { ...error, message: `${error.message}: add --force to replace it` }
      : error,
  );
}

function formatDrift(report: DriftReport): string {
  const { training, recent, readings } = report;
  const rows = report.features.map(({ name, psi, interval, reading }) => [
    name,
    formatFigure(psi, 3),
    interval ? `${interval.low.toFixed(3)} … ${interval.high.toFixed(3)}` : NOT_AVAILABLE,
    reading,
  ]);
  return [
    `ensemble ${report.ensembleId}`,
    `training: ${training.rows} rows of ${training.symbols.length} symbols, ${formatInstant(training.fromMs)} to ${formatInstant(training.toMs)}`,
    `newest: ${recent.rows} rows of ${recent.symbols.length} symbols, ${formatInstant(recent.fromMs)} to ${formatInstant(recent.toMs)}`,
    `${readings.significant} significant (above 0.25), ${readings.moderate} moderate (0.10 to 0.25), ${readings.stable} stable`,
    formatTable({ head: ['feature', 'PSI', '95 %', 'reading'], rows, left: [0, 3] }),
    ...report.problems.map(({ symbol, message }) => `skipped ${symbol}: ${message}`),
  ].join('\n');
}
