// The files of past candles that the simulated exchange publishes, laid out like Binance's: a zip with one CSV per symbol and UTC
// month or day, and its checksum. Futures files begin with the columns' names; spot files hold microseconds since 2025.
import { createHash } from 'node:crypto';
import { strToU8, zipSync } from 'fflate';
import { DAY_MS, rangeOfPeriod } from '../../lib/market/bar-range.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import type { MarketKind } from './public-routes.ts';
import { type ExchangeReply, refuse } from './route.ts';
import type { VisibleMarket } from './visible-market.ts';

const PATH =
  /^\/data\/(futures\/um|spot)\/(monthly|daily)\/klines\/([^/]+)\/5m\/\3-5m-(\d{4}-\d{2}(?:-\d{2})?)\.zip(\.CHECKSUM)?$/;
const COLUMNS =
  'open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore';
/** How long after its end a day and a month are published. */
const PUBLISHED_AFTER_MS = { daily: DAY_MS / 4, monthly: 3 * DAY_MS } as const;
const MICROSECONDS_SINCE_MS = Date.UTC(2025, 0, 1);
const NO_SUCH_FILE = refuse(-5000, 'NoSuchKey: The specified key does not exist.', 404);

export const isArchivePath = (path: string): boolean => path.startsWith('/data/');

/** The file of that path, or 404: also for one that is not published yet, or that would hold no candle. */
export function archiveFile(path: string, market: VisibleMarket): ExchangeReply {
  const [, folder, kind, symbol, period, checksum] = PATH.exec(path) ?? [];
  if (symbol === undefined || period === undefined || !market.lists(symbol)) return NO_SUCH_FILE;
  const published = PUBLISHED_AFTER_MS[kind as 'daily' | 'monthly'];
  const { fromMs, toMs } = rangeOfPeriod(period);
  const isWanted = (kind === 'daily') === (period.length === 'YYYY-MM-DD'.length);
  if (!isWanted || !(toMs + published <= market.nowMs())) return NO_SUCH_FILE;
  const limit = (toMs - fromMs) / BAR_MS;
  const rows = market.klines(symbol, { startMs: fromMs, endMs: toMs - 1, limit });
  if (rows.length === 0) return NO_SUCH_FILE;
  const name = `${symbol}-5m-${period}`;
  const csv = csvOf(rows, folder === 'spot' ? 'spot' : 'usdm');
  const zip = zipSync({ [`${name}.csv`]: [strToU8(csv), { mtime: new Date(Date.UTC(2020, 0, 2)) }] });
  if (checksum === undefined) return { status: 200, body: zip };
  const sha256 = createHash('sha256').update(zip).digest('hex');
  return { status: 200, body: strToU8(`${sha256}  ${name}.zip\n`) };
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
