// The books as they are stored: the ledger, and what of each order is already in it. Both are one record and so one write:
// a fill, a fee or a funding payment is booked exactly once, wherever a run is cut off.

import * as z from 'zod';
import { microUsdt } from '../../core/money.ts';
import { HOUR_MS, MINUTE_MS } from '../../core/units.ts';
import type { OrderSide } from '../order.ts';
import { bookFill, type Ledger, ledgerSchema, newLedger } from './ledger.ts';

// Not strict: what a newer version adds keeps an older one from nothing, as after a rollback.
export const bookedLedgerSchema = z.object({
  ledger: ledgerSchema,
  /** By client order id, of the orders that may still bring something. */
  orders: z.record(
    z.string(),
    z.strictObject({
      quantity: z.number().min(0),
      averagePrice: z.number().positive().nullable(),
      feeMicroUsdt: z.int(),
    }),
  ),
  funding: z.strictObject({
    /** Earliest row of income that is booked: the deposit already held the ones before. */
    fromMs: z.int(),
    /** Newest row booked. */
    untilMs: z.int(),
    /** Rows booked that lie within the time that is asked for again. */
    recent: z.array(z.strictObject({ id: z.string(), atMs: z.int() })),
  }),
  /** From when on rows other than funding are booked; absent until a ledger older than this field is booked again. */
  allKindsFromMs: z.int().optional(),
  /** Trades of our orders within that time: their rows of income are booked with the orders. */
  ownTrades: z.array(z.strictObject({ id: z.string(), symbol: z.string(), atMs: z.int() })).default([]),
  /** What rows of income have brought, by their type. */
  incomeMicroUsdt: z.record(z.string(), z.int()).default({}),
  /** Transfers that are booked and that nobody has declared yet. */
  undeclared: z
    .array(z.strictObject({ id: z.string(), atMs: z.int(), amountMicroUsdt: z.int() }))
    .default([]),
  /** Declarations that have explained a transfer, by their time. */
  usedDeclarations: z.array(z.int()).default([]),
});
export type BookedLedger = Readonly<z.infer<typeof bookedLedgerSchema>>;

export const newBookedLedger = (depositMicroUsdt: number, nowMs: number): BookedLedger => ({
  ledger: newLedger(depositMicroUsdt),
  orders: {},
  funding: { fromMs: nowMs + 1, untilMs: nowMs, recent: [] },
  allKindsFromMs: nowMs + 1,
  ownTrades: [],
  incomeMicroUsdt: {},
  undeclared: [],
  usedDeclarations: [],
});

/** What an exchange says of an order so far: cumulative. */
export interface OrderFills {
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: OrderSide;
  readonly filledQuantity: number;
  readonly averagePrice: number | null;
  readonly feeMicroUsdt: number;
  /** What its record says is booked: the ledger forgets orders that have ended. */
  readonly booked?: BookedLedger['orders'][string];
}

const NOTHING_BOOKED = { quantity: 0, averagePrice: null, feeMicroUsdt: 0 };
/** Finer than any exchange's step. */
const QUANTITY_DUST = 5e-9;

/** The books with what is new about an order. The order is then known to them, even without a fill. */
export function bookOrder(bookedLedger: BookedLedger, fills: OrderFills): BookedLedger {
  const { clientOrderId, symbol, side, filledQuantity, averagePrice } = fills;
  const before = bookedLedger.orders[clientOrderId] ?? fills.booked ?? NOTHING_BOOKED;
  const quantity = filledQuantity - before.quantity;
  const feeMicroUsdt = fills.feeMicroUsdt - before.feeMicroUsdt;
  // An answer older than one before it.
  if (quantity < -QUANTITY_DUST) return bookedLedger;
  const isNew = quantity > QUANTITY_DUST && averagePrice !== null;
  const withOrder = (ledger: Ledger, booked: BookedLedger['orders'][string]): BookedLedger => ({
    ...bookedLedger,
    ledger,
    orders: { ...bookedLedger.orders, [clientOrderId]: booked },
  });
  if (!isNew) {
    if (feeMicroUsdt === 0 && clientOrderId in bookedLedger.orders) return bookedLedger;
    const { ledger } = bookedLedger;
    const cashMicroUsdt = ledger.cashMicroUsdt - feeMicroUsdt;
    const feesMicroUsdt = ledger.feesMicroUsdt + feeMicroUsdt;
    const booked = { ...before, feeMicroUsdt: fills.feeMicroUsdt };
    return withOrder({ ...ledger, cashMicroUsdt, feesMicroUsdt }, booked);
  }
  const cost = filledQuantity * averagePrice - before.quantity * (before.averagePrice ?? 0);
  // Averages are rounded: a small last fill may seem to have cost nothing.
  const price = cost > 0 ? cost / quantity : averagePrice;
  const ledger = bookFill(bookedLedger.ledger, { symbol, side, quantity, price, feeMicroUsdt });
  return withOrder(ledger, { quantity: filledQuantity, averagePrice, feeMicroUsdt: fills.feeMicroUsdt });
}

/** The ledger that knows these trades as trades of our orders. */
export function withOwnTrades(bookedLedger: BookedLedger, trades: BookedLedger['ownTrades']): BookedLedger {
  const known = new Set(bookedLedger.ownTrades.map(({ symbol, id }) => `${symbol} ${id}`));
  const fresh = trades.filter(({ symbol, id }) => !known.has(`${symbol} ${id}`));
  return fresh.length === 0
    ? bookedLedger
    : { ...bookedLedger, ownTrades: [...bookedLedger.ownTrades, ...fresh] };
}

/** The books without orders that can bring nothing more. */
export function forgetOrders(bookedLedger: BookedLedger, ended: ReadonlySet<string>): BookedLedger {
  if (!Object.keys(bookedLedger.orders).some((id) => ended.has(id))) return bookedLedger;
  const orders = Object.fromEntries(Object.entries(bookedLedger.orders).filter(([id]) => !ended.has(id)));
  return { ...bookedLedger, orders };
}

/** What the exchange says the account holds. */
export interface AccountStatement {
  readonly walletMicroUsdt: number;
  readonly positions: readonly {
    readonly symbol: string;
    readonly quantity: number;
    readonly entryPrice: number;
  }[];
}

/** Deposits, plus everything realised, less fees, plus funding. */
const walletOf = (ledger: Ledger): number =>
  ledger.depositMicroUsdt + ledger.realisedMicroUsdt - ledger.feesMicroUsdt + ledger.fundingMicroUsdt;

/** Partial fills are rounded one by one there and together here. */
const WALLET_TOLERANCE_MICRO_USDT = 10_000;

/** One line for each thing that exchange and ledger differ in. */
export function differencesOf(ledger: Ledger, statement: AccountStatement): readonly string[] {
  const wallet = walletDifference(ledger, statement);
  const positions = positionDifferences(ledger, statement).map(({ line }) => line);
  return wallet === undefined ? positions : [...positions, wallet];
}

/** By symbol, what the exchange holds otherwise than the ledger. */
export function positionDifferences(
  ledger: Ledger,
  statement: AccountStatement,
): readonly { readonly symbol: string; readonly line: string }[] {
  const theirs = new Map(statement.positions.map(({ symbol, quantity }) => [symbol, quantity]));
  const symbols = [...new Set([...Object.keys(ledger.positions), ...theirs.keys()])].sort();
  return symbols.flatMap((symbol) => {
    const exchange = theirs.get(symbol) ?? 0;
    const ours = ledger.positions[symbol]?.quantity ?? 0;
    if (Math.abs(exchange - ours) <= QUANTITY_DUST) return [];
    return [{ symbol, line: `${symbol}: the exchange holds ${exchange}, the ledger ${ours}` }];
  });
}

/** What the wallet has more or less than the ledger; undefined when it has neither. */
export function walletDifference(ledger: Ledger, { walletMicroUsdt }: AccountStatement): string | undefined {
  if (Math.abs(walletMicroUsdt - walletOf(ledger)) <= WALLET_TOLERANCE_MICRO_USDT) return undefined;
  return `wallet: the exchange holds ${walletMicroUsdt}, the ledger ${walletOf(ledger)} micro-USDT`;
}

/** Income may be listed minutes after it moved the wallet, that of funding, paid on the hour, later still. */
const INCOME_LATE_MS = 300_000;
const FUNDING_INCOME_LATE_MS = 10 * MINUTE_MS;

/** Whether a difference of the wallet alone may still be explained by income that is not listed yet. */
export const mayBeIncome = (sinceMs: number, nowMs: number): boolean => {
  const isAfterFunding = sinceMs % HOUR_MS <= FUNDING_INCOME_LATE_MS;
  return nowMs - sinceMs <= (isAfterFunding ? FUNDING_INCOME_LATE_MS : INCOME_LATE_MS);
};

/**
 * The ledger with the exchange's costs of the positions that both hold alike; what they differ in was realised. The two part
 * when an order fills piece by piece with another one in between: an exchange tells the sum of its fills, not their order.
 */
export function atExchangeCosts(ledger: Ledger, statement: AccountStatement): Ledger {
  const positions = { ...ledger.positions };
  let { realisedMicroUsdt } = ledger;
  for (const { symbol, quantity, entryPrice } of statement.positions) {
    const ours = ledger.positions[symbol];
    if (ours === undefined || Math.abs(ours.quantity - quantity) > QUANTITY_DUST) continue;
    const costMicroUsdt = microUsdt(ours.quantity * entryPrice);
    realisedMicroUsdt += costMicroUsdt - ours.costMicroUsdt;
    positions[symbol] = { ...ours, costMicroUsdt };
  }
  // Cash holds the realised less the costs: both moved by the same.
  return { ...ledger, realisedMicroUsdt, positions };
}

/**
 * The ledger with the exchange's positions taken over where they differ: what the exchange holds is what there is. What the wallet
 * has more or less goes to the deposit, so that the identity of the ledger holds.
 * @param options.keepsWallet rows of income may still explain the wallet: it stays as the ledger has it
 */
export function takeOver(
  given: Ledger,
  statement: AccountStatement,
  { keepsWallet = false }: { readonly keepsWallet?: boolean } = {},
): Ledger {
  const ledger = atExchangeCosts(given, statement);
  const theirs = statement.positions.map(({ symbol, quantity, entryPrice }) => {
    const ours = ledger.positions[symbol];
    const isSame = ours !== undefined && Math.abs(ours.quantity - quantity) <= QUANTITY_DUST;
    return [symbol, isSame ? ours : { quantity, costMicroUsdt: microUsdt(quantity * entryPrice) }] as const;
  });
  const walletMicroUsdt = keepsWallet ? walletOf(ledger) : statement.walletMicroUsdt;
  const unexplained = walletMicroUsdt - walletOf(ledger);
  const cost = theirs.reduce((sum, [, { costMicroUsdt }]) => sum + costMicroUsdt, 0);
  return {
    ...ledger,
    depositMicroUsdt: ledger.depositMicroUsdt + unexplained,
    cashMicroUsdt: walletMicroUsdt - cost,
    positions: Object.fromEntries(theirs),
  };
}
