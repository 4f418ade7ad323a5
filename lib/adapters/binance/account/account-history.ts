// Pages through what an account has behind it: the trades of an order, and everything that changed the wallet. Binance answers at
// most 1000 rows and 7 days at once.
import { failure, type Result, success } from '../../../core/result.ts';
import { DAY_MS } from '../../../core/units.ts';
import type { ForcedClosing, Income, Listing, ReadProblem } from '../../../execution/ports.ts';
import { ExchangeFault } from '../exchange-fault.ts';
import type { BinanceAccount } from './binance-account.ts';
import { type BinanceTrade, readIncome, readTrades } from './binance-balances.ts';
import { readForced } from './binance-orders.ts';

const ROWS_MAX = 1_000;
const WINDOW_MS = 7 * DAY_MS - 1;
/** What Binance keeps of income, in whole days. */
const INCOME_DAYS = 90;
/** Of one question: more than an account makes in the time that is ever asked for. */
const PAGES_MAX = 60;

const tooMany = (what: string) =>
  failure(new ExchangeFault('rejected', `${what} fill more than ${PAGES_MAX} pages of ${ROWS_MAX}`));

/** All trades of an order, oldest first; empty while the exchange lists none yet. */
export async function tradesOf(
  account: BinanceAccount,
  order: { readonly symbol: string; readonly orderId: string },
): Promise<Result<readonly BinanceTrade[], ExchangeFault>> {
  const trades = new Map<string, BinanceTrade>();
  // The first answer holds the newest trades; only when they fill a page are there others, which are read from the first on.
  let from: { readonly fromId?: string } = {};
  for (let page = 0; page < PAGES_MAX; page++) {
    const { symbol, orderId } = order;
    const parameters = { symbol, orderId, limit: ROWS_MAX, ...from };
    const rows = await account.ask({ method: 'GET', path: 'userTrades', parameters, weight: 5 }, readTrades);
    if (!rows.ok) return rows;
    for (const trade of rows.value) if (trade.orderId === orderId) trades.set(trade.id, trade);
    if (rows.value.length < ROWS_MAX) {
      return success([...trades.values()].toSorted((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1)));
    }
    from = { fromId: page === 0 ? '0' : String(newestId(rows.value) + 1n) };
  }
  return tooMany(`the trades of order ${order.orderId}`);
}

const newestId = (trades: readonly BinanceTrade[]): bigint =>
  trades.map(({ id }) => BigInt(id)).reduce((most, id) => (id > most ? id : most));

/** Everything that changed the wallet since then, oldest first. */
export async function incomeSince(
  account: BinanceAccount,
  sinceMs: number,
): Promise<Result<Listing<Income>, ExchangeFault>> {
  const now = await account.exchangeNowMs();
  if (!now.ok) return now;
  const rows = new Map<string, Income>();
  const problems: ReadProblem[] = [];
  let startTime = Math.max(sinceMs, now.value - INCOME_DAYS * DAY_MS);
  let page = 1;
  for (let requests = 0; requests < PAGES_MAX; requests++) {
    const endTime = startTime + WINDOW_MS;
    const parameters = { startTime, endTime, limit: ROWS_MAX, page };
    const read = await account.ask({ method: 'GET', path: 'income', parameters, weight: 30 }, readIncome);
    if (!read.ok) return read;
    for (const row of read.value.rows) rows.set(row.id, row);
    problems.push(...read.value.problems);
    const isFull = read.value.rows.length + read.value.problems.length >= ROWS_MAX;
    if (!isFull && endTime >= now.value) {
      const inOrder = [...rows.values()].filter(({ atMs }) => atMs >= sinceMs);
      return success({ rows: inOrder.toSorted(byTime), problems });
    }
    const newestMs = Math.max(startTime, ...read.value.rows.map(({ atMs }) => atMs));
    // A page that is full of one moment: only its number leads on.
    page = isFull && newestMs === startTime ? page + 1 : 1;
    startTime = isFull ? newestMs : endTime + 1;
  }
  return tooMany('the rows of income');
}

/** Which order of the exchange itself has last reduced a position, of the last 7 days; undefined: none. */
export async function forcedClosing(
  account: BinanceAccount,
  { symbol, sinceMs }: { readonly symbol: string; readonly sinceMs: number },
): Promise<Result<ForcedClosing | undefined, ExchangeFault>> {
  const now = await account.exchangeNowMs();
  if (!now.ok) return now;
  const startTime = Math.max(sinceMs, now.value - WINDOW_MS);
  const parameters = { symbol, startTime, endTime: startTime + WINDOW_MS, limit: ROWS_MAX };
  const read = await account.ask({ method: 'GET', path: 'allOrders', parameters, weight: 5 }, readForced);
  return read.ok ? success(read.value.rows.at(-1)) : read;
}

const byTime = (a: Income, b: Income): number => a.atMs - b.atMs || (a.id < b.id ? -1 : 1);
