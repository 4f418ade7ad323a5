// `qtrader backtest compare`: saved backtests side by side.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { messageOf } from '../../../lib/core/message-of.ts';
import { CommandFailure } from '../../command-error.ts';
import { addReportOptions, type ReportOptions } from '../../options.ts';
import { report } from './report.ts';

export function addCompareCommand(backtest: Command): void {
  const command = backtest
    .command('compare')
    .description('compare runs that qtrader backtest --json has written')
    .argument('<first>', 'file that the others are compared with')
    .argument('<others...>', 'files to compare');
  addReportOptions(command, 'write a page with plots to this HTML file').action(runCompare);
}

async function runCompare(first: string, others: readonly string[], options: ReportOptions): Promise<void> {
  const { compareBacktests, parseBacktest } = await import('../../../lib/research/compare-backtests.ts');
  const { seededDraws } = await import('../../../lib/runtime/compose/seeded-draws.ts');
  const saved = [];
  for (const file of [first, ...others]) {
    const run = parseBacktest(await readText(file), file);
    if (!run.ok) throw new CommandFailure(run.error);
    saved.push({ name: basename(file, '.json'), run: run.value });
  }
  const comparison = { ...compareBacktests(saved, seededDraws()), symbolProblems: [] };
  await report(comparison, options, async () => {
    const { formatComparison, formatComparisonPage } = await import('../../reports/comparison.ts');
    return { text: formatComparison, page: formatComparisonPage };
  });
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? messageOf(error);
    throw new CommandFailure(`cannot read ${file} (${code}): check the path`);
  }
}
