// Reads folders of recorded candles: one SYMBOL.csv.gz per symbol, header `ts,open,high,low,close,volume`. A file that breaks
// the rules is refused whole, with the line at fault: half a history is never taken for a whole one.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { CANDLE_FAULTS } from '../../market/candle.ts';
import { type CandleSeries, seriesFromCandles } from '../../market/candle-series.ts';
import { failure, type Result, success } from '../../result.ts';

const HEADER = 'ts,open,high,low,close,volume';
const SUFFIX = '.csv.gz';
const unzip = promisify(gunzip);

export interface CandleFolder {
  /** Symbols with a file, in alphabetical order. */
  readonly symbols: readonly string[];
  /** All candles of one symbol; one line of what is wrong and where otherwise. */
  read(symbol: string): Promise<Result<CandleSeries, string>>;
}

/** Fails with one line when the folder cannot be read or holds no candle file. */
export async function openCandleFolder(folder: string): Promise<Result<CandleFolder, string>> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    return failure(`cannot read the folder ${folder} (${errorCode(error)}): check the path`);
  }
  const symbols = names
    .filter((name) => name.endsWith(SUFFIX))
    .map((name) => name.slice(0, -SUFFIX.length))
    .sort();
  if (symbols.length === 0) return failure(`no SYMBOL${SUFFIX} file in ${folder}: check the path`);
  return success({ symbols, read: (symbol) => readCandleFile(join(folder, symbol + SUFFIX)) });
}

/** Candles of one `SYMBOL.csv.gz` file. */
export async function readCandleFile(file: string): Promise<Result<CandleSeries, string>> {
  let text: string;
  try {
    text = (await unzip(await readFile(file))).toString('utf8');
  } catch (error) {
    return failure(`cannot read ${file} (${errorCode(error)}): it must be a gzip file of candles`);
  }
  const parsed = parseCandles(text);
  return parsed.ok ? parsed : failure(`${file}: ${parsed.error}`);
}

function parseCandles(text: string): Result<CandleSeries, string> {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const header = lines.shift()?.trimEnd();
  if (header !== HEADER) return failure(`the first line must be "${HEADER}", not "${header?.slice(0, 60)}"`);

  const candles = [];
  for (const [index, line] of lines.entries()) {
    const cells = line.split(',');
    if (cells.length !== 6) return failure(`line ${index + 2} has ${cells.length} columns, must be 6`);
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
  const { index, fault } = series.error;
  return failure(`line ${index + 2}: ${CANDLE_FAULTS[fault]} (${fault})`);
}

/** `Number('')` is 0; an empty cell must not become a price or a volume. */
const parseDecimal = (cell: string): number => (cell.trim() === '' ? Number.NaN : Number(cell));

const errorCode = (error: unknown): string =>
  error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
