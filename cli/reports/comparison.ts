// Backtests side by side, as a table for a terminal and as a page.
import { formatFigure, formatInstant, formatPercent, NOT_AVAILABLE } from '../../lib/core/format-figure.ts';
import type { BacktestComparison, ComparedRun } from '../../lib/research/compare-backtests.ts';
import { formatTable } from '../format/text-table.ts';
import { formatHtmlTable, formatNote, formatSection } from './html.ts';
import { drawn, placePlot, plotGrowth } from './plots.ts';
import { formatPage, verdictOf } from './report-page.ts';

export const formatComparison = (comparison: BacktestComparison): string =>
  [
    summariseComparison(comparison),
    formatTable({ head: headOf(comparison), rows: rowsOf(comparison) }),
    ...comparison.warnings.map((warning) => `WARNING: ${warning}`),
  ].join('\n\n');

export function formatComparisonPage(comparison: BacktestComparison): string {
  const { runs, warnings } = comparison;
  const first = runs[0]!.run;
  const alike = runs.filter(({ run }) => run.equity.timeMs.join() === first.equity.timeMs.join());
  const growth = plotGrowth(
    first.equity.timeMs,
    alike.map(({ name, run }) => ({ name: `${name}, %`, equityUsdt: run.equity.equityUsdt })),
    { id: 'growth', summary: 'Growth of the accounts compared', compared: true },
  );
  const seen = runs.map(({ run }) => run.inSample);
  return formatPage({
    title: `Comparison of ${runs.length} backtests`,
    verdict: verdictOf(seen.every((of) => of === false) ? false : seen.includes(true) ? true : 'partly'),
    summary: summariseComparison(comparison),
    facts: runs.map(({ name, run }) => ({
      name,
      value: formatPercent(run.summary.totalReturn ?? undefined, 2),
      signed: true,
    })),
    plots: drawn([growth]),
    body: [
      ...warnings.map(
        (warning) => `<p class="problem">${formatNote(warning).replace(/<\/?p[^>]*>/g, '')}</p>`,
      ),
      formatSection('Growth', placePlot(growth)),
      formatSection(
        'Side by side',
        formatHtmlTable({
          label: 'Side by side',
          head: headOf(comparison),
          rows: rowsOf(comparison),
          whole: true,
        }),
      ),
    ],
  });
}

/** What is different, and whether the days tell the runs apart. */
function summariseComparison({ runs }: BacktestComparison): string {
  const [first, ...others] = runs;
  const { range } = first!.run;
  return [
    `Compared with ${first!.name}, from ${formatInstant(range.fromMs)} to ${formatInstant(range.toMs)} UTC, return ${formatPercent(first!.run.summary.totalReturn ?? undefined, 2)}: `,
    others.map(describe).join('; '),
    '.',
  ].join('');
}

function describe({
  name,
  run,
  changes,
  dailyDifference,
  dailyDifferenceInterval: interval,
}: ComparedRun): string {
  const what = `${name}${changes === '' ? ', with the same settings' : ` (${changes})`}, returned ${formatPercent(run.summary.totalReturn ?? undefined, 2)}`;
  if (dailyDifference === undefined) return what;
  if (interval === undefined) return `${what}, and fewer than 5 days cannot tell them apart`;
  const bounds = `${bpsOf(dailyDifference)} bps a day, 95 % interval ${bpsOf(interval.low)} to ${bpsOf(interval.high)}`;
  if (interval.low > 0) return `${what}, better by ${bounds}`;
  if (interval.high < 0) return `${what}, worse by ${bounds}`;
  return `${what}, which its days cannot tell apart (${bounds})`;
}

const bpsOf = (fraction: number): string => (10_000 * fraction).toFixed(1);

const headOf = ({ runs }: BacktestComparison): string[] => ['figure', ...runs.map(({ name }) => name)];

function rowsOf({ runs }: BacktestComparison): string[][] {
  const row = (name: string, cellOf: (compared: ComparedRun) => string) => [name, ...runs.map(cellOf)];
  const orNone = (value: number | null | undefined) => value ?? undefined;
  return [
    row('return', ({ run }) => formatPercent(orNone(run.summary.totalReturn), 2)),
    row('equity at the end USDT', ({ run }) => run.bookedLedger.equityUsdt.toFixed(2)),
    row('max drawdown', ({ run }) => formatPercent(orNone(run.summary.maxDrawdown?.fraction), 2)),
    row('Sharpe (daily, √365)', ({ run }) => formatFigure(orNone(run.summary.sharpe), 2)),
    row('trades', ({ run }) => String(run.summary.trades)),
    row('won', ({ run }) => formatPercent(orNone(run.summary.winRate))),
    row('profit factor', ({ run }) => formatFigure(orNone(run.summary.profitFactor), 2)),
    row('fees USDT', ({ run }) => run.bookedLedger.feesUsdt.toFixed(2)),
    row('funding USDT', ({ run }) => run.bookedLedger.fundingUsdt.toFixed(2)),
    row('decisions', ({ run }) => String(run.decisions)),
    row('bps a day against the first', ({ dailyDifference: mean }) =>
      mean === undefined ? NOT_AVAILABLE : bpsOf(mean),
    ),
    row('95 % interval of that', ({ dailyDifferenceInterval: interval }) =>
      interval === undefined ? NOT_AVAILABLE : `${bpsOf(interval.low)} to ${bpsOf(interval.high)}`,
    ),
    row('set otherwise', ({ changes }) => changes || 'nothing'),
  ];
}
