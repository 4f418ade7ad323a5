// The simulated account behind paper trading and backtests: what is recorded of it, and what can be read from that.
import * as z from 'zod';
import { ledgerSchema, newLedger } from '../ledger/ledger.ts';

export const paperOrderSchema = z.strictObject({
  clientOrderId: z.string(),
  symbol: z.string(),
  kind: z.enum(['market', 'stop']),
  side: z.enum(['BUY', 'SELL']),
  /** null, of a stop alone: whatever is held when it triggers. */
  quantity: z.number().positive().nullable(),
  reduceOnly: z.boolean(),
  /** Trigger of a stop; null for market orders. */
  stopPrice: z.number().positive().nullable(),
  /** A reduction that found less to reduce than ordered is `cancelled`, with what it filled. */
  status: z.enum(['open', 'filled', 'cancelled']),
  filledQuantity: z.number().min(0),
  averagePrice: z.number().positive().nullable(),
  feeMicroUsdt: z.int(),
  /** Before fees; of orders older than this field 0. */
  realisedMicroUsdt: z.int().default(0),
  createdAtMs: z.int(),
  updatedAtMs: z.int(),
});
export type PaperOrder = Readonly<z.infer<typeof paperOrderSchema>>;

/** What a fill changed the wallet by: profit before fees, and fee. */
const tradeSchema = z.strictObject({
  tradeId: z.string(),
  symbol: z.string(),
  atMs: z.int(),
  realisedMicroUsdt: z.int(),
  feeMicroUsdt: z.int(),
});

const fundingSchema = z.strictObject({
  symbol: z.string(),
  atMs: z.int(),
  amountMicroUsdt: z.int(),
  id: z.string(),
});

export const paperAccountSchema = z.strictObject({
  ledger: ledgerSchema,
  /** By client order id: the open ones, and those that ended and have not been put away yet. */
  orders: z.record(z.string(), paperOrderSchema),
  /** By symbol with a position or a resting stop: how far its candles have been followed. */
  followed: z.record(
    z.string(),
    z.strictObject({
      /** Bars that opened before this one are dealt with. */
      nextOpenTimeMs: z.int(),
      /** Funding up to here is paid. */
      fundedUntilMs: z.int(),
      /** Price at which funding is reckoned: the last known one. */
      markPrice: z.number().positive(),
    }),
  ),
  /** Of the last 3 days, oldest first. */
  funding: z.array(fundingSchema),
  /** The last 300 of the last 3 days, oldest first: what the ledger is checked against, kept in one small record. */
  trades: z.array(tradeSchema).default([]),
});
export type PaperAccount = Readonly<z.infer<typeof paperAccountSchema>>;

export const newPaperAccount = (depositMicroUsdt: number): PaperAccount => ({
  ledger: newLedger(depositMicroUsdt),
  orders: {},
  followed: {},
  funding: [],
  trades: [],
});

/** Wallet balance: deposit plus everything realised, less fees, plus funding. */
export const walletOf = ({ ledger }: PaperAccount): number =>
  ledger.depositMicroUsdt + ledger.realisedMicroUsdt - ledger.feesMicroUsdt + ledger.fundingMicroUsdt;

/** Orders that nothing more can come of: whoever keeps the account may keep them apart. */
export const endedOrders = ({ orders }: PaperAccount): readonly PaperOrder[] =>
  Object.values(orders).filter(({ status }) => status !== 'open');

export const withoutOrders = (account: PaperAccount, gone: readonly PaperOrder[]): PaperAccount => {
  const ids = new Set(gone.map(({ clientOrderId }) => clientOrderId));
  const orders = Object.entries(account.orders).filter(([id]) => !ids.has(id));
  return { ...account, orders: Object.fromEntries(orders) };
};

/** Open time of the first bar of each symbol that `followCandles` has not seen; only closed ones are wanted. */
export const unseenBars = (account: PaperAccount): ReadonlyMap<string, number> =>
  new Map(Object.entries(account.followed).map(([symbol, { nextOpenTimeMs }]) => [symbol, nextOpenTimeMs]));
