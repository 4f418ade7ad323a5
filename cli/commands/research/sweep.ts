// `qtrader backtest sweep`: backtests over a grid of settings, chosen on past days and judged on those that follow.
import { type Command, InvalidArgumentError } from 'commander';
import { parseVaried, type VariedSetting } from '../../../lib/research/sweep/grid.ts';
import { toCommandError, UsageError } from '../../command-error.ts';
import { createProgressLine } from '../../format/progress-line.ts';
import { createTimeLeft } from '../../format/time-left.ts';
import { addReportOptions, checkBarRange, parseCount, type ReportOptions } from '../../options.ts';
import {
  addSettingsOptions,
  addTradedRangeOptions,
  type TradedRangeOptions,
  tradedRangeOf,
} from './backtest-options.ts';
import { report } from './report.ts';

interface SweepOptions extends TradedRangeOptions, ReportOptions {
  readonly vary: readonly VariedSetting[];
  readonly chooseDays: number;
  readonly judgeDays: number;
}

const CHOOSE_DAYS = 20;
const JUDGE_DAYS = 10;

export function addSweepCommand(backtest: Command): void {
  const command = addTradedRangeOptions(backtest.command('sweep'))
    .description('try a grid of settings: chosen on past days, judged on those that follow')
    .requiredOption(
      '--vary <setting=values>',
      'values to try, such as stop-atr=1,1.5,2; repeat it for more settings',
      (text, before: readonly VariedSetting[] = []) => {
        const varied = parseVaried(text);
        if (!varied.ok) throw new InvalidArgumentError(`${varied.error}.`);
        return [...before, varied.value];
      },
    )
    .option('--choose-days <n>', 'days looked back on to choose', parseCount, CHOOSE_DAYS)
    .option('--judge-days <n>', 'days that follow, on which the choice is judged', parseCount, JUDGE_DAYS);
  addSettingsOptions(command);
  addReportOptions(command, 'write a page with plots to this HTML file').action(runSweep);
}

async function runSweep(options: SweepOptions): Promise<void> {
  checkBarRange(options);
  const names = options.vary.map(({ name }) => name);
  if (new Set(names).size < names.length)
    throw new UsageError('--vary names a setting twice: list all its values once');
  const { sweepFolder } = await import('../../../lib/runtime/compose/research/sweep.ts');
  const progress = await createProgressLine();
  const traded = { ...tradedRangeOf(options, progress), depositUsdt: options.deposit };
  let trialsLeft = createTimeLeft();
  const swept = await sweepFolder({
    ...traded,
    varied: options.vary,
    chooseDays: options.chooseDays,
    judgeDays: options.judgeDays,
    onSymbol: (symbol) => {
      traded.onSymbol(symbol);
      if (symbol.done === symbol.of) trialsLeft = createTimeLeft();
    },
    onTrial: ({ done, of }) => progress.show(`trial ${done}/${of}${trialsLeft({ done, of })}`),
  }).finally(progress.end);
  if (!swept.ok) throw toCommandError(swept.error);
  await report(swept.value, options, async () => ({
    text: (await import('../../reports/sweep-text.ts')).formatSweep,
    page: (await import('../../reports/sweep-page.ts')).formatSweepPage,
  }));
}
