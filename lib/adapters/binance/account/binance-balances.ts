// Reads what a Binance futures account holds and what changed it: positions, wallet, trades, income.
import * as z from 'zod';
import { microUsdt } from '../../../core/money.ts';
import type { BrokerPosition, Fill, Income, IncomeKind, Listing } from '../../../execution/ports.ts';
import { amountSchema, decimalSchema, isUsdt, readDecimal, usdtSchema } from '../decimal.ts';
import { listReader, reader } from './answer-reader.ts';

const price = z
  .unknown()
  .optional()
  .transform((text) => {
    const value = readDecimal(text);
    return value > 0 ? value : null;
  });

/** Rows of a flat symbol are of no interest, whatever else they say. */
const flatRow = z.object({ positionAmt: decimalSchema.pipe(z.literal(0)) }).transform(() => null);
const positionRow = z
  .object({
    symbol: z.string().min(1),
    positionSide: z.enum(['BOTH', 'LONG', 'SHORT']),
    positionAmt: decimalSchema,
    entryPrice: price,
    markPrice: price,
  })
  .transform(({ symbol, positionSide, positionAmt, entryPrice, markPrice }): BrokerPosition => {
    const about = { symbol, entryPrice, markPrice };
    if (positionSide === 'BOTH') return { ...about, quantity: positionAmt };
    const size = Math.abs(positionAmt);
    return { ...about, quantity: positionSide === 'LONG' ? size : -size, hedgeSide: positionSide };
  });
const readPositionRows = listReader({
  what: 'positions',
  row: z.unknown().transform((row, context) => {
    const flat = flatRow.safeParse(row);
    if (flat.success) return null;
    const parsed = positionRow.safeParse(row);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) context.addIssue({ ...issue, code: 'custom' });
    return z.NEVER;
  }),
});
export const readPositions: (body: unknown) => Listing<BrokerPosition> = readPositionRows;

const balanceRow = z
  .object({ asset: z.string() })
  .loose()
  .transform((row) => (row.asset === 'USDT' ? row : null));
const readBalances = listReader({ what: 'balances', row: balanceRow });
const readBalance = reader('a balance of USDT', usdtSchema);

/** An account that never held USDT has no such row. */
export function readWallet(body: unknown): number {
  const {
    rows: [usdt],
    problems,
  } = readBalances(body);
  if (usdt !== undefined) return microUsdt(readBalance(usdt.balance));
  // One of the rows that cannot be read may be the one of USDT.
  if (problems.length > 0) readBalance(undefined);
  return 0;
}

const idSchema = z.union([z.int(), z.string().min(1)]).transform(String);
const positiveSchema = amountSchema.refine((amount) => amount > 0, 'is zero');
const tradeSchema = z.object({
  id: idSchema,
  orderId: idSchema,
  qty: positiveSchema,
  price: positiveSchema,
  commission: decimalSchema,
  commissionAsset: z.string().min(1),
  realizedPnl: usdtSchema.default(0),
  time: z.int(),
});
/** All or nothing: what is booked from trades needs every one of them. */
export const readTrades = reader('a list of trades', z.array(tradeSchema));
export type BinanceTrade = z.infer<typeof tradeSchema>;

export const fillOfTrade = (trade: BinanceTrade): Fill => ({
  tradeId: trade.id,
  quantity: trade.qty,
  price: trade.price,
  fee: { asset: trade.commissionAsset, amount: trade.commission },
  realisedMicroUsdt: microUsdt(trade.realizedPnl),
  atMs: trade.time,
});

/** From Binance's API documentation, "Get Income History". */
const INCOME_KIND: Readonly<Record<string, IncomeKind>> = {
  REALIZED_PNL: 'realised',
  COMMISSION: 'commission',
  FUNDING_FEE: 'funding',
  TRANSFER: 'transfer',
  INTERNAL_TRANSFER: 'transfer',
  CROSS_COLLATERAL_TRANSFER: 'transfer',
  STRATEGY_UMFUTURES_TRANSFER: 'transfer',
  COIN_SWAP_DEPOSIT: 'conversion',
  COIN_SWAP_WITHDRAW: 'conversion',
  AUTO_EXCHANGE: 'conversion',
  WELCOME_BONUS: 'rebate',
  REFERRAL_KICKBACK: 'rebate',
  COMMISSION_REBATE: 'rebate',
  API_REBATE: 'rebate',
  CONTEST_REWARD: 'rebate',
  FEE_RETURN: 'rebate',
  BFUSD_REWARD: 'rebate',
  INSURANCE_CLEAR: 'insurance',
  DELIVERED_SETTELMENT: 'settlement',
};

const incomeRow = z
  .object({
    symbol: z.string().nullish(),
    asset: z.string().min(1),
    incomeType: z.string().min(1),
    income: decimalSchema,
    time: z.int(),
    tranId: idSchema,
    tradeId: z.union([z.int(), z.string()]).nullish(),
  })
  .refine(({ asset, income }) => asset !== 'USDT' || isUsdt(income), 'is more USDT than there are')
  .transform(({ symbol, asset, incomeType, income, time, tranId, tradeId }): Income => {
    const trade = tradeId === null || tradeId === undefined || tradeId === '' ? null : String(tradeId);
    const contract = symbol === undefined || symbol === '' ? null : symbol;
    return {
      // `tranId` is unique per user and type only; of one trade's rows it is the same. The symbol is no part of it: a row that is
      // shown once under another one must not be booked a second time.
      id: [tranId, incomeType, asset, trade ?? ''].join('-'),
      kind: INCOME_KIND[incomeType] ?? 'other',
      type: incomeType,
      symbol: contract,
      asset,
      amount: income,
      tradeId: trade,
      atMs: time,
    };
  });
export const readIncome = listReader({ what: 'income', row: incomeRow });
