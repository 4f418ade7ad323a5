// `qtrader backtest`: trades recorded candles with the code that trades live: same decisions, gate, orders and stops, a simulated clock.
import type { Command } from 'commander';
import { toCommandError } from '../../command-error.ts';
import { createProgressLine } from '../../format/progress-line.ts';
import { addReportOptions, checkBarRange, parseSymbols, type ReportOptions } from '../../options.ts';
import { note } from '../../output.ts';
import {
  addSettingsOptions,
  addTradedRangeOptions,
  type TradedRangeOptions,
  tradedRangeOf,
} from './backtest-options.ts';
import { addCompareCommand } from './compare.ts';
import { report } from './report.ts';
import { addSweepCommand } from './sweep.ts';

interface BacktestOptions extends TradedRangeOptions, ReportOptions {
  readonly breaker: boolean;
  readonly charts?: string[];
}

export function addBacktestCommand(program: Command): void {
  const backtest = program
    .command('backtest')
    .description('trade recorded candles on paper with the same decisions, gate, orders and stops');
  const run = addTradedRangeOptions(backtest.command('run', { isDefault: true }))
    .description('one run; the default of qtrader backtest')
    .option('--breaker', 'evaluate the circuit breaker at every bar; a trip ends trading', false)
    .option('--charts <list>', 'symbols whose trades the page draws, besides best and worst', parseSymbols);
  addSettingsOptions(run);
  addReportOptions(run, 'write a page with plots to this HTML file').action(runBacktest);
  addSweepCommand(backtest);
  addCompareCommand(backtest);
}

async function runBacktest(options: BacktestOptions): Promise<void> {
  checkBarRange(options);
  const { backtestFolder } = await import('../../../lib/runtime/compose/research/backtest.ts');
  const progress = await createProgressLine();
  const tested = await backtestFolder({
    ...tradedRangeOf(options, progress),
    depositUsdt: options.deposit,
    withBreaker: options.breaker,
  }).finally(progress.end);
  if (!tested.ok) throw toCommandError(tested.error);
  const { report: figures, past, replayMs } = tested.value;
  const perSecond = Math.round((figures.decisions / replayMs) * 1000);
  note(`traded in ${(replayMs / 1000).toFixed(1)} s: ${perSecond} decisions per second`);
  await report(figures, options, async () => {
    const { formatBacktest } = await import('../../reports/backtest-text.ts');
    const { formatBacktestPage } = await import('../../reports/backtest-page.ts');
    const market = { series: past.series, charts: options.charts ?? [] };
    return { text: formatBacktest, page: (of) => formatBacktestPage(of, market) };
  });
}
