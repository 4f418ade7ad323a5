// Market data of Binance (USDT-M futures or spot) through ccxt. Its promise: what it returns are closed, valid candles; whatever
// else happens is a typed error, within a known time, and an exchange that asks for a pause gets it.
import pLimit from 'p-limit';
import { invariant } from '../../../core/invariant.ts';
import { failure, type Result, success } from '../../../core/result.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../../market/candle.ts';
import type { CandleSeries } from '../../../market/candle-series.ts';
import type { CandleRequest, MarketData, MarketDataError } from '../../../market/ports.ts';
import { type CcxtExchangeId, hostOf } from '../ccxt-client.ts';
import { ExchangeFault } from '../exchange-fault.ts';
import { budgetOfHost } from '../request-budget.ts';
import { type CallerOptions, RetryingCaller } from '../retrying-caller.ts';
import { type CcxtExchange, openCcxtExchange } from './ccxt-exchange.ts';
import { readFilters, readListedPairs, readPrices, readQuoteVolumes } from './instruments.ts';
import { readKlines } from './klines.ts';

export interface CcxtMarketDataOptions extends CallerOptions {
  readonly exchange: CcxtExchangeId;
  /** Origin of a simulated exchange. @default the real exchange */
  readonly baseUrl?: string | undefined;
  /** One request, from connecting to the last byte. @default 5000 */
  readonly timeoutMs?: number;
  /** Calls under way at once. @default 12 */
  readonly concurrency?: number;
  /** Its share. @default 3/4 of the exchange's limit per address (spot 5/6) */
  readonly weightPerMinute?: number;
}

const COUNT_MAX = 998;
const TIME_WEIGHT = 1;

/** Of 2400 (USDT-M) and 6000 (spot) a minute: an account at the same address has the rest. */
const WEIGHT_PER_MINUTE: Readonly<Record<CcxtExchangeId, number>> = { binanceusdm: 1_800, binance: 5_000 };

/** Weights of requests for all symbols, from Binance's API documentation. */
const WEIGHTS: Readonly<Record<CcxtExchangeId, { info: number; prices: number; volumes: number }>> = {
  binanceusdm: { info: 1, prices: 2, volumes: 40 },
  binance: { info: 20, prices: 4, volumes: 80 },
};

/** Weight of a klines request, from Binance's API documentation. */
function klinesWeight(exchange: CcxtExchangeId, limit: number): number {
  if (exchange === 'binance') return 2;
  if (limit < 100) return 1;
  return limit < 500 ? 2 : 5;
}

type Ask = <T>(
  weight: number,
  question: (exchange: CcxtExchange) => Promise<T>,
  timing?: { startedAtMs: number },
) => Promise<Result<T, MarketDataError>>;

/** Nothing is loaded or sent before the first call. All instances of a process share the request budget of their host. */
export function createCcxtMarketData(options: CcxtMarketDataOptions): MarketData {
  const { exchange, baseUrl, timeoutMs = 5_000, transport } = options;
  const caller = new RetryingCaller(
    {
      weightPerMinute: options.weightPerMinute ?? WEIGHT_PER_MINUTE[exchange],
      address: budgetOfHost(hostOf(exchange, baseUrl)),
      open: () => openCcxtExchange({ exchange, baseUrl, timeoutMs, transport }),
    },
    options,
  );
  const ask: Ask = async (weight, question, timing) => {
    const answer = await caller.call(weight, question, timing);
    return answer.ok ? answer : failure(answer.error.toMarketDataError());
  };
  const weights = WEIGHTS[exchange];
  const limit = pLimit(options.concurrency ?? 12);
  return {
    serverTimeMs: () =>
      ask(TIME_WEIGHT, async (opened) => {
        const timeMs = await opened.serverTimeMs();
        if (timeMs !== undefined && timeMs > 0) return timeMs;
        throw new ExchangeFault('invalid_response', 'the exchange answered without its time');
      }),
    closedCandles: async (request) => {
      const { count, lastOpenTimeMs } = request;
      invariant(
        Number.isInteger(count) && count >= 1 && count <= COUNT_MAX,
        `cannot ask for ${count} candles`,
      );
      invariant(Number.isInteger(lastOpenTimeMs / BAR_MS), `${lastOpenTimeMs} is not the open time of a bar`);
      const startedAtMs = caller.nowMs();
      const weight = klinesWeight(exchange, count);
      return limit(() => ask(weight, (opened) => fetchClosedCandles(opened, request), { startedAtMs }));
    },
    prices: async (symbols) => {
      const all = await ask(weights.prices, async (opened) => readPrices(await opened.prices()));
      if (!all.ok || symbols === undefined) return all;
      const wanted = new Set(symbols);
      return success(new Map([...all.value].filter(([symbol]) => wanted.has(symbol))));
    },
    filters: () => ask(weights.info, async (opened) => readFilters(await opened.exchangeInfo())),
    pairs: async () => {
      const volumes = await ask(weights.volumes, async (opened) =>
        readQuoteVolumes(await opened.dayTickers()),
      );
      if (!volumes.ok) return volumes;
      return ask(weights.info, async (opened) => readListedPairs(await opened.exchangeInfo(), volumes.value));
    },
  };
}

async function fetchClosedCandles(exchange: CcxtExchange, request: CandleRequest): Promise<CandleSeries> {
  const { symbol, count, lastOpenTimeMs } = request;
  // `endTime` bounds the open time: the bar being formed is not even asked for, so `count` closed ones come back.
  const endTime = lastOpenTimeMs + BAR_MS - 1;
  const { body, answeredAtMs } = await exchange.klines({ symbol, interval: '5m', limit: count, endTime });
  // A caller whose idea of the exchange's time is wrong must still not get the bar being formed.
  const closedOpenTimeMs = answeredAtMs === undefined ? lastOpenTimeMs : lastClosedOpenTimeMs(answeredAtMs);
  return readKlines(body, { symbol, count, lastOpenTimeMs: Math.min(lastOpenTimeMs, closedOpenTimeMs) });
}
