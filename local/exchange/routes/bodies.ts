// What the exchange says of orders, trades, positions and money, in the shapes of Binance's documentation.
import { MICRO } from '../../../lib/core/units.ts';
import { plainDecimal } from '../../../lib/market/plain-decimal.ts';
import { E8, type Income } from '../account/funds.ts';
import type { Order, Stop } from '../account/orders.ts';
import type { Position } from '../account/positions.ts';
import { notionalCap } from '../account/refusals.ts';
import type { Trade } from '../account/trades.ts';
import type { Contract } from '../contracts.ts';

const AVERAGE_DECIMALS = 5;

interface Precision {
  /** Decimals of the contract's tick. */
  readonly tickDecimals: number;
  /** `avgPrice` in five decimals, or in those of the tick where these are more. */
  readonly roundsAverage: boolean;
}

export function orderBody(order: Order, { tickDecimals, roundsAverage }: Precision) {
  const average = order.executedQuantity > 0 ? order.quote / order.executedQuantity : 0;
  return {
    orderId: order.orderId,
    symbol: order.symbol,
    status: order.status,
    clientOrderId: order.clientOrderId,
    price: plainDecimal(order.price),
    avgPrice: roundsAverage ? average.toFixed(Math.max(AVERAGE_DECIMALS, tickDecimals)) : price(average),
    origQty: plainDecimal(order.quantity),
    executedQty: plainDecimal(order.executedQuantity),
    cumQuote: order.quote.toFixed(8),
    timeInForce: order.timeInForce,
    type: order.type,
    reduceOnly: order.reduceOnly,
    closePosition: false,
    side: order.side,
    positionSide: order.positionSide,
    stopPrice: '0',
    workingType: 'CONTRACT_PRICE',
    origType: order.type,
    time: order.createdAtMs,
    updateTime: order.updatedAtMs,
  };
}

/** What is known of an order that was taken, and no more. */
export const acknowledged = (body: ReturnType<typeof orderBody>) => ({
  ...body,
  status: 'NEW',
  executedQty: '0',
  cumQuote: '0',
  avgPrice: '0.00',
});

/** @param closeAll what stands for the quantity of an order that closes whatever there is */
export function stopBody(stop: Stop, closeAll: null | '0' = null) {
  const triggered = stop.actualOrderId !== undefined;
  return {
    algoId: stop.algoId,
    clientAlgoId: stop.clientOrderId,
    algoType: 'CONDITIONAL',
    orderType: 'STOP_MARKET',
    symbol: stop.symbol,
    side: stop.side,
    positionSide: stop.positionSide,
    timeInForce: stop.timeInForce,
    quantity: stop.quantity === null ? closeAll : plainDecimal(stop.quantity),
    algoStatus: stop.status,
    triggerPrice: plainDecimal(stop.triggerPrice),
    price: '0.00',
    icebergQuantity: null,
    selfTradePreventionMode: 'EXPIRE_MAKER',
    workingType: stop.workingType,
    priceMatch: 'NONE',
    closePosition: stop.quantity === null,
    priceProtect: false,
    reduceOnly: stop.reduceOnly,
    createTime: stop.createdAtMs,
    updateTime: stop.updatedAtMs,
    triggerTime: stop.triggeredAtMs ?? 0,
    goodTillDate: 0,
    actualOrderId: triggered ? String(stop.actualOrderId) : '',
    actualPrice: '0.00000',
  };
}

export const tradeBody = (trade: Trade) => ({
  symbol: trade.symbol,
  id: trade.tradeId,
  orderId: trade.orderId,
  side: trade.side,
  price: price(trade.price),
  qty: plainDecimal(trade.quantity),
  quoteQty: (trade.quantity * trade.price).toFixed(8),
  realizedPnl: (trade.realisedMicroUsdt / MICRO).toFixed(8),
  commission: amount(trade.commissionE8),
  commissionAsset: trade.commissionAsset,
  time: trade.atMs,
  positionSide: 'BOTH',
  buyer: trade.side === 'BUY',
  maker: trade.maker,
});

export function positionBody(position: Position, markPrice: number, atMs: number) {
  const { symbol, positionSide, quantity, costMicroUsdt } = position;
  const entryPrice = quantity === 0 ? '0.0' : price(costMicroUsdt / quantity / MICRO);
  return {
    symbol,
    positionSide,
    positionAmt: plainDecimal(quantity),
    entryPrice,
    breakEvenPrice: entryPrice,
    markPrice: price(markPrice),
    unRealizedProfit: ((Math.round(quantity * markPrice * MICRO) - costMicroUsdt) / MICRO).toFixed(8),
    liquidationPrice: '0',
    isolatedMargin: '0',
    notional: (quantity * markPrice).toFixed(8),
    marginAsset: 'USDT',
    updateTime: atMs,
  };
}

/** Leverage that Binance offers at most, from the smallest positions to the largest. */
const LEVERAGES = [125, 75, 50, 25, 20, 10, 5, 4, 3, 2, 1];

/** Nothing for a symbol that the exchange leaves out. */
export function bracketBody({ symbol, maxNotional, bracketTable }: Contract) {
  if (bracketTable === 'absent') return [];
  const caps = LEVERAGES.map((leverage) => notionalCap(maxNotional, leverage));
  const brackets = LEVERAGES.map((initialLeverage, index) => ({
    bracket: index + 1,
    initialLeverage,
    notionalCap: bracketTable === 'without_cap' && index === 3 ? null : caps[index]!,
    notionalFloor: bracketTable === 'overlapping' && index === 5 ? 0 : (caps[index - 1] ?? 0),
    maintMarginRatio: 0.5 / initialLeverage,
    cum: 0,
  }));
  return [{ symbol, notionalCoef: 1, brackets: bracketTable === 'empty' ? [] : brackets }];
}

export const incomeBody = (row: Income) => ({
  symbol: row.symbol,
  incomeType: row.incomeType,
  income: amount(row.amountE8),
  asset: row.asset,
  info: row.incomeType,
  time: row.atMs,
  tranId: row.tranId,
  tradeId: row.tradeId,
});

/** Of an asset, from whole hundred-millionths. */
export const amount = (amountE8: number): string => (amountE8 / E8).toFixed(8);
const price = (value: number): string => plainDecimal(Number(value.toFixed(12)));

/** Plain decimal text alone. */
export const decimal = (text: string | null): number | undefined =>
  text !== null && /^\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : undefined;
