// `qt evaluate`: how good the active ensemble is on recorded candles, judged by the code that serves.
import type { Command } from 'commander';
import type { Evaluation } from '../../../lib/research/evaluation.ts';
import type { EvaluationProgress } from '../../../lib/research/use-cases/collect-answers.ts';
import { CommandFailure, toCommandError } from '../../command-error.ts';
import { createProgressLine } from '../../format/progress-line.ts';
import {
  addRecordedModelsOptions,
  checkBarRange,
  parseCount,
  parseInstant,
  type RecordedModelsOptions,
  undefinedAsNull,
} from '../../options.ts';
import { writeReport } from '../../reports/write-report.ts';

interface EvaluateOptions extends RecordedModelsOptions {
  readonly from?: number;
  readonly to?: number;
  readonly every: number;
  readonly json: boolean;
  readonly report?: string;
}

export function addEvaluateCommand(program: Command): void {
  addRecordedModelsOptions(program.command('evaluate'))
    .description(
      'judge the models on recorded candles with the serving code: probabilities, direction, a strategy',
    )
    .option('--from <iso>', 'first bar to judge; bars before it still feed the features', parseInstant)
    .option('--to <iso>', 'end of the data, exclusive: nothing from then on is read', parseInstant)
    .option('--every <n>', 'judge every n-th bar only, to be quicker', parseCount, 1)
    .option('--json', 'print one JSON object; what is undefined is null', false)
    .option('--report <file>', 'write a page with plots here (HTML, needs nothing else)')
    .action(runEvaluate);
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
  await print(evaluated.value, options.json);
  if (options.report !== undefined) {
    const { formatEvaluationPage } = await import('../../reports/evaluation-page.ts');
    await writeReport(options.report, formatEvaluationPage(evaluated.value));
  }
  const { failures } = evaluated.value;
  if (failures.length > 0)
    throw new CommandFailure(
      `left out ${failures.length}: ${failures.map(({ symbol, message }) => `${symbol} (${message})`).join('; ')}`,
    );
}

async function print(evaluation: Evaluation, json: boolean): Promise<void> {
  if (json) {
    process.stdout.write(`${JSON.stringify(evaluation, undefinedAsNull)}\n`);
    return;
  }
  const { formatEvaluation } = await import('../../reports/evaluation-text.ts');
  process.stdout.write(`${formatEvaluation(evaluation)}\n`);
}

function formatProgress({ done, of, symbol, outcome }: EvaluationProgress): string {
  return `${done}/${of} ${symbol}: ${outcome.ok ? `${outcome.value} rows` : `left out, ${outcome.error}`}`;
}
