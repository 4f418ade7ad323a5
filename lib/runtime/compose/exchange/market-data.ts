// Market data of the exchange, real or simulated.
import { createCcxtMarketData } from '../../../adapters/binance/market/ccxt-market-data.ts';
import { RequestBudget } from '../../../adapters/binance/request-budget.ts';
import type { Clock } from '../../../core/ports.ts';
import type { MarketData } from '../../../market/ports.ts';
import type { Exchange } from '../../config/function-settings.ts';

/** @param market.exchangeUrl of a simulated exchange; undefined for the real one */
export const openMarketData = (
  { exchange, exchangeUrl }: { readonly exchange: Exchange; readonly exchangeUrl: string | undefined },
  { isReplay, clock }: { readonly isReplay: boolean; readonly clock: Clock },
): MarketData =>
  createCcxtMarketData({ exchange, baseUrl: exchangeUrl, ...(isReplay && pacedByReplay(clock)) });

/** Pauses of the exchange, by the clock of the run that it was opened for. */
const addresses = new WeakMap<Clock, RequestBudget>();

/** A simulated exchange counts and bans by its own clock, as the real one does. */
function pacedByReplay(clock: Clock) {
  const address = addresses.get(clock) ?? new RequestBudget(Number.MAX_SAFE_INTEGER);
  addresses.set(clock, address);
  return { nowMs: () => clock.nowMs(), isStill: true, address };
}
