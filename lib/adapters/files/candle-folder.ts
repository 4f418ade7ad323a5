// Reads folders of candles: one SYMBOL.csv or SYMBOL.csv.gz per symbol, header `ts,open,high,low,close,volume`, or the output of
// `qtrader collect`. A malformed file is refused as a whole, with the number of the line: half a history is never taken for a whole one.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { StoreError } from '../../core/store-error.ts';
import { MIB } from '../../core/units.ts';
import { CANDLE_PROBLEMS } from '../../market/candle.ts';
import { type CandleSeries, seriesFromCandles } from '../../market/candle-series.ts';
import { COLLECTED_PREFIX, readCollectedSymbol } from '../../market/use-cases/collected-candles.ts';
import { candleParquet } from './candle-parquet.ts';
import { createFolderObjectStore } from './folder-object-store.ts';
import { readBoundedFile } from './read-bounded-file.ts';

const HEADER = 'ts,open,high,low,close,volume';
/** The first bytes of a gzip stream (RFC 1952): the content decides, not the name. */
const GZIP_MAGIC = [0x1f, 0x8b];
const FILE = /^(.+)\.csv(?:\.gz)?$/;
const COLLECTED = COLLECTED_PREFIX.slice(0, -1);
/** Twenty years of a symbol: 64 bytes a candle. Packed or not, a larger file is none of candles. */
const CSV_BYTES_MAX = 128 * MIB;
const ROWS_MAX = 2_200_000;
const unzip = promisify(gunzip);

export interface CandleFolder {
  /** Symbols with a file, in alphabetical order. */
  readonly symbols: readonly string[];
  /** All candles of one symbol; one line of what is wrong and where otherwise. */
  read(symbol: string): Promise<Result<CandleSeries, string>>;
}

/** Fails with one line when the folder cannot be read, holds no candles, or holds a symbol twice. */
export async function openCandleFolder(folder: string): Promise<Result<CandleFolder, string>> {
  let names: string[];
  let collected: string[];
  try {
    names = await readdir(folder);
    collected = names.includes(COLLECTED) ? await readdir(join(folder, COLLECTED)) : [];
  } catch (error) {
    return failure(`cannot read the folder ${folder} (${errorCode(error)}): check the path`);
  }
  const files = names.filter((name) => FILE.test(name)).sort();
  const recordedSymbols = symbolsIn(files, FILE);
  const collectedSymbols = symbolsIn(collected, /^symbol=(.+)$/);
  if (recordedSymbols.length === 0 && collectedSymbols.length === 0)
    return failure(
      `no SYMBOL.csv or SYMBOL.csv.gz file and no ${COLLECTED}/symbol=SYMBOL in ${folder}: check the path`,
    );
  if (recordedSymbols.length > 0 && collectedSymbols.length > 0)
    return failure(`${folder} holds both CSV files and collected candles: move one kind away`);
  const twice = recordedSymbols.find((symbol, index) => recordedSymbols.indexOf(symbol) !== index);
  if (twice !== undefined)
    return failure(`${folder} holds both ${twice}.csv and ${twice}.csv.gz: move one of them away`);
  if (recordedSymbols.length > 0) {
    const fileOf = new Map(files.map((name) => [FILE.exec(name)![1]!, join(folder, name)]));
    return success({
      symbols: recordedSymbols,
      read: (symbol) => readCandleFile(fileOf.get(symbol) ?? join(folder, `${symbol}.csv`)),
    });
  }
  const store = { objects: createFolderObjectStore(folder), codec: candleParquet };
  return success({ symbols: collectedSymbols, read: (symbol) => readCollected(store, { folder, symbol }) });
}

const symbolsIn = (names: readonly string[], pattern: RegExp): string[] =>
  names.flatMap((name) => pattern.exec(name)?.[1] ?? []).sort();

async function readCollected(
  store: Parameters<typeof readCollectedSymbol>[0],
  { folder, symbol }: { folder: string; symbol: string },
): Promise<Result<CandleSeries, string>> {
  try {
    const series = await readCollectedSymbol(store, symbol);
    return series.ok ? series : failure(`${folder}/${series.error}`);
  } catch (error) {
    if (error instanceof StoreError) return failure(error.message);
    throw error;
  }
}

/** Candles of one CSV file, gzipped or not. */
export async function readCandleFile(file: string): Promise<Result<CandleSeries, string>> {
  let text: string;
  try {
    const bytes = await readBoundedFile(file, CSV_BYTES_MAX);
    const isGzip = GZIP_MAGIC.every((byte, index) => bytes[index] === byte);
    text = (isGzip ? await unzip(bytes, { maxOutputLength: CSV_BYTES_MAX }) : bytes).toString('utf8');
  } catch (error) {
    return failure(
      `cannot read ${file} (${errorCode(error)}): it must be a CSV file of candles, gzipped or not`,
    );
  }
  const parsed = parseCandles(text);
  return parsed.ok ? parsed : failure(`${file}: ${parsed.error}`);
}

function parseCandles(text: string): Result<CandleSeries, string> {
  const header = text.slice(0, endOfLine(text, 0)).trimEnd();
  if (header !== HEADER) return failure(`the first line must be "${HEADER}", not "${header.slice(0, 60)}"`);

  // Line by line: the first malformed one ends it, before there is an array of as many lines as a file may have line feeds.
  const candles = [];
  for (let start = endOfLine(text, 0) + 1; start < text.length; start = endOfLine(text, start) + 1) {
    const cells = text.slice(start, endOfLine(text, start)).split(',', 8);
    const line = candles.length + 2;
    if (cells.length !== 6) return failure(`line ${line} has ${cells.length} columns, must be 6`);
    if (candles.length === ROWS_MAX) return failure(`it has more than ${ROWS_MAX} candles`);
    const [openTimeMs, open, high, low, close, volume] = cells.map(parseDecimal) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    candles.push({ openTimeMs, open, high, low, close, volume });
  }
  const series = seriesFromCandles(candles);
  if (series.ok) return series;
  const { index, problem } = series.error;
  return failure(`line ${index + 2}: ${CANDLE_PROBLEMS[problem]} (${problem})`);
}

/** Position of the line feed that ends the line, or of the text's end. */
function endOfLine(text: string, start: number): number {
  const found = text.indexOf('\n', start);
  return found < 0 ? text.length : found;
}

/** `Number('')` is 0; an empty cell must not become a price or a volume. */
const parseDecimal = (cell: string): number => (cell.trim() === '' ? Number.NaN : Number(cell));

const errorCode = (error: unknown): string =>
  (error as NodeJS.ErrnoException | undefined)?.code ?? messageOf(error);
