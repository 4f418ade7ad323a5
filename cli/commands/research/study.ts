// `qtrader study`: questions about the strategy, answered from recorded candles.
import type { Command } from 'commander';
import { toCommandError } from '../../command-error.ts';
import { createProgressLine } from '../../format/progress-line.ts';
import {
  addRecordedModelsOptions,
  addReportOptions,
  checkBarRange,
  parseInstant,
  type RecordedModelsOptions,
  type ReportOptions,
} from '../../options.ts';
import { report } from './report.ts';

interface StudyOptions extends RecordedModelsOptions, ReportOptions {
  readonly from?: number;
  readonly to?: number;
  readonly predictions?: string;
}

export function addStudyCommand(program: Command): void {
  const study = program.command('study').description('answer a question about the strategy');
  const command = addRecordedModelsOptions(study.command('stops'))
    .description('which stop, as a multiple of which ATR, survives costs on the entries of the ensemble')
    .option('--from <iso>', 'first bar to decide; earlier bars feed the features', parseInstant)
    .option('--to <iso>', 'end, exclusive; later candles are not read', parseInstant)
    .option('--predictions <file>', "cache of the models' answers, reused when it fits");
  addReportOptions(command, 'write a page to this HTML file, or Markdown where its name ends in .md').action(
    runStops,
  );
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
  const isMarkdown = options.report?.endsWith('.md') === true;
  await report(studied.value, options, async () => {
    const { formatStopPage, formatStopStudy } = await import('../../reports/stop-study-text.ts');
    const { formatStopStudyPage } = await import('../../reports/stop-study-page.ts');
    return {
      text: formatStopStudy,
      page: (study) => (isMarkdown ? formatStopPage(study, options.data) : formatStopStudyPage(study)),
    };
  });
}
