// `qtrader backtest`: trades recorded candles with the code that trades live: same decisions, gate, orders and stops, a simulated clock.
import type { Command } from 'commander';
import { toCommandError } from '../../command-error.ts';
import { createProgressLine } from '../../format/progress-line.ts';
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

interface BacktestOptions extends RecordedModelsOptions, ReportOptions {
  readonly from: number;
  readonly to: number;
  readonly deposit: number;
  readonly breaker: boolean;
  readonly predictions?: string;
}

const DEPOSIT_USDT = 10_000;

export function addBacktestCommand(program: Command): void {
  const command = addRecordedModelsOptions(program.command('backtest'))
    .description('trade recorded candles on paper with the same decisions, gate, orders and stops')
    .requiredOption('--from <iso>', 'first bar to trade; earlier bars feed the features', parseInstant)
    .requiredOption('--to <iso>', 'end, exclusive; later candles are not read', parseInstant)
    .option('--deposit <usdt>', 'initial deposit of the account', parseCount, DEPOSIT_USDT)
    .option('--breaker', 'evaluate the circuit breaker at every bar; a trip ends trading', false)
    .option('--predictions <file>', "cache of the models' answers, reused when it fits");
  addReportOptions(command, 'write a page with plots to this HTML file').action(runBacktest);
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
  const { report: figures, replayMs } = tested.value;
  const perSecond = Math.round((figures.decisions / replayMs) * 1000);
  process.stderr.write(`traded in ${(replayMs / 1000).toFixed(1)} s: ${perSecond} decisions per second\n`);
  await report(figures, options, async () => ({
    text: (await import('../../reports/backtest-text.ts')).formatBacktest,
    page: (await import('../../reports/backtest-page.ts')).formatBacktestPage,
  }));
}
