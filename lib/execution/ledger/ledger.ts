// The ledger of one scope. Every fill, fee and funding payment moves integers, so that at any time and to the last digit
//   equity = deposit + realised + unrealised − fees + funding,
// however the amounts were rounded on their way in.

import * as z from 'zod';
import { invariant } from '../../core/invariant.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { MICRO } from '../../core/units.ts';
import type { OrderSide } from '../order.ts';

const positionSchema = z.strictObject({
  /** In the base asset: above zero long, below zero short; never zero. */
  quantity: z.number(),
  /** What was paid for it; below zero for a short: what was received. */
  costMicroUsdt: z.int(),
});
export type Position = Readonly<z.infer<typeof positionSchema>>;

export const ledgerSchema = z.strictObject({
  depositMicroUsdt: z.int(),
  /** Deposit, less what open positions cost, plus everything realised, less fees, plus funding. */
  cashMicroUsdt: z.int(),
  realisedMicroUsdt: z.int(),
  feesMicroUsdt: z.int(),
  /** Received less paid. */
  fundingMicroUsdt: z.int(),
  positions: z.record(z.string(), positionSchema),
});
export type Ledger = Readonly<z.infer<typeof ledgerSchema>>;

export interface Fill {
  readonly symbol: string;
  readonly side: OrderSide;
  readonly quantity: number;
  readonly price: number;
  readonly feeMicroUsdt: number;
}

export const newLedger = (depositMicroUsdt: number): Ledger => ({
  depositMicroUsdt,
  cashMicroUsdt: depositMicroUsdt,
  realisedMicroUsdt: 0,
  feesMicroUsdt: 0,
  fundingMicroUsdt: 0,
  positions: {},
});

/** Quantities have at most 8 decimals; binary dust would keep a closed position open. */
const exactQuantity = (quantity: number): number => Number(quantity.toFixed(8));

const integer = (value: number, what: string): number => {
  invariant(Number.isSafeInteger(value), () => `${what} ${value} is not a whole number of micro-USDT`);
  return value;
};

const marketValue = (quantity: number, price: number): number =>
  integer(Math.round(quantity * price * MICRO), 'value');

/** Position and profit after `quantity` (signed) was traded for `costMicroUsdt` (signed alike). */
function traded(
  position: Position | undefined,
  trade: Position,
): { readonly position: Position | undefined; readonly realisedMicroUsdt: number } {
  if (position === undefined || Math.sign(position.quantity) === Math.sign(trade.quantity)) {
    const quantity = exactQuantity((position?.quantity ?? 0) + trade.quantity);
    const costMicroUsdt = integer((position?.costMicroUsdt ?? 0) + trade.costMicroUsdt, 'cost');
    return { position: { quantity, costMicroUsdt }, realisedMicroUsdt: 0 };
  }
  const quantity = exactQuantity(position.quantity + trade.quantity);
  if (quantity === 0) {
    return { position: undefined, realisedMicroUsdt: -trade.costMicroUsdt - position.costMicroUsdt };
  }
  const closing = Math.min(Math.abs(trade.quantity), Math.abs(position.quantity));
  // Shares of cost and proceeds that belong to what is closed; the rest stays, so nothing is lost to rounding.
  const closedCost = integer(
    Math.round((position.costMicroUsdt * closing) / Math.abs(position.quantity)),
    'closed cost',
  );
  const proceeds = integer(
    Math.round((-trade.costMicroUsdt * closing) / Math.abs(trade.quantity)),
    'proceeds',
  );
  const costMicroUsdt = integer(position.costMicroUsdt - closedCost + trade.costMicroUsdt + proceeds, 'cost');
  return {
    position: { quantity, costMicroUsdt },
    realisedMicroUsdt: proceeds - closedCost,
  };
}

/** The ledger after a fill. Throws for a fill that is not one: the caller checks what the exchange reports. */
export function bookFill(ledger: Ledger, fill: Fill): Ledger {
  invariant(fill.quantity > 0 && fill.price > 0, () => `not a fill: ${fill.quantity} at ${fill.price}`);
  const sign = fill.side === 'BUY' ? 1 : -1;
  const quantity = sign * exactQuantity(fill.quantity);
  invariant(quantity !== 0, () => `a fill of ${fill.quantity} is finer than 8 decimals`);
  const costMicroUsdt = marketValue(quantity, fill.price);
  const { [fill.symbol]: before, ...others } = ledger.positions;
  const { position, realisedMicroUsdt } = traded(before, { quantity, costMicroUsdt });
  const feeMicroUsdt = integer(fill.feeMicroUsdt, 'fee');
  return {
    ...ledger,
    cashMicroUsdt: integer(ledger.cashMicroUsdt - costMicroUsdt - feeMicroUsdt, 'cash'),
    realisedMicroUsdt: integer(ledger.realisedMicroUsdt + realisedMicroUsdt, 'realised'),
    feesMicroUsdt: integer(ledger.feesMicroUsdt + feeMicroUsdt, 'fees'),
    positions: position === undefined ? others : { ...others, [fill.symbol]: position },
  };
}

/**
 * The ledger after a funding payment on one symbol: value × rate, paid by longs when the rate is above zero, else by shorts.
 * Nothing changes without a position.
 */
export function bookFunding(
  ledger: Ledger,
  payment: { symbol: string; markPrice: number; rate: number },
): Ledger {
  const position = ledger.positions[payment.symbol];
  if (position === undefined) return ledger;
  const paid = integer(
    Math.round(marketValue(position.quantity, payment.markPrice) * payment.rate),
    'funding',
  );
  return {
    ...ledger,
    cashMicroUsdt: integer(ledger.cashMicroUsdt - paid, 'cash'),
    fundingMicroUsdt: integer(ledger.fundingMicroUsdt - paid, 'funding'),
  };
}

export interface LedgerMark {
  readonly equityMicroUsdt: number;
  readonly unrealisedMicroUsdt: number;
  /** Sum of the positions' absolute values. */
  readonly exposureMicroUsdt: number;
}

/** The ledger at given prices. Fails with the symbols that have no price: a missing mark is never taken for zero. */
export function markLedger(
  ledger: Ledger,
  prices: ReadonlyMap<string, number>,
): Result<LedgerMark, readonly string[]> {
  const open = Object.entries(ledger.positions);
  const priceOf = (symbol: string) => prices.get(symbol) ?? Number.NaN;
  const unpriced = open
    .map(([symbol]) => symbol)
    .filter((symbol) => !(priceOf(symbol) > 0 && priceOf(symbol) < Number.POSITIVE_INFINITY));
  if (unpriced.length > 0) return failure(unpriced);
  let value = 0;
  let cost = 0;
  let exposureMicroUsdt = 0;
  for (const [symbol, position] of open) {
    const valueMicroUsdt = marketValue(position.quantity, priceOf(symbol));
    value += valueMicroUsdt;
    cost += position.costMicroUsdt;
    exposureMicroUsdt += Math.abs(valueMicroUsdt);
  }
  return success({
    equityMicroUsdt: integer(ledger.cashMicroUsdt + value, 'equity'),
    unrealisedMicroUsdt: integer(value - cost, 'unrealised'),
    exposureMicroUsdt: integer(exposureMicroUsdt, 'exposure'),
  });
}
