// What `qtrader trades`, `orders` and `equity` have in common: pages of an account's records, newest first, from the read model that
// the HTTP API and the dashboard answer from.
import { type Command, Option } from 'commander';
import type { z } from 'zod';
import type { Scope } from '../../../lib/risk/gate.ts';
import type { OperatorSystem } from '../../../lib/runtime/compose/operator.ts';
import { UsageError } from '../../command-error.ts';
import { formatCsv } from '../../format/csv.ts';
import { parseCount, parseInstant } from '../../options.ts';
import { print, printJson } from '../../output.ts';
import { addSystemOptions, noteSavedState, type SystemOptions, withSystem } from '../../system.ts';

export interface RecordsOptions extends SystemOptions {
  readonly scope: Scope;
  readonly symbol?: string;
  readonly from?: number;
  readonly to?: number;
  readonly last: number;
  readonly before?: string;
  readonly json: boolean;
  readonly csv: boolean;
}

const LAST_DEFAULT = 20;

export const addRecordsOptions = (command: Command, what: string): Command =>
  addSystemOptions(command)
    .addOption(new Option('--scope <name>', 'whose account').choices(['paper', 'live']).default('paper'))
    .option('--from <iso>', `only ${what} of this time or later`, parseInstant)
    .option('--to <iso>', `only ${what} before this time`, parseInstant)
    .option('--last <n>', 'at most this many, the newest first', parseCount, LAST_DEFAULT)
    .option('--before <cursor>', 'the next page: what the end of the page before says')
    .option('--json', 'print the page as the HTTP API answers it, one JSON object', false)
    .addOption(
      new Option('--csv', 'print CSV, with amounts in micro-USDT and times in epoch ms')
        .default(false)
        .conflicts('json'),
    );

interface RecordsOf<Query extends z.ZodType, Answer extends { readonly next: string | null }, Item> {
  readonly query: Query;
  read(system: OperatorSystem, query: z.infer<Query>): Promise<Answer>;
  itemsOf(answer: Answer): readonly Item[];
  /** Of the CSV. */
  readonly columns: Record<string, (item: Item) => unknown>;
  format(answer: Answer): string;
}

export async function printRecords<
  Query extends z.ZodType,
  Answer extends { readonly next: string | null },
  Item,
>(options: RecordsOptions, records: RecordsOf<Query, Answer, Item>): Promise<void> {
  const { scope, symbol, from, to, last, before, json, csv } = options;
  const asked = { scope, symbol, fromMs: from, toMs: to, count: last, before };
  const query = records.query.safeParse(
    Object.fromEntries(
      Object.entries(asked).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
    ),
  );
  if (!query.success) throw new UsageError(describeRefusal(query.error));
  const answer = await withSystem(options, (system, origin) => {
    if (!json && !csv) noteSavedState(origin);
    return records.read(system, query.data);
  });
  if (json) return printJson(answer);
  if (csv) return print(formatCsv(records.itemsOf(answer), records.columns));
  print(records.format(answer));
  if (answer.next !== null) print(`older ones: --before ${answer.next}`);
}

const OPTION_NAMES: Readonly<Record<string, string>> = { count: '--last', fromMs: '--from', toMs: '--to' };

function describeRefusal({ issues }: z.ZodError): string {
  const { path, message } = issues[0]!;
  const name = String(path[0]);
  return `${OPTION_NAMES[name] ?? `--${name}`}: ${message}`;
}
