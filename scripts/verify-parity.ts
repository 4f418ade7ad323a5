// Proves on recorded candles that training and serving see the same features: rows computed from a symbol's whole history
// are compared, float32 bit for bit, with rows computed from the 998 closed bars that one request gives. A difference means
// that models would be served other numbers than they were trained on, so a single one fails the check.
//
//   npx tsx scripts/verify-parity.ts --data DIR [--data DIR …] [--values N] [--symbols A,B]
//
// Exit codes: 0 no mismatch, 1 mismatch or unreadable data, 2 wrong usage.
import { parseArgs } from 'node:util';
import { openCandleFolder } from '../lib/adapters/files/candle-folder.ts';
import { computeFeatures } from '../lib/features/compute-features.ts';
import { FEATURE_COUNT, FEATURE_NAMES } from '../lib/features/feature-set.ts';
import { type CandleSeries, sliceSeries } from '../lib/market/candle-series.ts';
import { checkBars, fillGaps, REQUEST_BARS, ROW_WINDOW_BARS } from '../lib/market/grid.ts';

const DEFAULT_VALUES = 5_000_000;
const FIRST_ROW = ROW_WINDOW_BARS - 1;
const VALUES_PER_WINDOW = (REQUEST_BARS - FIRST_ROW) * FEATURE_COUNT;
const MISMATCHES_SHOWN = 20;
const USAGE =
  'usage: npx tsx scripts/verify-parity.ts --data DIR [--data DIR ...] [--values N] [--symbols A,B]';

interface Count {
  values: number;
  mismatches: number;
}

interface Options {
  readonly folders: readonly string[];
  /** Values to compare at least, over all symbols together. */
  readonly values: number;
  /** undefined: all. */
  readonly symbols: readonly string[] | undefined;
}

function parseOptions(): Options | undefined {
  try {
    const { values: given } = parseArgs({
      options: {
        data: { type: 'string', multiple: true },
        values: { type: 'string', default: String(DEFAULT_VALUES) },
        symbols: { type: 'string' },
      },
    });
    const values = Number(given.values);
    if (given.data === undefined || !Number.isInteger(values) || values < 1) return undefined;
    return { folders: given.data, values, symbols: given.symbols?.split(',') };
  } catch {
    return undefined;
  }
}

/** Compares the rows that one request ending with candle `end` − 1 would give with the rows of the whole history. */
function compareWindow(history: History, end: number, report: (line: string) => void): Count {
  const window = fillGaps(sliceSeries(history.candles, end - REQUEST_BARS, end));
  const verdicts = checkBars(window);
  const served = new Uint32Array(computeFeatures(window).buffer);
  const firstIndex = history.indexOf(window.openTimeMs[0]!);
  const count: Count = { values: 0, mismatches: 0 };
  for (let bar = FIRST_ROW; bar < window.length; bar++) {
    const verdict = history.verdicts[firstIndex + bar];
    if (verdict !== verdicts[bar]) {
      count.mismatches++;
      report(
        `${window.openTimeMs[bar]}: ${verdict ?? 'fit'} in the history, ${verdicts[bar] ?? 'fit'} in the window`,
      );
    }
    if (verdict !== undefined || firstIndex + bar < FIRST_ROW) continue;
    const row = (bar - FIRST_ROW) * FEATURE_COUNT;
    const batchRow = (firstIndex + bar - FIRST_ROW) * FEATURE_COUNT;
    for (let column = 0; column < FEATURE_COUNT; column++) {
      count.values++;
      if (served[row + column] === history.bits[batchRow + column]) continue;
      count.mismatches++;
      report(`${window.openTimeMs[bar]}: ${FEATURE_NAMES[column]} differs`);
    }
  }
  return count;
}

interface History {
  readonly candles: CandleSeries;
  readonly verdicts: ReturnType<typeof checkBars>;
  /** Bits of the float32 rows, the first one of bar 879. */
  readonly bits: Uint32Array;
  indexOf(openTimeMs: number): number;
}

function readHistory(candles: CandleSeries): History {
  const grid = fillGaps(candles);
  const barMs = grid.openTimeMs[1]! - grid.openTimeMs[0]!;
  return {
    candles,
    verdicts: checkBars(grid),
    bits: new Uint32Array(computeFeatures(grid).buffer),
    indexOf: (openTimeMs) => (openTimeMs - grid.openTimeMs[0]!) / barMs,
  };
}

/** Windows spread evenly over the history, from its first to its last, until `values` are compared or all are used. */
function compareSymbol(candles: CandleSeries, values: number, report: (line: string) => void): Count {
  const total: Count = { values: 0, mismatches: 0 };
  const ends = candles.length - REQUEST_BARS + 1;
  if (ends < 1) return total;
  const history = readHistory(candles);
  // A tenth more than needed: rows that abstain are not compared.
  const windows = Math.min(ends, Math.ceil((1.1 * values) / VALUES_PER_WINDOW) + 1);
  for (let window = 0; window < windows; window++) {
    const end = REQUEST_BARS + Math.floor((window * (ends - 1)) / Math.max(1, windows - 1));
    const count = compareWindow(history, end, report);
    total.values += count.values;
    total.mismatches += count.mismatches;
  }
  return total;
}

async function main(): Promise<number> {
  const options = parseOptions();
  if (options === undefined) {
    console.error(USAGE);
    return 2;
  }
  const jobs = [];
  for (const path of options.folders) {
    const folder = await openCandleFolder(path);
    if (!folder.ok) {
      console.error(folder.error);
      return 1;
    }
    const symbols = options.symbols ?? folder.value.symbols;
    for (const symbol of symbols.filter((name) => folder.value.symbols.includes(name))) {
      jobs.push({ symbol, read: () => folder.value.read(symbol) });
    }
  }
  if (jobs.length === 0) {
    console.error('none of the symbols is in the folders');
    return 1;
  }

  const total: Count = { values: 0, mismatches: 0 };
  let shown = 0;
  for (const [index, { symbol, read }] of jobs.entries()) {
    const candles = await read();
    if (!candles.ok) {
      console.error(candles.error);
      return 1;
    }
    const count = compareSymbol(
      candles.value,
      (options.values - total.values) / (jobs.length - index),
      (line) => {
        if (shown++ < MISMATCHES_SHOWN) console.error(`${symbol} ${line}`);
      },
    );
    total.values += count.values;
    total.mismatches += count.mismatches;
  }
  console.log(`compared ${total.values} values over ${jobs.length} symbols, ${total.mismatches} mismatches`);
  if (total.values === 0) {
    console.error('nothing was compared: no symbol has a row');
    return 1;
  }
  return total.mismatches === 0 ? 0 : 1;
}

process.exitCode = await main();
