// Orders that trade at once, orders of others that rest until the price reaches them, and those that the exchange itself sends:
// liquidation, deleveraging, settlement.
import type { Candle } from '../../../lib/market/candle.ts';
import { floorTo, roundTo } from '../contracts.ts';
import type { ExchangeReply } from '../route.ts';
import { type AccountParts, situationOf, worse } from './account-view.ts';
import { E8, type IncomeType } from './funds.ts';
import type { Order } from './orders.ts';
import { exact, type PositionSide, type Side } from './positions.ts';
import { DUPLICATE_ID, refuseMarketOrder, refuseOrder, refusePrice } from './refusals.ts';

export interface MarketOrderRequest {
  readonly symbol: string;
  readonly side: Side;
  readonly quantity: number;
  readonly clientOrderId: string;
  readonly reduceOnly: boolean;
  /** In hedge mode. @default BOTH */
  readonly positionSide?: PositionSide;
  /** Share of the quantity for which there is somebody on the other side. */
  readonly fillable: number;
  /** What becomes of the rest. @default EXPIRED */
  readonly restBecomes?: 'EXPIRED' | 'EXPIRED_IN_MATCH';
}

interface RestingOrderRequest extends Omit<MarketOrderRequest, 'fillable' | 'restBecomes'> {
  readonly price: number;
  /** Share that trades at once. */
  readonly filledShare: number;
}

/** An order that the exchange sends. */
export interface ForcedOrder {
  readonly symbol: string;
  readonly side: Side;
  readonly quantity: number;
  readonly price: number;
  readonly clientOrderId: string;
  readonly autoClose: NonNullable<Order['autoClose']>;
  readonly feeBps: number;
  readonly profitAs?: IncomeType;
  /** Of the value, to the insurance fund. @default 0 */
  readonly clearanceShare?: number;
}

const FORCED_STATUS = { LIQUIDATION: 'NEW_INSURANCE', ADL: 'NEW_ADL', SETTLEMENT: 'NEW' } as const;

export class OrderBook {
  readonly #parts: AccountParts;

  constructor(parts: AccountParts) {
    this.#parts = parts;
  }

  placeMarketOrder(request: MarketOrderRequest): Order | ExchangeReply {
    const { symbol, side, quantity, fillable, positionSide } = request;
    const { matching, contracts, market, costs } = this.#parts;
    const situation = situationOf(this.#parts, symbol, positionSide);
    const refusal =
      refuseOrder(request, situation) ??
      this.#refuseDuplicate(request.clientOrderId) ??
      refuseMarketOrder(request, situation);
    if (refusal !== undefined) return refusal;
    const share = floorTo(quantity * fillable, contracts.of(symbol)!.stepSize);
    const reducible = matching.positions.reducible(symbol, side, positionSide);
    const filled = request.reduceOnly ? Math.min(share, reducible) : share;
    return this.trade({
      ...request,
      filled,
      price: worse(situation.lastPrice, side, costs.impactBps),
      atMs: market.nowMs(),
    });
  }

  /** An order that trades now, in whole or in part. */
  trade(
    order: Omit<MarketOrderRequest, 'fillable'> & { filled: number; price: number; atMs: number },
  ): Order {
    const { symbol, side, positionSide = 'BOTH', quantity, filled, price, atMs } = order;
    const { restBecomes = 'EXPIRED' } = order;
    const { matching, orders, costs, nextId } = this.#parts;
    const orderId = nextId();
    const traded = { orderId, symbol, side, positionSide, price, atMs };
    const execution = { ...traded, maker: false, feeBps: costs.takerFeeBps };
    const quote = filled > 0 ? matching.execute({ ...execution, quantity: filled }) : 0;
    return orders.keep({
      ...newOrder(order),
      orderId,
      status: filled < quantity ? restBecomes : 'FILLED',
      executedQuantity: filled,
      quote,
      createdAtMs: atMs,
      updatedAtMs: atMs,
    });
  }

  /** A limit order, as a person sets it in the app; the API of this exchange takes market orders only. */
  placeRestingOrder(request: RestingOrderRequest): Order | ExchangeReply {
    const { symbol, quantity, price, filledShare } = request;
    const { orders, market, contracts, nextId } = this.#parts;
    const situation = situationOf(this.#parts, symbol);
    const refusal =
      refuseOrder(request, situation) ??
      this.#refuseDuplicate(request.clientOrderId) ??
      refusePrice(price, situation.contract!);
    if (refusal !== undefined) return refusal;
    const nowMs = market.nowMs();
    const order = orders.keep({
      ...newOrder(request),
      orderId: nextId(),
      type: 'LIMIT',
      status: 'NEW',
      price,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
    });
    const filled = floorTo(quantity * filledShare, contracts.of(symbol)!.stepSize);
    return filled > 0 ? this.#fillResting(order, filled, nowMs) : order;
  }

  /** Whether there was one to cancel. */
  cancel(orderId: number, atMs: number, status: 'CANCELED' | 'EXPIRED' = 'CANCELED'): boolean {
    const order = this.#parts.orders.get(orderId);
    // Orders of the exchange itself cannot be cancelled.
    if (order === undefined || order.autoClose !== undefined) return false;
    if (order.status !== 'NEW' && order.status !== 'PARTIALLY_FILLED') return false;
    this.#parts.orders.keep({ ...order, status, updatedAtMs: atMs });
    return true;
  }

  /** Fills what the prices of a bar, or the price of now, have reached. */
  reach(symbol: string, { low, high }: Pick<Candle, 'low' | 'high'>, atMs: number): void {
    for (const order of this.#parts.orders.open(symbol)) {
      if (order.autoClose !== undefined || order.createdAtMs > atMs) continue;
      const reached = order.side === 'BUY' ? low < order.price : high > order.price;
      if (reached) this.#fillResting(order, exact(order.quantity - order.executedQuantity), atMs);
    }
  }

  /** An order of the exchange: open with a status of its own first, when it is not to trade at once. */
  force(forced: ForcedOrder, atMs: number): Order {
    const { orders, nextId } = this.#parts;
    return orders.keep({
      ...newOrder({ ...forced, reduceOnly: false }),
      orderId: nextId(),
      type: 'LIMIT',
      timeInForce: forced.autoClose === 'LIQUIDATION' ? 'IOC' : 'GTC',
      status: FORCED_STATUS[forced.autoClose],
      price: this.#onTick(forced),
      autoClose: forced.autoClose,
      createdAtMs: atMs,
      updatedAtMs: atMs,
    });
  }

  /** Trades an order of the exchange, as far as the position is still there. */
  finishForced(order: Order, forced: ForcedOrder, atMs: number): Order {
    const { matching, orders } = this.#parts;
    const { orderId, symbol, side, quantity } = order;
    const { feeBps, profitAs, clearanceShare = 0 } = forced;
    const { price } = order;
    const filled = Math.min(quantity, matching.positions.reducible(symbol, side));
    const execution = { orderId, symbol, side, price, atMs, maker: true, feeBps };
    const quote =
      filled > 0 ? matching.execute({ ...execution, quantity: filled, ...(profitAs && { profitAs }) }) : 0;
    const clearance = { symbol, incomeType: 'INSURANCE_CLEAR', asset: 'USDT', atMs, tradeId: '' } as const;
    matching.funds.credit({ ...clearance, amountE8: -Math.round(quote * clearanceShare * E8) });
    const status = filled > 0 ? 'FILLED' : 'EXPIRED';
    return orders.keep({ ...order, status, executedQuantity: filled, quote, updatedAtMs: atMs });
  }

  #onTick({ symbol, price }: ForcedOrder): number {
    const { tickSize } = this.#parts.contracts.of(symbol)!;
    return Math.max(roundTo(price, tickSize), tickSize);
  }

  #fillResting(order: Order, wanted: number, atMs: number): Order {
    const { matching, orders, costs } = this.#parts;
    const { orderId, symbol, side, price } = order;
    const reducible = matching.positions.reducible(symbol, side);
    const filled = order.reduceOnly ? Math.min(wanted, reducible) : wanted;
    if (filled === 0) return orders.keep({ ...order, status: 'EXPIRED', updatedAtMs: atMs });
    const execution = { orderId, symbol, side, price, atMs, maker: true, feeBps: costs.takerFeeBps / 2 };
    const quote = order.quote + matching.execute({ ...execution, quantity: filled });
    const executedQuantity = exact(order.executedQuantity + filled);
    const status = executedQuantity < order.quantity ? 'PARTIALLY_FILLED' : 'FILLED';
    return orders.keep({ ...order, status, executedQuantity, quote, updatedAtMs: atMs });
  }

  /** Ids are kept apart only among open orders: that of a filled one is free again. */
  #refuseDuplicate(clientOrderId: string): ExchangeReply | undefined {
    const known = this.#parts.orders.open().some((order) => order.clientOrderId === clientOrderId);
    return known ? DUPLICATE_ID : undefined;
  }
}

/** What is the same in every new order. */
const newOrder = (order: {
  symbol: string;
  side: Side;
  quantity: number;
  clientOrderId: string;
  reduceOnly: boolean;
  positionSide?: PositionSide;
}) => ({
  clientOrderId: order.clientOrderId,
  symbol: order.symbol,
  side: order.side,
  quantity: order.quantity,
  reduceOnly: order.reduceOnly,
  positionSide: order.positionSide ?? ('BOTH' as const),
  type: 'MARKET' as const,
  timeInForce: 'GTC' as const,
  price: 0,
  executedQuantity: 0,
  quote: 0,
  autoClose: undefined,
});
