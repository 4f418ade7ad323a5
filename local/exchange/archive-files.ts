// The files of past candles that the simulated exchange publishes, laid out like Binance's: a zip with one CSV per symbol and UTC
// month or day, and its checksum. Futures files begin with the columns' names; spot files hold microseconds since 2025.
import { createHash } from 'node:crypto';
import { strToU8, zipSync } from 'fflate';
import { DAY_MS } from '../../lib/core/units.ts';
import { rangeOfPeriod } from '../../lib/market/bar-range.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { type ExchangeReply, refuse } from './route.ts';
import type { MarketKind } from './routes/public-routes.ts';
import type { VisibleMarket } from './visible-market.ts';

const PATH =
  /^\/data\/(futures\/um|spot)\/(monthly|daily)\/klines\/([^/]+)\/5m\/\3-5m-(\d{4}-\d{2}(?:-\d{2})?)\.zip(\.CHECKSUM)?$/;
const COLUMNS =
  'open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore';
/** How long after its end a day and a month are published. */
const PUBLISHED_AFTER_MS = { daily: DAY_MS / 4, monthly: 3 * DAY_MS } as const;
const MICROSECONDS_SINCE_MS = Date.UTC(2025, 0, 1);
/** Without a time of its own, a zip would differ from one call to the next. */
const ZIP_OPTIONS = { level: 1, mtime: new Date(2020, 0, 2) } as const;
const NO_SUCH_FILE = refuse(-5000, 'NoSuchKey: The specified key does not exist.', 404);

export const isArchivePath = (path: string): boolean => path.startsWith('/data/');

export class ArchiveFiles {
  readonly #market: VisibleMarket;
  /** What is published stays as it is. */
  readonly #zips = new Map<string, Uint8Array>();

  constructor(market: VisibleMarket) {
    this.#market = market;
  }

  /** The file of that path, or 404: also for one that is not published yet, or that would hold no candle. */
  answer(path: string): ExchangeReply {
    const [, folder, kind, symbol, period, checksum] = PATH.exec(path) ?? [];
    if (symbol === undefined || period === undefined || !this.#market.lists(symbol)) return NO_SUCH_FILE;
    const isWanted = (kind === 'daily') === (period.length === 'YYYY-MM-DD'.length);
    const publishedMs = rangeOfPeriod(period).toMs + PUBLISHED_AFTER_MS[kind as 'daily' | 'monthly'];
    if (!isWanted || !(publishedMs <= this.#market.nowMs())) return NO_SUCH_FILE;
    const zip = this.#zip(folder === 'spot' ? 'spot' : 'usdm', { symbol, period });
    if (zip === undefined) return NO_SUCH_FILE;
    if (checksum === undefined) return { status: 200, body: zip };
    const sha256 = createHash('sha256').update(zip).digest('hex');
    return { status: 200, body: strToU8(`${sha256}  ${symbol}-5m-${period}.zip\n`) };
  }

  #zip(kind: MarketKind, { symbol, period }: { symbol: string; period: string }): Uint8Array | undefined {
    const key = `${kind} ${symbol} ${period}`;
    const known = this.#zips.get(key);
    if (known !== undefined) return known;
    const { fromMs, toMs } = rangeOfPeriod(period);
    const limit = (toMs - fromMs) / BAR_MS;
    const rows = this.#market.klines(symbol, { startMs: fromMs, endMs: toMs - 1, limit });
    if (rows.length === 0) return undefined;
    const csv = strToU8(csvOf(rows, kind));
    const zip = zipSync({ [`${symbol}-5m-${period}.csv`]: [csv, ZIP_OPTIONS] });
    this.#zips.set(key, zip);
    return zip;
  }
}

function csvOf(rows: ReturnType<VisibleMarket['klines']>, kind: MarketKind): string {
  const lines = rows.map((row) => {
    const [openTimeMs, open, high, low, close, volume, closeTimeMs, ...rest] = row;
    const times =
      kind === 'spot' && openTimeMs >= MICROSECONDS_SINCE_MS
        ? [openTimeMs * 1000, closeTimeMs * 1000 + 999]
        : [openTimeMs, closeTimeMs];
    return [times[0], open, high, low, close, volume, times[1], ...rest].join(',');
  });
  return `${[...(kind === 'usdm' ? [COLUMNS] : []), ...lines].join('\n')}\n`;
}
