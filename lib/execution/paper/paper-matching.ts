// What the simulated account's orders, stops and positions become as orders arrive and candles close. Pure, so that a whole
// backtest and one call of a function run the same fills. Where a bar leaves the order of events open, the worse one is assumed:
// a stop that the bar's range reached was hit, and hit before anything else in that bar.
import { invariant } from '../../core/invariant.ts';
import { microUsdt } from '../../core/money.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { DAY_MS, HOUR_MS } from '../../core/units.ts';
import { BAR_MS } from '../../market/candle.ts';
import { type CandleSeries, countUntil } from '../../market/candle-series.ts';
import type { SymbolFilters } from '../../market/symbol-filters.ts';
import { bookFill, bookFunding, type Ledger } from '../ledger/ledger.ts';
import type { EntryOrder, OrderSide, ReduceOrder } from '../order.ts';
import { roundToStep } from '../round-to-step.ts';
import type { PaperAccount, PaperOrder } from './paper-account.ts';

export interface PaperCosts {
  /** Half of what lies between bid and ask; paid by market orders. */
  readonly halfSpreadBps: number;
  /** Paid by market orders and stops. */
  readonly slippageBps: number;
  readonly takerFeeBps: number;
  /** Fraction of the position's value, paid by longs to shorts at 00, 08 and 16 UTC. */
  readonly fundingRatePer8h: number;
}

/** Closed list of why the simulated exchange refuses an order. */
export const PAPER_REJECTIONS = {
  unknown_symbol: 'the symbol does not trade here',
  price_unknown: 'there is no price to fill at',
  quantity_off_grid: "the quantity does not fit the symbol's step and bounds",
  stop_off_grid: "the trigger does not fit the symbol's tick",
  min_notional: 'the order is smaller than the exchange accepts',
  nothing_to_reduce: 'there is no position that the order would reduce',
  close_stop_exists: 'there is a stop that closes the position, and no second one is taken',
  would_trigger_at_once: 'the price is past the trigger already',
} as const;

export type PaperRejection = keyof typeof PAPER_REJECTIONS;

/** What the market is like when an order arrives. */
export interface PaperMarket {
  /** Last price; undefined when there is none. */
  readonly price: number | undefined;
  /** undefined for a symbol that does not trade. */
  readonly filters: SymbolFilters | undefined;
  readonly costs: PaperCosts;
  readonly nowMs: number;
}

const FUNDING_MS = 8 * HOUR_MS;

const INCOME_MEMORY_MS = 3 * DAY_MS;

const TRADES_MAX = 300;

/**
 * The account after an order arrived: a market order is filled at once, at the price ± half spread and slippage, a stop rests.
 * An order whose id is known changes nothing: the account comes back as it was.
 */
export function placeOrder(
  account: PaperAccount,
  order: EntryOrder | ReduceOrder,
  market: PaperMarket,
): Result<PaperAccount, PaperRejection> {
  if (account.orders[order.clientOrderId] !== undefined) return success(account);
  const { price, filters, nowMs } = market;
  if (filters === undefined) return failure('unknown_symbol');
  if (price === undefined || !(price > 0 && Number.isFinite(price))) return failure('price_unknown');
  const rejection = rejectionOf(account, order, { price, filters });
  if (rejection !== undefined) return failure(rejection);
  const stopPrice = order.kind === 'reduce' ? order.stopPrice : null;
  const { clientOrderId, symbol, side, quantity } = order;
  const resting: PaperOrder = {
    clientOrderId,
    symbol,
    kind: stopPrice === null ? 'market' : 'stop',
    side,
    quantity,
    reduceOnly: order.kind === 'reduce',
    stopPrice,
    status: 'open',
    filledQuantity: 0,
    averagePrice: null,
    feeMicroUsdt: 0,
    realisedMicroUsdt: 0,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
  const placed = followFrom(account, { symbol, price, nowMs });
  if (stopPrice !== null) return success(withOrder(placed, resting));
  const { halfSpreadBps, slippageBps } = market.costs;
  const fill = { price: worse(price, side, halfSpreadBps + slippageBps), atMs: nowMs };
  return success(unfollowIdle(execute(placed, resting, { ...fill, costs: market.costs }), symbol));
}

/** The account without that resting order; as it was when there is none. */
export function cancelOrder(account: PaperAccount, clientOrderId: string, nowMs: number): PaperAccount {
  const order = account.orders[clientOrderId];
  if (order?.status !== 'open') return account;
  const cancelled = withOrder(account, { ...order, status: 'cancelled', updatedAtMs: nowMs });
  return unfollowIdle(cancelled, order.symbol);
}

/**
 * The account after closed candles of one symbol: stops that were reached, and funding. Bars it has seen, and bars that are not
 * closed, change nothing; a missing bar triggers nothing.
 */
export function followCandles(
  account: PaperAccount,
  symbol: string,
  context: { readonly candles: CandleSeries; readonly costs: PaperCosts; readonly nowMs: number },
): PaperAccount {
  const { candles, costs, nowMs } = context;
  let current = account;
  const from = account.followed[symbol]?.nextOpenTimeMs;
  if (from === undefined) return account;
  let stops = openStops(account, symbol);
  for (let index = countUntil(candles, from - 1); index < candles.length; index++) {
    const openTimeMs = candles.openTimeMs[index]!;
    const closeTimeMs = openTimeMs + BAR_MS;
    if (closeTimeMs > nowMs) break;
    const bar = {
      openTimeMs,
      open: candles.open[index]!,
      low: candles.low[index]!,
      high: candles.high[index]!,
    };
    const seen = { nextOpenTimeMs: closeTimeMs, markPrice: candles.close[index]! };
    const isDue = nextFundingMs(current.followed[symbol]!.fundedUntilMs) <= closeTimeMs;
    if (!isDue && !stops.some((stop) => isReached(stop, bar))) {
      current = withFollowed(current, symbol, seen);
      continue;
    }
    current = payFunding(current, symbol, { untilMs: openTimeMs, costs });
    current = triggerStops(current, symbol, { stops, bar, costs });
    if (current.followed[symbol] === undefined) break;
    current = withFollowed(current, symbol, seen);
    current = payFunding(current, symbol, { untilMs: closeTimeMs, costs });
    stops = openStops(current, symbol);
  }
  return current;
}

/** The first funding time after this one. */
export const nextFundingMs = (fundedUntilMs: number): number =>
  (Math.floor(fundedUntilMs / FUNDING_MS) + 1) * FUNDING_MS;

/** Whether a bar's range triggers a stop. */
export function isReached(
  { side, stopPrice, createdAtMs }: Pick<PaperOrder, 'side' | 'stopPrice' | 'createdAtMs'>,
  bar: { readonly openTimeMs: number; readonly low: number; readonly high: number },
): boolean {
  // A stop placed within the bar is judged by all of it: what came before its placing cannot be told apart.
  if (stopPrice === null || bar.openTimeMs + BAR_MS <= createdAtMs) return false;
  return side === 'SELL' ? bar.low <= stopPrice : bar.high >= stopPrice;
}

function withFollowed(
  account: PaperAccount,
  symbol: string,
  seen: { readonly nextOpenTimeMs: number; readonly markPrice: number },
): PaperAccount {
  const followed = { ...account.followed[symbol]!, ...seen };
  return { ...account, followed: { ...account.followed, [symbol]: followed } };
}

/** Reductions of what is there, entries of what the exchange accepts; both on the symbol's grid. */
function rejectionOf(
  account: PaperAccount,
  order: EntryOrder | ReduceOrder,
  { price, filters }: { price: number; filters: SymbolFilters },
): PaperRejection | undefined {
  // An order that closes whatever is held says no quantity that could be off the grid.
  const { quantity } = order;
  if (quantity !== null && !isOnGrid(quantity, filters)) return 'quantity_off_grid';
  if (order.kind === 'entry')
    return order.quantity * price >= filters.minNotionalUsdt ? undefined : 'min_notional';
  if (reducible(account, order) === 0) return 'nothing_to_reduce';
  if (order.stopPrice === null) return undefined;
  if (!(order.stopPrice > 0) || roundToStep(order.stopPrice, filters.tickSize, 'down') !== order.stopPrice)
    return 'stop_off_grid';
  const resting = openStops(account, order.symbol);
  if (quantity === null && resting.some((stop) => stop.quantity === null && stop.side === order.side))
    return 'close_stop_exists';
  const past = order.side === 'SELL' ? price <= order.stopPrice : price >= order.stopPrice;
  return past ? 'would_trigger_at_once' : undefined;
}

const isOnGrid = (quantity: number, { minQuantity, maxQuantity, stepSize }: SymbolFilters): boolean =>
  quantity >= minQuantity && quantity <= maxQuantity && roundToStep(quantity, stepSize, 'down') === quantity;

/** How much of the position an order on this side takes off at most, base asset. */
function reducible(account: PaperAccount, { symbol, side }: { symbol: string; side: OrderSide }): number {
  const held = account.ledger.positions[symbol]?.quantity ?? 0;
  return Math.max(0, side === 'SELL' ? held : -held);
}

function triggerStops(
  account: PaperAccount,
  symbol: string,
  context: {
    readonly stops: readonly PaperOrder[];
    readonly bar: { openTimeMs: number; open: number; low: number; high: number };
    readonly costs: PaperCosts;
  },
): PaperAccount {
  const { stops, bar, costs } = context;
  let current = account;
  for (const order of stops) {
    if (!isReached(order, bar)) continue;
    const { side, createdAtMs } = order;
    const trigger = order.stopPrice!;
    const gapped = side === 'SELL' ? bar.open < trigger : bar.open > trigger;
    const base = gapped && bar.openTimeMs >= createdAtMs ? bar.open : trigger;
    const price = worse(base, side, costs.slippageBps);
    current = execute(current, order, { price, atMs: bar.openTimeMs + BAR_MS, costs });
  }
  return current === account ? account : unfollowIdle(current, symbol);
}

/** Oldest first; by id where two were placed at once, so that every run fills them alike. */
const openStops = (account: PaperAccount, symbol: string): PaperOrder[] =>
  Object.values(account.orders)
    .filter((order) => order.symbol === symbol && order.status === 'open')
    .sort((a, b) => a.createdAtMs - b.createdAtMs || (a.clientOrderId < b.clientOrderId ? -1 : 1));

/** Fills an order; a reduction no further than there is a position to reduce. */
function execute(
  account: PaperAccount,
  order: PaperOrder,
  fill: { readonly price: number; readonly atMs: number; readonly costs: PaperCosts },
): PaperAccount {
  const { symbol, side } = order;
  const wanted = order.quantity ?? Number.POSITIVE_INFINITY;
  const quantity = order.reduceOnly ? Math.min(wanted, reducible(account, order)) : wanted;
  if (quantity === 0) return withOrder(account, { ...order, status: 'cancelled', updatedAtMs: fill.atMs });
  const { price, atMs } = fill;
  const feeMicroUsdt = microUsdt((quantity * price * fill.costs.takerFeeBps) / 10_000);
  const ledger = bookFill(account.ledger, { symbol, side, quantity, price, feeMicroUsdt });
  const realisedMicroUsdt = ledger.realisedMicroUsdt - account.ledger.realisedMicroUsdt;
  const filled: PaperOrder = {
    ...order,
    status: order.quantity !== null && quantity < order.quantity ? 'cancelled' : 'filled',
    filledQuantity: quantity,
    averagePrice: price,
    feeMicroUsdt,
    realisedMicroUsdt,
    updatedAtMs: atMs,
  };
  const trade = { tradeId: order.clientOrderId, symbol, atMs, realisedMicroUsdt, feeMicroUsdt };
  const trades = recentTrades([...account.trades, trade], atMs);
  return withOrder({ ...account, ledger, trades }, filled);
}

function recentTrades(trades: PaperAccount['trades'], nowMs: number): PaperAccount['trades'] {
  const sinceMs = nowMs - INCOME_MEMORY_MS;
  const recent = trades.every(({ atMs }) => atMs > sinceMs)
    ? trades
    : trades.filter(({ atMs }) => atMs > sinceMs);
  return recent.length > TRADES_MAX ? recent.slice(-TRADES_MAX) : recent;
}

/** Books every funding time after the last one paid, up to `untilMs` inclusive. */
function payFunding(
  account: PaperAccount,
  symbol: string,
  { untilMs, costs }: { untilMs: number; costs: PaperCosts },
): PaperAccount {
  const followed = account.followed[symbol];
  invariant(followed !== undefined, () => `${symbol} is not followed`);
  let atMs = nextFundingMs(followed.fundedUntilMs);
  if (atMs > untilMs) return account;
  let ledger: Ledger = account.ledger;
  const funding = [...account.funding];
  for (; atMs <= untilMs; atMs += FUNDING_MS) {
    const booked = bookFunding(ledger, {
      symbol,
      markPrice: followed.markPrice,
      rate: costs.fundingRatePer8h,
    });
    const amountMicroUsdt = booked.fundingMicroUsdt - ledger.fundingMicroUsdt;
    if (amountMicroUsdt !== 0) funding.push({ symbol, atMs, amountMicroUsdt, id: `${symbol}-${atMs}` });
    ledger = booked;
  }
  const recent = funding
    .filter((payment) => payment.atMs > untilMs - INCOME_MEMORY_MS)
    .sort((a, b) => a.atMs - b.atMs || (a.symbol < b.symbol ? -1 : 1));
  const paid = { ...followed, fundedUntilMs: untilMs };
  return { ...account, ledger, funding: recent, followed: { ...account.followed, [symbol]: paid } };
}

/** Follows the symbol from the bar being formed on, unless it is followed already. A flat symbol owes no funding until now. */
function followFrom(
  account: PaperAccount,
  { symbol, price, nowMs }: { symbol: string; price: number; nowMs: number },
): PaperAccount {
  if (account.ledger.positions[symbol] !== undefined) return account;
  const nextOpenTimeMs = account.followed[symbol]?.nextOpenTimeMs ?? Math.floor(nowMs / BAR_MS) * BAR_MS;
  const followed = { nextOpenTimeMs, fundedUntilMs: nowMs, markPrice: price };
  return { ...account, followed: { ...account.followed, [symbol]: followed } };
}

/** Stops following a symbol that has neither position nor resting order. */
function unfollowIdle(account: PaperAccount, symbol: string): PaperAccount {
  if (account.ledger.positions[symbol] !== undefined || openStops(account, symbol).length > 0) return account;
  const { [symbol]: _idle, ...followed } = account.followed;
  return { ...account, followed };
}

const withOrder = (account: PaperAccount, order: PaperOrder): PaperAccount => ({
  ...account,
  orders: { ...account.orders, [order.clientOrderId]: order },
});

/** `price` moved against the side that trades. */
const worse = (price: number, side: OrderSide, bps: number): number =>
  price * (side === 'BUY' ? 1 + bps / 10_000 : 1 - bps / 10_000);
