// Options that several commands share, parsed once and refused in the same words.
import { existsSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { BAR_MS } from '../lib/market/candle.ts';
import { SYMBOL_PATTERN } from '../lib/market/symbol.ts';
import { UsageError } from './command-error.ts';

/** `2024-08-05`, `2024-08-05T00:00Z` or with seconds; without a zone it is UTC. Gives epoch ms. */
export function parseInstant(text: string): number {
  const iso = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/;
  const zoned = /T.*(Z|[+-]\d{2}:\d{2})$/.test(text) || !text.includes('T') ? text : `${text}Z`;
  const instantMs = iso.test(text) ? Date.parse(zoned) : Number.NaN;
  if (Number.isNaN(instantMs))
    throw new InvalidArgumentError('It must be an ISO time such as 2024-08-05T00:00Z.');
  return instantMs;
}

/** `BTCUSDT`. */
export function parseSymbol(text: string): string {
  if (!SYMBOL_PATTERN.test(text))
    throw new InvalidArgumentError(`"${text}" is no pair against USDT; symbols look like BTCUSDT.`);
  return text;
}

/** `BTCUSDT,ETHUSDT`. */
export function parseSymbols(text: string): string[] {
  const symbols = text.split(',').map((symbol) => parseSymbol(symbol.trim()));
  return [...new Set(symbols)];
}

const COUNT_MAX = 1_000_000;

/** A whole number of at least 1, and not beyond all sense. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > COUNT_MAX)
    throw new InvalidArgumentError(`It must be a whole number of at least 1 and at most ${COUNT_MAX}.`);
  return count;
}

/** Options of reports over recorded candles: the range, JSON, and a page. */
export interface ReportOptions {
  readonly json: boolean;
  readonly report?: string;
}

/** @param page what --report writes */
export const addReportOptions = (command: Command, page: string): Command =>
  command
    .option('--json', 'print one JSON object; figures that cannot be computed are null', false)
    .option('--report <file>', page);

/** How many symbols, or which: `20`, `BTCUSDT,ETHUSDT`. */
export const parseSymbolChoice = (text: string): number | readonly string[] =>
  /^\d+$/.test(text) ? parseCount(text) : parseSymbols(text);

/** A folder that exists. */
export function parseFolder(text: string): string {
  if (!existsSync(text)) throw new InvalidArgumentError(`There is no folder ${text}: check the path.`);
  return text;
}

/** For commands over the bars from one open time to another. */
export function checkBarRange({ from, to }: { readonly from?: number; readonly to?: number }): void {
  for (const [name, instantMs] of Object.entries({ from, to }))
    if (instantMs !== undefined && instantMs % BAR_MS !== 0)
      throw new UsageError(`--${name} must be the open of a 5-minute bar, such as 2024-08-05T00:05Z`);
  if (from !== undefined && to !== undefined && from >= to)
    throw new UsageError('--from must be before --to');
}

/** Options of commands over a folder of recorded candles. */
export interface RecordedOptions {
  readonly data: string;
  /** All of the folder when undefined. */
  readonly symbols?: string[];
}

export const addRecordedOptions = (command: Command): Command =>
  command
    .requiredOption(
      '--data <dir>',
      'folder of candles: SYMBOL.csv or SYMBOL.csv.gz files, or the output of qtrader collect',
      parseFolder,
    )
    .option('--symbols <list>', 'only these, such as BTCUSDT,ETHUSDT (default: all)', parseSymbols);

/** Options of commands that run models on recorded candles. */
export interface RecordedModelsOptions extends RecordedOptions {
  /** The starter models when undefined. */
  readonly models?: string;
}

export const addRecordedModelsOptions = (command: Command): Command =>
  addRecordedOptions(command).option(
    '--models <dir>',
    'folder of models laid out like models/starter (default: the starter models)',
    parseFolder,
  );
