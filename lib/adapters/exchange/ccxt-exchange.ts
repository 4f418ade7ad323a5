// Opens the one ccxt exchange that is asked for, pointed at the real exchange or at a simulated one. ccxt gives the signing, the
// addresses and the error classes; pacing, retries and timeouts are ours, because ccxt's cannot be stopped or tested.
import { ExchangeFault, excerpt } from './exchange-fault.ts';
import { exchangeFetch } from './exchange-http.ts';

export type CcxtExchangeId = 'binanceusdm' | 'binance';

/** The calls that market data needs: raw answers, in the exchange's own shape and symbols. */
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

/**
 * Loads ccxt's class on first use: a single file takes a quarter of the time and memory of the whole package. The path is spelled
 * out because ccxt does not export it, and so that Node, tsx and esbuild all find the same file.
 * @param timeoutMs of one request, from connecting to the last byte of the body
 * @throws ExchangeFault from every call
 */
export async function openCcxtExchange(options: {
  exchange: CcxtExchangeId;
  baseUrl: string | undefined;
  timeoutMs: number;
}): Promise<CcxtExchange> {
  const spot = options.exchange === 'binance';
  const { default: Base } = spot
    ? await import('../../../node_modules/ccxt/js/src/binance.js')
    : await import('../../../node_modules/ccxt/js/src/binanceusdm.js');
  const { BadSymbol, BaseError } = await import('../../../node_modules/ccxt/js/src/base/errors.js');
  const originalUrls = new Map<string, string>();
  const answeredAtMs = new WeakMap<object, number>();

  class RedirectedExchange extends Base {
    /** ccxt finds the error table of a market by the host of the real exchange. */
    override getExceptionsByUrl(
      url: string,
      kind: string,
    ): ReturnType<InstanceType<typeof Base>['getExceptionsByUrl']> {
      for (const [redirected, original] of originalUrls) {
        if (url.startsWith(`${redirected}/`)) {
          return super.getExceptionsByUrl(original + url.slice(redirected.length), kind);
        }
      }
      return super.getExceptionsByUrl(url, kind);
    }

    override handleErrors(...answer: Parameters<InstanceType<typeof Base>['handleErrors']>): undefined {
      const [, , , , headers, , body] = answer;
      const dateMs = Date.parse(headers?.Date ?? '');
      if (typeof body === 'object' && body !== null && !Number.isNaN(dateMs)) answeredAtMs.set(body, dateMs);
      return super.handleErrors(...answer);
    }
  }

  const client = new RedirectedExchange({
    enableRateLimit: false,
    timeout: options.timeoutMs,
    fetchImplementation: exchangeFetch,
    options: { fetchCurrencies: false, maxRetriesOnFailure: 0 },
  });
  if (options.baseUrl !== undefined) redirect(client.urls, options.baseUrl, originalUrls);

  const call = async <T>(send: () => Promise<T>): Promise<T> => {
    try {
      return await send();
    } catch (cause) {
      if (cause instanceof ExchangeFault) throw cause;
      // Whatever is not ccxt's own verdict is a defect of ours and must not pass for the exchange's.
      if (!(cause instanceof BaseError)) throw cause;
      const code = cause instanceof BadSymbol ? 'unknown_symbol' : 'rejected';
      throw new ExchangeFault(code, `the exchange refused the request: ${excerpt(cause.message)}`, { cause });
    }
  };
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

function redirect(urls: { api?: unknown }, baseUrl: string, originalUrls: Map<string, string>): void {
  const { origin } = new URL(baseUrl);
  const api = urls.api as Record<string, string>;
  for (const [name, original] of Object.entries(api)) {
    const redirected = origin + new URL(original).pathname;
    api[name] = redirected;
    originalUrls.set(redirected, original);
  }
}
