// Market data of the exchange, real or simulated.
import { createCcxtMarketData } from '../../../adapters/binance/market/ccxt-market-data.ts';
import { budgetOfHost } from '../../../adapters/binance/request-budget.ts';
import type { Clock } from '../../../core/ports.ts';
import type { MarketData } from '../../../market/ports.ts';
import type { Exchange } from '../../config/function-settings.ts';

/**
 * @param market.exchangeUrl of a simulated exchange; undefined for the real one
 * @param timing.isReplay the exchange counts and bans by this clock, as the real one does by the true time
 */
export const openMarketData = (
  { exchange, exchangeUrl }: { readonly exchange: Exchange; readonly exchangeUrl: string | undefined },
  { isReplay, clock }: { readonly isReplay: boolean; readonly clock: Clock },
): MarketData =>
  createCcxtMarketData({
    exchange,
    baseUrl: exchangeUrl,
    ...(isReplay && {
      nowMs: () => clock.nowMs(),
      isStill: true,
      address: budgetOfHost(`replay at ${exchangeUrl}`),
    }),
  });
