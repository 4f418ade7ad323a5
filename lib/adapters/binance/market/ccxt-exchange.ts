// The public calls of an exchange that market data needs: raw answers, in the exchange's own shape and symbols.
import { type CcxtExchangeId, openCcxtClient } from '../ccxt-client.ts';
import type { Transport } from '../http-transport.ts';

/** Every call throws ExchangeFault. */
export interface CcxtExchange {
  klines(query: CcxtKlinesQuery): Promise<CcxtAnswer>;
  /** undefined when the answer holds no time. */
  serverTimeMs(): Promise<number | undefined>;
  exchangeInfo(): Promise<unknown>;
  /** Last prices of all symbols. */
  prices(): Promise<unknown>;
  /** The last 24 h of all symbols. */
  dayTickers(): Promise<unknown>;
}

interface CcxtKlinesQuery {
  readonly symbol: string;
  readonly interval: '5m';
  readonly limit: number;
  readonly endTime: number;
}

interface CcxtAnswer {
  readonly body: unknown;
  /** The exchange's clock when it answered, whole seconds (HTTP Date); undefined when it did not say. */
  readonly answeredAtMs: number | undefined;
}

/** @param timeoutMs of one request, from connecting to the last byte of the body */
export async function openCcxtExchange(options: {
  exchange: CcxtExchangeId;
  baseUrl: string | undefined;
  timeoutMs: number;
  transport: Transport | undefined;
}): Promise<CcxtExchange> {
  const { client, call, answeredAtMs } = await openCcxtClient(options);
  const spot = options.exchange === 'binance';
  return {
    klines: async (query) => {
      const body: unknown = await call(() =>
        spot ? client.publicGetKlines(query) : client.fapiPublicGetKlines(query),
      );
      const known = typeof body === 'object' && body !== null ? answeredAtMs.get(body) : undefined;
      return { body, answeredAtMs: known };
    },
    serverTimeMs: () => call(() => client.fetchTime()),
    exchangeInfo: () =>
      call(() => (spot ? client.publicGetExchangeInfo() : client.fapiPublicGetExchangeInfo())),
    prices: () => call(() => (spot ? client.publicGetTickerPrice() : client.fapiPublicV2GetTickerPrice())),
    dayTickers: () => call(() => (spot ? client.publicGetTicker24hr() : client.fapiPublicGetTicker24hr())),
  };
}
