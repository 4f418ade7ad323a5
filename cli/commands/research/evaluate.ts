// `qtrader evaluate`: how good the ensemble is on recorded candles, by the serving code.
import type { Command } from 'commander';
import { toCommandError } from '../../command-error.ts';
import { createProgressLine } from '../../format/progress-line.ts';
import { formatProgress } from '../../format/symbol-problems.ts';
import {
  addRecordedModelsOptions,
  addReportOptions,
  checkBarRange,
  parseCount,
  parseInstant,
  type RecordedModelsOptions,
  type ReportOptions,
} from '../../options.ts';
import { report } from './report.ts';

interface EvaluateOptions extends RecordedModelsOptions, ReportOptions {
  readonly from?: number;
  readonly to?: number;
  readonly every: number;
}

export function addEvaluateCommand(program: Command): void {
  const command = addRecordedModelsOptions(program.command('evaluate'))
    .description(
      'evaluate the models on recorded candles with the serving code: probabilities, direction, a strategy',
    )
    .option('--from <iso>', 'first bar to evaluate; earlier bars feed the features', parseInstant)
    .option('--to <iso>', 'end, exclusive; later candles are not read', parseInstant)
    .option('--every <n>', 'evaluate every n-th bar only', parseCount, 1);
  addReportOptions(command, 'write a page with plots to this HTML file').action(runEvaluate);
}

async function runEvaluate(options: EvaluateOptions): Promise<void> {
  checkBarRange(options);
  const { evaluateFolder } = await import('../../../lib/runtime/compose/research/evaluation.ts');
  const progress = await createProgressLine();
  const evaluated = await evaluateFolder({
    dataFolder: options.data,
    modelsFolder: options.models,
    symbols: options.symbols,
    range: { fromMs: options.from, toMs: options.to },
    everyBars: options.every,
    onProgress: (done) => progress.show(formatProgress(done), !done.outcome.ok),
  }).finally(progress.end);
  if (!evaluated.ok) throw toCommandError(evaluated.error);
  await report(evaluated.value, options, async () => ({
    text: (await import('../../reports/evaluation-text.ts')).formatEvaluation,
    page: (await import('../../reports/evaluation-page.ts')).formatEvaluationPage,
  }));
}
