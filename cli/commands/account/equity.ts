// `qtrader equity`: what the account was worth, minute by minute or day by day, newest first.
import { type Command, Option } from 'commander';
import type { z } from 'zod';
import type { daysAnswerSchema, equityAnswerSchema } from '../../../lib/api/read-model/account.ts';
import { formatPercent, formatSecond, formatUsdt, NOT_AVAILABLE } from '../../../lib/core/format-figure.ts';
import type { EquitySnapshot } from '../../../lib/risk/records.ts';
import { formatCsv } from '../../format/csv.ts';
import { formatTable } from '../../format/text-table.ts';
import { print, printJson } from '../../output.ts';
import { withSystem } from '../../system.ts';
import { addRecordsOptions, printRecords, type RecordsOptions } from './account-records.ts';

export function addEquityCommand(program: Command): void {
  addRecordsOptions(program.command('equity'), 'snapshots')
    .description('equity snapshots of the last 90 days, one a minute, newest first')
    .addOption(
      new Option('--days', 'equity by UTC day instead').default(false).conflicts(['from', 'to', 'before']),
    )
    .action(runEquity);
}

async function runEquity(options: RecordsOptions & { readonly days: boolean }): Promise<void> {
  if (options.days) return printDays(options);
  const { readEquity } = await import('../../../lib/api/read-model/account.ts');
  const { equityQuerySchema } = await import('../../../lib/api/read-queries.ts');
  await printRecords(options, {
    query: equityQuerySchema,
    read: readEquity,
    itemsOf: ({ snapshots }) => snapshots,
    columns: COLUMNS,
    format: formatEquity,
  });
}

const COLUMNS: Record<string, (snapshot: EquitySnapshot) => unknown> = {
  atMs: (snapshot) => snapshot.atMs,
  equityMicroUsdt: (snapshot) => snapshot.equityMicroUsdt,
  walletMicroUsdt: (snapshot) => snapshot.walletMicroUsdt,
  exposureMicroUsdt: (snapshot) => snapshot.exposureMicroUsdt,
  positions: (snapshot) => snapshot.positions,
};

function formatEquity({ snapshots, drawdown }: z.infer<typeof equityAnswerSchema>): string {
  if (snapshots.length === 0) return 'no equity snapshots';
  const table = formatTable({
    head: ['at (UTC)', 'equity', 'wallet', 'exposure', 'positions'],
    rows: snapshots.map(({ atMs, equityMicroUsdt, walletMicroUsdt, exposureMicroUsdt, positions }) => [
      formatSecond(atMs),
      formatUsdt(equityMicroUsdt),
      formatUsdt(walletMicroUsdt),
      formatUsdt(exposureMicroUsdt),
      positions,
    ]),
  });
  const deepest =
    drawdown === null
      ? 'equity never fell in these snapshots'
      : `deepest drawdown in these snapshots: ${formatPercent(drawdown.fraction, 2)}, from ${formatSecond(drawdown.startMs)} to ${formatSecond(drawdown.bottomMs)}`;
  return `${table}\n${deepest}`;
}

async function printDays(options: RecordsOptions): Promise<void> {
  const { readDays } = await import('../../../lib/api/read-model/account.ts');
  const answer = await withSystem(options, ({ risk }) => readDays({ risk }, { scope: options.scope }));
  const { days } = answer;
  if (options.json) return printJson(answer);
  if (options.csv)
    return print(
      formatCsv(days, {
        day: ({ day }) => day,
        startMicroUsdt: ({ startMicroUsdt }) => startMicroUsdt,
        changeMicroUsdt: ({ changeMicroUsdt }) => changeMicroUsdt,
      }),
    );
  print(formatDays(days.slice(0, options.last)));
}

function formatDays(days: z.infer<typeof daysAnswerSchema>['days']): string {
  if (days.length === 0) return 'no days';
  return formatTable({
    head: ['day (UTC)', 'began with', 'change', ''],
    rows: days.map(({ day, startMicroUsdt, changeMicroUsdt }) => [
      day,
      formatUsdt(startMicroUsdt),
      changeMicroUsdt === null ? NOT_AVAILABLE : formatUsdt(changeMicroUsdt),
      changeMicroUsdt === null ? '' : formatPercent(changeMicroUsdt / startMicroUsdt, 2),
    ]),
  });
}
