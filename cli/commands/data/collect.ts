// `qtrader collect`: collects the exchange's candles into a folder, usable as --data of other commands, or into the bucket of a stage.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { formatInstant } from '../../../lib/core/format-figure.ts';
import type { CollectionOfSymbol, CollectionReport } from '../../../lib/market/use-cases/collect-candles.ts';
import type { CollectQuery } from '../../../lib/runtime/compose/collect-candles.ts';
import { type Exchange, exchangeSchema } from '../../../lib/runtime/config/function-settings.ts';
import { LIVE_EXCHANGE } from '../../../lib/runtime/config/venue.ts';
import { CommandFailure, UsageError } from '../../command-error.ts';
import { createProgressLine } from '../../format/progress-line.ts';
import { parseCount, parseSymbolChoice } from '../../options.ts';
import { print, printJson } from '../../output.ts';
import { withSystem } from '../../system.ts';

interface CollectOptions {
  readonly days: number;
  readonly out?: string;
  readonly stage?: string;
  readonly symbols?: number | readonly string[];
  readonly exchange?: Exchange | 'simulated';
  readonly archive?: string;
  readonly state: string;
  readonly json: boolean;
}

const SYMBOLS_DEFAULT = 100;
const DAYS_DEFAULT = 90;
/** 4 years, as many as a grid of bars may have. */
const DAYS_MAX = 4 * 365;
const BAR_CELLS = 20;
/** So many incomplete symbols are named. */
const NAMED_MAX = 5;

export function addCollectCommand(program: Command): void {
  program
    .command('collect')
    .description(
      'collect closed 5-minute candles from the archive files and the API of the exchange; rerun to resume',
    )
    .option('--days <n>', 'start so many days ago', parseDays, DAYS_DEFAULT)
    .option('--out <dir>', 'folder to write, usable as --data DIR')
    .option('--stage <name>', 'write to the bucket of this stage on AWS instead')
    .option(
      '--symbols <n or list>',
      `how many, the largest first, or a list (default: ${SYMBOLS_DEFAULT}; with --stage its universe)`,
      parseSymbolChoice,
    )
    .addOption(
      new Option(
        '--exchange <name>',
        `source; "simulated" is the exchange of the running npm start (default: ${LIVE_EXCHANGE}; with --stage its own)`,
      ).choices([...exchangeSchema.options, 'simulated']),
    )
    .option('--archive <url>', "origin of the archive files (default: the exchange's own)", parseUrl)
    .option('--state <dir>', 'state folder of the local system, for --exchange simulated', '.qt')
    .option('--json', 'print the report as JSON', false)
    .action(runCollect);
}

async function runCollect(options: CollectOptions): Promise<void> {
  const { out, stage } = options;
  if ((out === undefined) === (stage === undefined))
    throw new UsageError('give either a folder (--out DIR) or a stage (--stage NAME)');
  if (out !== undefined) {
    const source = await sourceOf(options);
    return collectInto(options, { ...source, into: { folder: out } }, async () => SYMBOLS_DEFAULT);
  }
  if (options.exchange === 'simulated')
    throw new UsageError('candles of the simulated exchange can only go into a folder: give --out DIR');
  await withSystem(options, async ({ objects, readExchange }) => {
    const { readStageUniverse } = await import('../../../lib/runtime/compose/collect-candles.ts');
    const exchange = await readExchange();
    if (exchange === undefined || (options.exchange ?? exchange) !== exchange)
      throw new UsageError(`stage ${stage} follows ${exchange}: leave --exchange out, or give --out DIR`);
    const source = { exchange, exchangeUrl: undefined, source: exchange, into: { objects } };
    await collectInto(options, source, async () => (await readStageUniverse(objects)).symbols);
  });
}

type CollectionSource = Pick<CollectQuery, 'exchange' | 'exchangeUrl' | 'source' | 'into'>;

async function collectInto(
  options: CollectOptions,
  source: CollectionSource,
  defaultSymbols: () => Promise<number | readonly string[]>,
): Promise<void> {
  const { collect } = await import('../../../lib/runtime/compose/collect-candles.ts');
  const { chooseSymbols } = await import('../../../lib/runtime/compose/exchange/exchange-check.ts');
  const { exchange, exchangeUrl } = source;
  const symbols = await chooseSymbols(exchange, options.symbols ?? (await defaultSymbols()), exchangeUrl);
  if (!symbols.ok) throw new CommandFailure(symbols.error);
  const progress = await createProgressLine();
  const collected = await collect({
    ...source,
    archiveUrl: options.archive,
    symbols: symbols.value,
    days: options.days,
    onProgress: ({ done, of, symbol }) =>
      progress.show(formatProgress({ done, of, symbol }), symbol.outcome !== 'complete'),
  }).finally(progress.end);
  if (!collected.ok) throw new CommandFailure(collected.error);
  const report = collected.value;
  if (options.json) printJson(report);
  else print(formatReport(report));
  const incomplete = report.symbols.filter(({ outcome }) => outcome !== 'complete');
  if (incomplete.length > 0)
    throw new CommandFailure(
      `${incomplete.length} symbols are incomplete, rerun to resume: ${nameSome(incomplete)}`,
    );
}

/** Of a collection into a folder. */
async function sourceOf({
  exchange = LIVE_EXCHANGE,
  state,
}: CollectOptions): Promise<Omit<CollectionSource, 'into'>> {
  if (exchange !== 'simulated') return { exchange, exchangeUrl: undefined, source: exchange };
  const { findRunningSystem } = await import('../../../local/run/running-system.ts');
  const running = await findRunningSystem(state);
  if (running?.simulatedExchange == null)
    throw new CommandFailure(`no simulated exchange runs on ${state}: start it with npm start`);
  return { exchange: running.exchange, exchangeUrl: running.simulatedExchange.url, source: exchange };
}

function formatProgress({
  done,
  of,
  symbol,
}: {
  done: number;
  of: number;
  symbol: CollectionOfSymbol;
}): string {
  const cells = Math.round((BAR_CELLS * done) / of);
  const bar = '#'.repeat(cells).padEnd(BAR_CELLS, '.');
  const what =
    symbol.outcome === 'complete' ? `${symbol.candles} bars` : `${symbol.outcome}, ${symbol.message}`;
  return `[${bar}] ${done}/${of} ${symbol.symbol}: ${what}, ${symbol.added} new`;
}

function formatReport({ window, symbols, archive }: CollectionReport): string {
  const sum = (of: (symbol: CollectionOfSymbol) => number) =>
    symbols.reduce((total, symbol) => total + of(symbol), 0);
  const [from, to] = [window.fromMs, window.toMs].map(formatInstant);
  const lines = [
    `${sum(({ candles }) => candles)} candles of ${symbols.length} symbols, ${from} to ${to} UTC`,
    `${sum(({ added }) => added)} new, ${sum(({ missing }) => missing)} missing, ${sum(({ gaps }) => gaps)} gaps of the exchange itself`,
    `${archive.used} archive files used, ${archive.refused} refused${archive.lastRefusal === undefined ? '' : `: ${archive.lastRefusal}`}`,
    ...symbols.flatMap(({ symbol, damaged }) => damaged.map((what) => `${symbol} was damaged: ${what}`)),
  ];
  return lines.join('\n');
}

function nameSome(incomplete: readonly CollectionOfSymbol[]): string {
  const named = incomplete.slice(0, NAMED_MAX).map(({ symbol, message }) => `${symbol} (${message})`);
  return [...named, ...(incomplete.length > NAMED_MAX ? ['…'] : [])].join(', ');
}

function parseDays(text: string): number {
  const days = parseCount(text);
  if (days > DAYS_MAX) throw new InvalidArgumentError(`It must be at most ${DAYS_MAX}.`);
  return days;
}

function parseUrl(text: string): string {
  if (!URL.canParse(text))
    throw new InvalidArgumentError('It must be a URL such as https://data.example.com.');
  return text;
}
