// Reads orders of a Binance futures account. Our own are read strictly: a status or an amount that was guessed would be money
// that was guessed. Of others' open orders only symbol, side and id matter.
import * as z from 'zod';
import type { ForcedClosing, OpenOrder, OrderReference, OrderReport } from '../../../execution/ports.ts';
import { amountSchema, decimalSchema, readDecimal } from '../decimal.ts';
import { ExchangeFault } from '../exchange-fault.ts';
import { listReader, reader } from './answer-reader.ts';

const idSchema = z.union([z.int(), z.string().min(1)]).transform(String);

/** NEW_INSURANCE and NEW_ADL: a liquidation that the insurance fund or others take over; open like any other. */
const STATUS = {
  NEW: 'open',
  NEW_INSURANCE: 'open',
  NEW_ADL: 'open',
  PARTIALLY_FILLED: 'partially_filled',
  FILLED: 'filled',
  CANCELED: 'cancelled',
  EXPIRED: 'cancelled',
  EXPIRED_IN_MATCH: 'cancelled',
  REJECTED: 'rejected',
} as const satisfies Record<string, OrderReport['status']>;

const orderSchema = z
  .object({
    symbol: z.string(),
    orderId: idSchema,
    clientOrderId: z.string(),
    status: z.enum(Object.keys(STATUS) as (keyof typeof STATUS)[]),
    origQty: amountSchema,
    executedQty: amountSchema,
    avgPrice: amountSchema,
    /** What its trades were worth, in the quote asset; NaN when the answer does not tell. */
    cumQuote: z.unknown().optional().transform(readDecimal),
    updateTime: z.int(),
  })
  .refine(
    ({ status, executedQty }) => status !== 'FILLED' || executedQty > 0,
    'filled, with nothing executed',
  );
export type BinanceOrder = z.infer<typeof orderSchema>;

/** A triggered one is an order of its own, which knows what became of it. */
const ALGO_STATUS = {
  NEW: 'open',
  TRIGGERING: 'open',
  TRIGGERED: 'open',
  FINISHED: 'cancelled',
  CANCELED: 'cancelled',
  EXPIRED: 'cancelled',
  REJECTED: 'rejected',
} as const satisfies Record<string, OrderReport['status']>;

const algoOrderSchema = z.object({
  symbol: z.string(),
  clientAlgoId: z.string(),
  algoStatus: z.enum(Object.keys(ALGO_STATUS) as (keyof typeof ALGO_STATUS)[]),
  /** A close-position order has none. */
  quantity: z
    .unknown()
    .optional()
    .transform((text) => {
      const quantity = readDecimal(text);
      return quantity > 0 ? quantity : null;
    }),
  updateTime: z.int(),
  /** Of the order it became; empty before. */
  actualOrderId: z
    .union([z.int(), z.string()])
    .nullish()
    .transform((id) => (id === null || id === undefined || id === '' || id === 0 ? undefined : String(id))),
});
export type BinanceAlgoOrder = z.infer<typeof algoOrderSchema>;

export const readOrder = reader('an order', orderSchema);
export const readAlgoOrder = reader('a conditional order', algoOrderSchema);

const ownOrderSchema = z.object({ clientOrderId: z.string() }).transform((order) => order.clientOrderId);
const ownStopSchema = z.object({ clientAlgoId: z.string() }).transform((stop) => stop.clientAlgoId);

/** That an answer is about this very order: a page, or another's order, says nothing of it. */
export function readOwn({ kind, clientOrderId }: OrderReference, body: unknown): void {
  const seen = reader('the order asked about', kind === 'stop' ? ownStopSchema : ownOrderSchema)(body);
  if (seen === clientOrderId) return;
  throw new ExchangeFault(
    'invalid_response',
    `the exchange answered about another order than ${clientOrderId}`,
  );
}

/** What the acceptance of an order says of it; undefined when it says no more than that it was accepted. */
export function reportOfAcceptance({ kind }: OrderReference, body: unknown): OrderReport | undefined {
  if (kind === 'stop') {
    const stop = algoOrderSchema.safeParse(body);
    return stop.success ? reportOfAlgoOrder(stop.data, undefined) : undefined;
  }
  const order = orderSchema.safeParse(body);
  return order.success ? reportOfOrder(order.data) : undefined;
}

/** `avgPrice` is rounded: times a large quantity of a cheap contract it is USDT beside what was paid. */
function averageOf({ executedQty, avgPrice, cumQuote }: BinanceOrder): number | null {
  if (!(executedQty > 0)) return null;
  if (cumQuote > 0) return cumQuote / executedQty;
  return avgPrice > 0 ? avgPrice : null;
}

export const reportOfOrder = (order: BinanceOrder): OrderReport => ({
  symbol: order.symbol,
  clientOrderId: order.clientOrderId,
  kind: 'market',
  status: STATUS[order.status],
  quantity: order.origQty > 0 ? order.origQty : null,
  filledQuantity: order.executedQty,
  averagePrice: averageOf(order),
  filledAtMs: order.executedQty > 0 ? order.updateTime : null,
  updatedAtMs: order.updateTime,
});

export const reportOfAlgoOrder = (stop: BinanceAlgoOrder, became: OrderReport | undefined): OrderReport => ({
  symbol: stop.symbol,
  clientOrderId: stop.clientAlgoId,
  kind: 'stop',
  status: became?.status ?? ALGO_STATUS[stop.algoStatus],
  quantity: stop.quantity,
  filledQuantity: became?.filledQuantity ?? 0,
  averagePrice: became?.averagePrice ?? null,
  filledAtMs: became?.filledAtMs ?? null,
  updatedAtMs: became?.updatedAtMs ?? stop.updateTime,
});

/** Of an order that is known from the list of open orders alone: what it has filled is not. */
export const reportOfOpen = (
  { symbol, clientOrderId, kind, quantity }: OpenOrder,
  nowMs: number,
): OrderReport => ({
  symbol,
  clientOrderId,
  kind,
  status: 'open',
  quantity,
  filledQuantity: 0,
  averagePrice: null,
  filledAtMs: null,
  updatedAtMs: nowMs,
});

const positive = z
  .unknown()
  .optional()
  .transform((text) => {
    const value = readDecimal(text);
    return value > 0 ? value : null;
  });
/** Whatever is not exactly `true`, as a word or as JSON, is not promised. */
const promised = z
  .unknown()
  .optional()
  .transform((flag) => flag === true || flag === 'true');
const side = z.enum(['BUY', 'SELL']).nullable().catch(null);

/** Client order ids that the exchange gives its own orders: liquidation, auto-deleveraging, settlement. */
const SENT_BY_EXCHANGE = /^(autoclose-|adl_autoclose|settlement_autoclose-)/;
const FORCED_CLOSING: Readonly<Record<string, ForcedClosing>> = {
  'autoclose-': 'liquidated',
  adl_autoclose: 'auto_deleveraged',
  'settlement_autoclose-': 'settled',
};

const openOrderRow = z
  .object({
    symbol: z.string().min(1),
    clientOrderId: z.string().min(1),
    side,
    origQty: positive,
    stopPrice: positive,
    reduceOnly: promised,
    closePosition: promised,
  })
  .transform(
    ({ symbol, clientOrderId, origQty, reduceOnly, closePosition, ...order }): OpenOrder => ({
      symbol,
      clientOrderId,
      kind: 'market',
      side: order.side,
      quantity: closePosition ? null : origQty,
      stopPrice: order.stopPrice,
      reducesOnly: reduceOnly || closePosition || SENT_BY_EXCHANGE.test(clientOrderId),
      closesPosition: closePosition,
    }),
  );

const openStopRow = z
  .object({
    symbol: z.string().min(1),
    clientAlgoId: z.string().min(1),
    side,
    quantity: positive,
    triggerPrice: positive,
    reduceOnly: promised,
    closePosition: promised,
  })
  .transform(
    ({ symbol, clientAlgoId, quantity, reduceOnly, closePosition, ...stop }): OpenOrder => ({
      symbol,
      clientOrderId: clientAlgoId,
      kind: 'stop',
      side: stop.side,
      quantity: closePosition ? null : quantity,
      stopPrice: stop.triggerPrice,
      reducesOnly: reduceOnly || closePosition,
      closesPosition: closePosition,
    }),
  );

export const readOpenOrders = listReader({ what: 'open orders', row: openOrderRow });
export const readOpenStops = listReader({ what: 'open conditional orders', row: openStopRow });

const forcedRow = z
  .object({ clientOrderId: z.string(), executedQty: decimalSchema })
  .transform(({ clientOrderId, executedQty }): ForcedClosing | null => {
    const prefix = SENT_BY_EXCHANGE.exec(clientOrderId)?.[1];
    return prefix !== undefined && executedQty > 0 ? (FORCED_CLOSING[prefix] ?? null) : null;
  });
/** Oldest first; other orders are left out. */
export const readForced = listReader({ what: 'orders', row: forcedRow });
