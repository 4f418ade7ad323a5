// What the exchange refuses of an order, in Binance's numbers: the contract's state, its filters, margin and leverage.
import { MICRO } from '../../../lib/core/units.ts';
import { type Contract, isMultiple, isPrecise } from '../contracts.ts';
import { type ExchangeReply, refuse } from '../route.ts';
import { exact, type Side } from './positions.ts';

interface OrderToCheck {
  readonly symbol: string;
  readonly side: Side;
  /** null closes whatever is held. */
  readonly quantity: number | null;
  readonly clientOrderId: string;
  readonly reduceOnly: boolean;
}

/** What an order is judged by. */
export interface Situation {
  /** undefined for a symbol that is not listed. */
  readonly contract: Contract | undefined;
  readonly lastPrice: number;
  readonly markPrice: number;
  readonly held: number;
  readonly leverage: number;
  readonly availableMicroUsdt: number;
}

const CLIENT_ORDER_ID = /^[.A-Z:/a-z0-9_-]{1,36}$/;
/** Here nothing trades any more, or nothing yet. */
const NOT_TRADED = new Set(['PENDING_TRADING', 'DELIVERING', 'DELIVERED', 'SETTLING', 'BREAK']);
const LEVERAGE_OF_LIMIT = 20;
/** What may be held at a leverage, USDT. */
export const notionalCap = (maxNotional: number, leverage: number): number =>
  (maxNotional * LEVERAGE_OF_LIMIT) / leverage;

export const SYMBOL_IS_ENDING = refuse(
  -4108,
  'Symbol is on delivering or delivered or settling or closed or pre-trading.',
);
export const DUPLICATE_ID = refuse(-4116, 'ClientOrderId is duplicated.');

/** What is wrong with any order; undefined when nothing is. */
export function refuseOrder(order: OrderToCheck, situation: Situation): ExchangeReply | undefined {
  const { contract, held } = situation;
  if (contract === undefined) return refuse(-1121, 'Invalid symbol.');
  if (!CLIENT_ORDER_ID.test(order.clientOrderId)) return refuse(-4015, 'Client order id is not valid.');
  const reduces = order.reduceOnly || order.quantity === null;
  const ended = refuseStatus(contract, reduces);
  if (ended !== undefined) return ended;
  if (order.quantity === null) return undefined;
  const amount = refuseQuantity(order.quantity, contract);
  if (amount !== undefined) return amount;
  if (order.reduceOnly) {
    const reducible = order.side === 'SELL' ? held : -held;
    return reducible > 0 ? undefined : refuse(-2022, 'ReduceOnly Order is rejected.');
  }
  if (order.quantity * situation.lastPrice >= contract.minNotional) return undefined;
  return refuse(
    -4164,
    `Order's notional must be no smaller than ${contract.minNotional} (unless you choose reduce only).`,
  );
}

function refuseStatus({ status }: Contract, reduces: boolean): ExchangeReply | undefined {
  if (status === 'TRADING') return undefined;
  if (status === 'CLOSE') return refuse(-4141, 'Symbol is closed.');
  if (NOT_TRADED.has(status)) return SYMBOL_IS_ENDING;
  return reduces ? undefined : refuse(-4140, 'Invalid symbol status for opening position.');
}

/** LOT_SIZE and MARKET_LOT_SIZE together: every order here trades as a market order does. */
function refuseQuantity(quantity: number, contract: Contract): ExchangeReply | undefined {
  const { stepSize, minQty, maxQty, marketMinQty, marketMaxQty } = contract;
  if (!(quantity > 0)) return refuse(-4003, 'Quantity less than zero.');
  if (!isPrecise(quantity, stepSize))
    return refuse(-1111, 'Precision is over the maximum defined for this asset.');
  if (quantity < Math.max(minQty, marketMinQty)) return refuse(-4004, 'Quantity less than min quantity.');
  if (quantity > Math.min(maxQty, marketMaxQty)) return refuse(-4005, 'Quantity greater than max quantity.');
  if (!isMultiple(quantity, stepSize)) return refuse(-4023, 'Qty not increased by step size.');
  return undefined;
}

/** What is wrong with a trigger or limit price. */
export function refusePrice(price: number, { tickSize }: Contract): ExchangeReply | undefined {
  if (!(price > 0)) return refuse(-4001, 'Price less than 0.');
  if (!isPrecise(price, tickSize))
    return refuse(-1111, 'Precision is over the maximum defined for this asset.');
  return isMultiple(price, tickSize) ? undefined : refuse(-4014, 'Price not increased by tick size.');
}

/** What is wrong with an order that trades now. */
export function refuseMarketOrder(
  { side, quantity, reduceOnly }: OrderToCheck & { readonly quantity: number },
  situation: Situation,
): ExchangeReply | undefined {
  const { lastPrice, markPrice, held, leverage, availableMicroUsdt } = situation;
  const { percentPrice, maxNotional } = situation.contract!;
  const tooFar =
    side === 'BUY' ? lastPrice > markPrice * percentPrice.up : lastPrice < markPrice * percentPrice.down;
  if (tooFar) {
    return refuse(-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit.");
  }
  if (reduceOnly) return undefined;
  const notional = quantity * lastPrice;
  const opposite = side === 'BUY' ? held < 0 : held > 0;
  // What an order takes away from a position needs no margin; what is over does.
  const opened = opposite ? Math.max(0, notional - Math.abs(held) * lastPrice * 2) : notional;
  if (Math.ceil((opened / leverage) * MICRO) > availableMicroUsdt)
    return refuse(-2019, 'Margin is insufficient.');
  const after = Math.abs(exact(held + (side === 'BUY' ? quantity : -quantity))) * lastPrice;
  if (after > notionalCap(maxNotional, leverage) && after > Math.abs(held) * lastPrice) {
    return refuse(-2027, 'Exceeded the maximum allowable position at current leverage.');
  }
  return undefined;
}
