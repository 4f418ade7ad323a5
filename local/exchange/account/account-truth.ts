// What an account holds at this moment, as the exchange itself knows it: no endpoint lags, no fault befalls it. It is what the
// product's own view is measured against, and is never served.
import { E8_PER_MICRO } from './funds.ts';
import type { MatchingAccount } from './matching-account.ts';
import type { Stop } from './orders.ts';

export interface AccountTruth {
  readonly walletMicroUsdt: number;
  /** Of what is held only; above zero long, below zero short. */
  readonly positions: readonly { readonly symbol: string; readonly quantity: number }[];
  /** Until the order that each became is done. */
  readonly stops: readonly Pick<Stop, 'symbol' | 'side' | 'quantity' | 'clientOrderId'>[];
}

export function truthOf(account: MatchingAccount): AccountTruth {
  account.settle();
  return {
    walletMicroUsdt: account.funds.balanceE8('USDT') / E8_PER_MICRO,
    positions: account.positions.all().filter(({ quantity }) => quantity !== 0),
    stops: account.stops.open(),
  };
}
