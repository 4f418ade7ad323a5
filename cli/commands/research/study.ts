// `qtrader study`: questions about the strategy, answered from recorded candles.
import type { Command } from 'commander';
import type { StudyQuestion } from '../../../lib/research/use-cases/study-trades.ts';
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
  const questions = {
    stops: 'which stop, as a multiple of which ATR, survives costs on the entries of the ensemble',
    exits: 'which time, target, trailing stop or fading signal to leave at survives costs on these entries',
    entries: 'whether an order that rests earns more than taking the market at the next open',
  } as const;
  for (const [question, description] of Object.entries(questions)) {
    const command = addRecordedModelsOptions(study.command(question))
      .description(description)
      .option('--from <iso>', 'first bar to decide; earlier bars feed the features', parseInstant)
      .option('--to <iso>', 'end, exclusive; later candles are not read', parseInstant)
      .option('--predictions <file>', "cache of the models' answers, reused when it fits");
    addReportOptions(
      command,
      'write a page to this HTML file, or Markdown where its name ends in .md',
    ).action((options: StudyOptions) => runStudy(question as StudyQuestion, options));
  }
}

async function runStudy(question: StudyQuestion, options: StudyOptions): Promise<void> {
  checkBarRange(options);
  const { studyFolderTrades } = await import('../../../lib/runtime/compose/research/study-trades.ts');
  const progress = await createProgressLine();
  const studied = await studyFolderTrades({
    question,
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
    const { formatTradePage, formatTradeStudy } = await import('../../reports/trade-study-text.ts');
    const { formatTradeStudyPage } = await import('../../reports/trade-study-page.ts');
    return {
      text: formatTradeStudy,
      page: (study) => (isMarkdown ? formatTradePage(study, options.data) : formatTradeStudyPage(study)),
    };
  });
}
