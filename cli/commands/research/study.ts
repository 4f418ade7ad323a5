// `qt study`: questions about the strategy, answered from recorded candles.
import type { Command } from 'commander';
import { CommandFailure, toCommandError } from '../../command-error.ts';
import { createProgressLine } from '../../format/progress-line.ts';
import {
  addRecordedModelsOptions,
  checkBarRange,
  parseInstant,
  type RecordedModelsOptions,
  undefinedAsNull,
} from '../../options.ts';
import { writeReport } from '../../reports/write-report.ts';

interface StudyOptions extends RecordedModelsOptions {
  readonly from?: number;
  readonly to?: number;
  readonly predictions?: string;
  readonly json: boolean;
  readonly report?: string;
}

export function addStudyCommand(program: Command): void {
  const study = program.command('study').description('answer a question from recorded candles');
  addRecordedModelsOptions(study.command('stops'))
    .description(
      'which stop, as a multiple of which ATR, survives costs: on the entries that the ensemble makes',
    )
    .option('--from <iso>', 'first bar to decide; bars before it still feed the features', parseInstant)
    .option('--to <iso>', 'end of the data, exclusive: nothing from then on is read', parseInstant)
    .option('--predictions <file>', "keep the models' answers here, and use them again when they fit")
    .option('--json', 'print one JSON object; what is undefined is null', false)
    .option('--report <file>', 'write a page here (Markdown)')
    .action(runStops);
}

async function runStops(options: StudyOptions): Promise<void> {
  checkBarRange(options);
  const { studyFolderStops } = await import('../../../lib/runtime/compose/research/study-stops.ts');
  const progress = await createProgressLine();
  const studied = await studyFolderStops({
    dataFolder: options.data,
    modelsFolder: options.models,
    symbols: options.symbols,
    range: { fromMs: options.from, toMs: options.to },
    predictionsFile: options.predictions,
    onSymbol: ({ done, of, symbol }) => progress.show(`${done}/${of} ${symbol}`),
  }).finally(progress.end);
  if (!studied.ok) throw toCommandError(studied.error);
  if (options.json) process.stdout.write(`${JSON.stringify(studied.value, undefinedAsNull)}\n`);
  else {
    const { formatStopStudy } = await import('../../reports/stop-study-text.ts');
    process.stdout.write(`${formatStopStudy(studied.value)}\n`);
  }
  if (options.report !== undefined) {
    const { formatStopPage } = await import('../../reports/stop-study-text.ts');
    await writeReport(options.report, formatStopPage(studied.value, options.data));
  }
  const { failures } = studied.value;
  if (failures.length > 0)
    throw new CommandFailure(
      `left out ${failures.length}: ${failures.map(({ symbol, message }) => `${symbol} (${message})`).join('; ')}`,
    );
}
