// `qt backtest`: the past traded by the code that trades the present: same decisions, gate, orders and stops, a simulated clock.
import type { Command } from 'commander';
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

interface BacktestOptions extends RecordedModelsOptions {
  readonly from: number;
  readonly to: number;
  readonly deposit: number;
  readonly breaker: boolean;
  readonly predictions?: string;
  readonly json: boolean;
  readonly report?: string;
}

const DEPOSIT_USDT = 10_000;

export function addBacktestCommand(program: Command): void {
  addRecordedModelsOptions(program.command('backtest'))
    .description('trade recorded candles on paper with the same decisions, gate, orders and stops')
    .requiredOption('--from <iso>', 'first bar to trade; bars before it feed the features', parseInstant)
    .requiredOption('--to <iso>', 'end, exclusive: nothing from then on is read', parseInstant)
    .option('--deposit <usdt>', 'what the account begins with', parseCount, DEPOSIT_USDT)
    .option('--breaker', 'let the circuit breaker judge every bar; a trip ends trading for good', false)
    .option('--predictions <file>', "keep the models' answers here, and use them again when they fit")
    .option('--json', 'print one JSON object; what is undefined is null', false)
    .option('--report <file>', 'write a page with plots here (HTML, needs nothing else)')
    .action(runBacktest);
}

async function runBacktest(options: BacktestOptions): Promise<void> {
  checkBarRange(options);
  const { backtestFolder } = await import('../../../lib/runtime/compose/research/backtest.ts');
  const progress = await createProgressLine();
  const tested = await backtestFolder({
    dataFolder: options.data,
    modelsFolder: options.models,
    symbols: options.symbols,
    fromMs: options.from,
    toMs: options.to,
    depositUsdt: options.deposit,
    withBreaker: options.breaker,
    predictionsFile: options.predictions,
    onSymbol: ({ done, of, symbol }) => progress.show(`${done}/${of} ${symbol}`),
  }).finally(progress.end);
  if (!tested.ok) throw toCommandError(tested.error);
  const { report, replayMs } = tested.value;
  if (options.json) process.stdout.write(`${JSON.stringify(report, undefinedAsNull)}\n`);
  else {
    const { formatBacktest } = await import('../../reports/backtest-text.ts');
    process.stdout.write(`${formatBacktest(report)}\n`);
  }
  const perSecond = Math.round((report.decisions / replayMs) * 1000);
  process.stderr.write(`traded in ${(replayMs / 1000).toFixed(1)} s: ${perSecond} symbol-bars per second\n`);
  if (options.report !== undefined) {
    const { formatBacktestPage } = await import('../../reports/backtest-page.ts');
    await writeReport(options.report, formatBacktestPage(report));
  }
  if (report.failures.length > 0)
    throw new CommandFailure(
      `left out ${report.failures.length}: ${report.failures.map(({ symbol, message }) => `${symbol} (${message})`).join('; ')}`,
    );
}
