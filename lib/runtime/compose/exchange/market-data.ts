// Market data of the exchange, real or simulated.
import { createCcxtMarketData } from '../../../adapters/binance/market/ccxt-market-data.ts';
import type { MarketData } from '../../../market/ports.ts';
import type { Exchange } from '../../config/function-settings.ts';

/** The budget of requests: the exchange's own unless unlimited. */
export const requestBudget = (unlimited: boolean) =>
  unlimited ? { weightPerMinute: Number.MAX_SAFE_INTEGER } : {};

/** @param market.exchangeUrl of a simulated exchange; undefined for the real one */
export const openMarketData = (
  { exchange, exchangeUrl }: { readonly exchange: Exchange; readonly exchangeUrl: string | undefined },
  { unlimitedRequests }: { readonly unlimitedRequests: boolean },
): MarketData =>
  createCcxtMarketData({ exchange, baseUrl: exchangeUrl, ...requestBudget(unlimitedRequests) });
