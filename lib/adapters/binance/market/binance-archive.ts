// Candles from the files that Binance publishes (data.binance.vision): a zip with one CSV per month or day, and beside it its
// SHA-256. A file that is not what its checksum says is asked for again and then refused; no row is taken from it.
import { createHash } from 'node:crypto';
import { unzipSync } from 'fflate';
import pLimit from 'p-limit';
import { failure } from '../../../core/result.ts';
import { MINUTE_MS } from '../../../core/units.ts';
import { rangeOfPeriod } from '../../../market/bar-range.ts';
import { BAR_MS } from '../../../market/candle.ts';
import type { CandleSeries } from '../../../market/candle-series.ts';
import type { CandleArchive } from '../../../market/ports.ts';
import type { CcxtExchangeId } from '../ccxt-client.ts';
import { ExchangeFault, excerpt } from '../exchange-fault.ts';
import { fetchFile } from '../exchange-http.ts';
import { budgetOfHost } from '../request-budget.ts';
import { type CallerOptions, RetryingCaller } from '../retrying-caller.ts';
import { readKlines } from './klines.ts';

export interface BinanceArchiveOptions extends CallerOptions {
  readonly exchange: CcxtExchangeId;
  /** Origin that serves the files instead. @default the real one */
  readonly baseUrl?: string | undefined;
}

const REAL_URL = 'https://data.binance.vision';
const FOLDERS: Readonly<Record<CcxtExchangeId, string>> = {
  binanceusdm: 'data/futures/um',
  binance: 'data/spot',
};
const TIMEOUT_MS = 30_000;
/** Files under way at once. */
const CONCURRENCY = 8;
/** A month of 5-minute candles is 1.2 MB of text; more is not ours, packed or not, and shall not fill the memory. */
const CSV_BYTES_MAX = 4 * 2 ** 20;
const CHECKSUM_BYTES_MAX = 1024;
/** The files have no request limit. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;
/** Epoch ms have 13 digits, and µs, which spot files hold since 2025, have 16. */
const MICROSECONDS_MIN = 1e15;

/** Nothing is sent before the first call. */
export function createBinanceArchive(options: BinanceArchiveOptions): CandleArchive {
  const { exchange, baseUrl } = options;
  const origin = baseUrl === undefined ? REAL_URL : new URL(baseUrl).origin;
  const caller = new RetryingCaller(
    { weightPerMinute: UNLIMITED, address: budgetOfHost(new URL(origin).host), open: async () => fetchFile },
    { deadlineMs: MINUTE_MS, attempts: 3, ...options },
  );
  const limit = pLimit(CONCURRENCY);
  return {
    candles: ({ symbol, period }) =>
      limit(async () => {
        const kind = /^\d{4}-\d{2}$/.test(period) ? 'monthly' : 'daily';
        const name = `${symbol}-5m-${period}`;
        const url = `${origin}/${FOLDERS[exchange]}/${kind}/klines/${symbol}/5m/${name}.zip`;
        const read = await caller.call(1, async (fetchBytes) => {
          // Both are small, and most that are asked for are there.
          const [zip, checksum] = await Promise.all([
            fetchBytes(url, { timeoutMs: TIMEOUT_MS, bytesMax: CSV_BYTES_MAX }),
            fetchBytes(`${url}.CHECKSUM`, { timeoutMs: TIMEOUT_MS, bytesMax: CHECKSUM_BYTES_MAX }),
          ]);
          if (zip === undefined || checksum === undefined) return undefined;
          verifyChecksum(zip, checksum, name);
          return readCsv(unpack(zip, name), { symbol, period, name });
        });
        return read.ok ? read : failure(read.error.toMarketDataError());
      }),
  };
}

/** @param checksum as sha256sum writes it: the hash, two blanks, the name */
function verifyChecksum(zip: Uint8Array, checksum: Uint8Array, name: string): void {
  const text = new TextDecoder().decode(checksum);
  const [, sha256, file] = /^([0-9a-f]{64}) [ *](\S+)\s*$/.exec(text) ?? [];
  if (sha256 === undefined || file !== `${name}.zip`)
    throw new ExchangeFault('invalid_response', `no checksum of ${name}.zip, but: ${excerpt(text)}`);
  if (createHash('sha256').update(zip).digest('hex') !== sha256)
    throw new ExchangeFault('invalid_response', `${name}.zip is not what its checksum says`);
}

function unpack(zip: Uint8Array, name: string): string {
  const file = `${name}.csv`;
  let csv: Uint8Array | undefined;
  try {
    let found = 0;
    // Once: a list of entries costs nothing, and each would be unpacked.
    const filter = (entry: { name: string; originalSize: number }) =>
      entry.name === file && entry.originalSize <= CSV_BYTES_MAX && found++ === 0;
    csv = unzipSync(zip, { filter })[file];
  } catch (cause) {
    throw new ExchangeFault('invalid_response', `${name}.zip cannot be unpacked`, { cause });
  }
  if (csv === undefined) throw new ExchangeFault('invalid_response', `${name}.zip holds no ${file}`);
  return new TextDecoder().decode(csv);
}

/** Futures files may begin with the columns' names; spot files hold microseconds since 2025. */
function readCsv(csv: string, file: { symbol: string; period: string; name: string }): CandleSeries {
  const lines = csv.split('\n').filter((line) => line.trim() !== '');
  if (lines[0]?.startsWith('open_time')) lines.shift();
  const rows = lines.map((line) => {
    const [time, ...cells] = line.split(',');
    return [toMilliseconds(Number(time)), ...cells];
  });
  const { fromMs, toMs } = rangeOfPeriod(file.period);
  const wanted = { symbol: file.symbol, count: rows.length, lastOpenTimeMs: toMs - BAR_MS };
  const series = readKlines(rows, wanted);
  if (series.length !== rows.length || series.length === 0 || series.openTimeMs[0]! < fromMs)
    throw new ExchangeFault('invalid_response', `${file.name}.csv holds candles of another time, or none`);
  return series;
}

const toMilliseconds = (time: number): number => (time >= MICROSECONDS_MIN ? time / 1000 : time);
