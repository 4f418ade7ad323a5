// Money as integers: one micro-USDT is a millionth of a USDT. Sums are then exact, whatever their order, and the ledger
// balances to the last digit; up to 9 thousand million USDT fit.

import { invariant } from './invariant.ts';
import { MICRO } from './units.ts';

/** Integer micro-USDT of an amount in USDT. Throws for what is not a number, or too large to be exact. */
export function microUsdt(usdt: number, rounding: 'nearest' | 'up' | 'down' = 'nearest'): number {
  const exact = usdt * MICRO;
  const rounded =
    rounding === 'nearest' ? Math.round(exact) : rounding === 'up' ? Math.ceil(exact) : Math.floor(exact);
  invariant(Number.isSafeInteger(rounded), () => `${usdt} USDT is not an amount of money`);
  // −0 would be a second zero.
  return rounded === 0 ? 0 : rounded;
}
