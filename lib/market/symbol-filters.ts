// What an exchange demands of the orders of one symbol, and what stands against entering it at all. A position that is there can
// be closed whatever stands against an entry.
import { DAY_MS } from '../core/units.ts';

/** What an exchange demands of a symbol's orders. */
export interface SymbolFilters {
  readonly tickSize: number;
  readonly stepSize: number;
  readonly minQuantity: number;
  readonly maxQuantity: number;
  readonly minNotionalUsdt: number;
  /** It is no perpetual contract on a coin: an index, a stock, a contract before its coin is listed. Absent on spot and for others. */
  readonly isOtherContract?: boolean;
  /** When the contract is settled, the exchange's clock; absent when it does not end. */
  readonly settlesAtMs?: number;
}

/** Nothing is entered within so long of a contract's settlement. */
const SETTLEMENT_MARGIN_MS = DAY_MS;

/** Why a symbol is not entered, whatever a signal says; undefined when nothing stands against it. */
export function entryBarrier(
  { isOtherContract, settlesAtMs }: Pick<SymbolFilters, 'isOtherContract' | 'settlesAtMs'>,
  nowMs: number,
): 'other_contract' | 'settles_soon' | undefined {
  if (isOtherContract === true) return 'other_contract';
  const isFar = settlesAtMs === undefined || settlesAtMs - nowMs > SETTLEMENT_MARGIN_MS;
  return isFar ? undefined : 'settles_soon';
}
