// `qt evaluate`: how good the ensemble in force is on recorded candles, judged by the code that serves.
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { EvaluationProgress } from '../../lib/app/collect-answers.ts';
import type { Evaluation } from '../../lib/app/evaluation.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { CommandFailure, UsageError } from '../command-error.ts';
import { parseCount, parseFolder, parseInstant, parseSymbols } from '../options.ts';

interface EvaluateOptions {
  readonly data: string;
  readonly models?: string;
  readonly symbols?: string[];
  readonly from?: number;
  readonly to?: number;
  readonly every: number;
  readonly json: boolean;
  readonly report?: string;
}

export function addEvaluateCommand(program: Command): void {
  program
    .command('evaluate')
    .description(
      'judge the models on recorded candles with the serving code: probabilities, direction, a strategy',
    )
    .requiredOption('--data <dir>', 'folder of SYMBOL.csv.gz candle files', parseFolder)
    .option(
      '--models <dir>',
      'folder laid out like models/starter (default: the starter models)',
      parseFolder,
    )
    .option('--symbols <list>', 'only these, e.g. BTCUSDT,ETHUSDT (default: all in the folder)', parseSymbols)
    .option('--from <iso>', 'first bar to judge; bars before it still feed the features', parseInstant)
    .option('--to <iso>', 'end of the data, exclusive: nothing from then on is read', parseInstant)
    .option('--every <n>', 'judge every n-th bar only, to be quicker', parseCount, 1)
    .option('--json', 'print one JSON object; what is undefined is null', false)
    .option('--report <file>', 'write a page with plots here (HTML, needs nothing else)')
    .action(runEvaluate);
}

async function runEvaluate(options: EvaluateOptions): Promise<void> {
  checkRange(options);
  const { evaluateFolder } = await import('../../lib/wiring/evaluation.ts');
  const progress = await createProgressLine();
  const evaluated = await evaluateFolder({
    dataFolder: options.data,
    modelsFolder: options.models,
    symbols: options.symbols,
    range: { fromMs: options.from, toMs: options.to },
    everyBars: options.every,
    onProgress: progress.show,
  }).finally(progress.end);
  if (!evaluated.ok) {
    const { code, detail } = evaluated.error;
    throw code === 'input_unusable' ? new UsageError(detail) : new CommandFailure(detail);
  }
  await print(evaluated.value, options.json);
  if (options.report !== undefined) await writeReport(options.report, evaluated.value);
  const { failures } = evaluated.value;
  if (failures.length > 0)
    throw new CommandFailure(
      `left out ${failures.length}: ${failures.map(({ symbol, detail }) => `${symbol} (${detail})`).join('; ')}`,
    );
}

async function print(evaluation: Evaluation, json: boolean): Promise<void> {
  if (json) {
    process.stdout.write(`${JSON.stringify(evaluation, undefinedAsNull)}\n`);
    return;
  }
  const { formatEvaluation } = await import('../evaluation-text.ts');
  process.stdout.write(`${formatEvaluation(evaluation)}\n`);
}

/** A figure that is undefined stays in its place, so that a reader cannot take it for forgotten. */
const undefinedAsNull = (_key: string, value: unknown): unknown => (value === undefined ? null : value);

async function writeReport(file: string, evaluation: Evaluation): Promise<void> {
  const { formatEvaluationPage } = await import('../evaluation-page.ts');
  try {
    await writeFile(file, formatEvaluationPage(evaluation));
  } catch (error) {
    const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : '';
    throw new CommandFailure(`cannot write the report ${file} (${code}): check the path`);
  }
  process.stderr.write(`report: ${file}\n`);
}

function checkRange({ from, to }: EvaluateOptions): void {
  for (const [name, instantMs] of Object.entries({ from, to }))
    if (instantMs !== undefined && instantMs % BAR_MS !== 0)
      throw new UsageError(`--${name} must be the open of a 5-minute bar, such as 2024-08-05T00:05Z`);
  if (from !== undefined && to !== undefined && from >= to)
    throw new UsageError('--from must be before --to');
}

/** Shows each symbol on stderr: one line that changes on a terminal, a line each otherwise. */
async function createProgressLine(): Promise<{
  show: (progress: EvaluationProgress) => void;
  end: () => void;
}> {
  if (!process.stderr.isTTY)
    return { show: (progress) => process.stderr.write(`${formatProgress(progress)}\n`), end: () => {} };
  const { createLogUpdate } = await import('log-update');
  const line = createLogUpdate(process.stderr);
  return {
    show: (progress) => {
      line(formatProgress(progress));
      if (!progress.outcome.ok) line.done();
    },
    end: line.clear,
  };
}

function formatProgress({ done, of, symbol, outcome }: EvaluationProgress): string {
  return `${done}/${of} ${symbol}: ${outcome.ok ? `${outcome.value} rows` : `left out, ${outcome.error}`}`;
}
