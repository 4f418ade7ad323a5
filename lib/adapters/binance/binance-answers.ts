// Reads a Binance futures account's answers. What is not as documented is refused: a status or an amount that was guessed would
// be money that was guessed.
import { z } from 'zod';
import { microUsdt } from '../../core/money.ts';
import type { BrokerPosition, FundingPayment, OrderReference, OrderReport } from '../../execution/ports.ts';
import { ExchangeFault } from './exchange-fault.ts';
import { decimalSchema } from './instruments.ts';

/** The fill of an order, from its trades. */
export interface BinanceFill {
  readonly filledQuantity: number;
  readonly feeMicroUsdt: number;
  /** Of the last trade. */
  readonly filledAtMs: number;
}

const orderSchema = z.object({
  symbol: z.string(),
  orderId: z.union([z.int(), z.string()]).transform(String),
  clientOrderId: z.string(),
  status: z.enum([
    'NEW',
    'PARTIALLY_FILLED',
    'FILLED',
    'CANCELED',
    'REJECTED',
    'EXPIRED',
    'EXPIRED_IN_MATCH',
  ]),
  origQty: decimalSchema,
  executedQty: decimalSchema,
  avgPrice: decimalSchema,
  updateTime: z.int(),
});
export type BinanceOrder = z.infer<typeof orderSchema>;

const algoOrderSchema = z.object({
  symbol: z.string(),
  clientAlgoId: z.string(),
  algoStatus: z.enum(['NEW', 'TRIGGERING', 'TRIGGERED', 'FINISHED', 'CANCELED', 'EXPIRED', 'REJECTED']),
  quantity: decimalSchema,
  updateTime: z.int(),
  /** Of the order it became; empty before. */
  actualOrderId: z
    .union([z.int(), z.string()])
    .nullish()
    .transform((id) => (id === null || id === undefined || id === '' || id === 0 ? undefined : String(id))),
});
export type BinanceAlgoOrder = z.infer<typeof algoOrderSchema>;

const tradesSchema = z.array(
  z.object({ qty: decimalSchema, commission: decimalSchema, commissionAsset: z.string(), time: z.int() }),
);
const positionsSchema = z.array(
  z.object({
    symbol: z.string(),
    positionSide: z.literal('BOTH'),
    positionAmt: decimalSchema,
    entryPrice: decimalSchema,
    markPrice: decimalSchema,
  }),
);
const balancesSchema = z.array(z.object({ asset: z.string(), balance: decimalSchema }));
const incomeSchema = z.array(
  z.object({
    symbol: z.string(),
    asset: z.literal('USDT'),
    income: decimalSchema,
    time: z.int(),
    tranId: z.union([z.int(), z.string()]),
  }),
);

const STATUS = {
  NEW: 'open',
  PARTIALLY_FILLED: 'partially_filled',
  FILLED: 'filled',
  CANCELED: 'cancelled',
  EXPIRED: 'cancelled',
  EXPIRED_IN_MATCH: 'cancelled',
  REJECTED: 'rejected',
} as const satisfies Record<BinanceOrder['status'], OrderReport['status']>;

/** A triggered one is an order of its own, which knows what became of it. */
const ALGO_STATUS = {
  NEW: 'open',
  TRIGGERING: 'open',
  TRIGGERED: 'open',
  FINISHED: 'cancelled',
  CANCELED: 'cancelled',
  EXPIRED: 'cancelled',
  REJECTED: 'rejected',
} as const satisfies Record<BinanceAlgoOrder['algoStatus'], OrderReport['status']>;

export const readOrder = reader('an order', orderSchema);
export const readOrders = reader('a list of orders', z.array(orderSchema));
export const readAlgoOrder = reader('a conditional order', algoOrderSchema);
export const readAlgoOrders = reader('a list of conditional orders', z.array(algoOrderSchema));
export const readHedgeMode = reader(
  'a position mode',
  z.object({ dualSidePosition: z.boolean() }).transform(({ dualSidePosition }) => dualSidePosition),
);
export const readMultiAssets = reader(
  'an asset mode',
  z.object({ multiAssetsMargin: z.boolean() }).transform(({ multiAssetsMargin }) => multiAssetsMargin),
);
export const readFeeBurn = reader(
  'a fee mode',
  z.object({ feeBurn: z.boolean() }).transform(({ feeBurn }) => feeBurn),
);
export const readSymbolConfig = reader(
  "a symbol's configuration",
  z
    .array(z.object({ symbol: z.string(), marginType: z.string(), leverage: z.int() }))
    .length(1)
    .transform(([only]) => only!),
);

const doneSchema = z.object({ code: z.coerce.number().pipe(z.literal(200)) });
export function readDone(body: unknown): void {
  reader('word that it is done', doneSchema)(body);
}

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

/** Of all the order's trades. @throws ExchangeFault while the exchange does not list them all yet, or took a fee in another asset */
export function readFill(body: unknown, order: BinanceOrder): BinanceFill {
  const trades = readTrades(body);
  const filledQuantity = Number(trades.reduce((sum, { qty }) => sum + qty, 0).toFixed(8));
  if (Math.abs(filledQuantity - order.executedQty) > 1e-9) {
    const seen = `${filledQuantity} of ${order.executedQty} ${order.symbol}`;
    throw new ExchangeFault('invalid_response', `the exchange lists trades of ${seen} only`);
  }
  const other = trades.find(({ commissionAsset }) => commissionAsset !== 'USDT');
  if (other !== undefined) {
    throw new ExchangeFault('rejected', `the exchange took its fee in ${other.commissionAsset}, not in USDT`);
  }
  return {
    filledQuantity,
    feeMicroUsdt: microUsdt(trades.reduce((sum, { commission }) => sum + commission, 0)),
    filledAtMs: Math.max(...trades.map(({ time }) => time)),
  };
}
const readTrades = reader('a list of trades', tradesSchema);

export const reportOfOrder = (order: BinanceOrder, fill: BinanceFill | undefined): OrderReport => ({
  symbol: order.symbol,
  clientOrderId: order.clientOrderId,
  kind: 'market',
  status: STATUS[order.status],
  quantity: order.origQty,
  filledQuantity: order.executedQty,
  averagePrice: order.executedQty > 0 ? order.avgPrice : null,
  feeMicroUsdt: fill?.feeMicroUsdt ?? 0,
  filledAtMs: fill?.filledAtMs ?? null,
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
  feeMicroUsdt: became?.feeMicroUsdt ?? 0,
  filledAtMs: became?.filledAtMs ?? null,
  updatedAtMs: became?.updatedAtMs ?? stop.updateTime,
});

export const readPositions = (body: unknown): BrokerPosition[] =>
  reader(
    'a list of positions',
    positionsSchema,
  )(body)
    .filter(({ positionAmt }) => positionAmt !== 0)
    .map(({ symbol, positionAmt, entryPrice, markPrice }) => ({
      symbol,
      quantity: positionAmt,
      entryPrice,
      markPrice,
    }));

/** An account that never held USDT has no such row. */
export function readWallet(body: unknown): number {
  const rows = reader('a list of balances', balancesSchema)(body);
  return microUsdt(rows.find(({ asset }) => asset === 'USDT')?.balance ?? 0);
}

export const readFunding = (body: unknown): FundingPayment[] =>
  reader(
    'a list of funding payments',
    incomeSchema,
  )(body).map(({ symbol, income, time, tranId }) => ({
    symbol,
    atMs: time,
    amountMicroUsdt: microUsdt(income),
    id: `${tranId}-${symbol}`,
  }));

function reader<Schema extends z.ZodType>(what: string, schema: Schema) {
  return (body: unknown): z.output<Schema> => {
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    const { path, message } = parsed.error.issues[0]!;
    const where = path.length === 0 ? '' : ` (${path.join('.')})`;
    throw new ExchangeFault('invalid_response', `the exchange did not send ${what}${where}: ${message}`);
  };
}
