// Market data of Binance (USDT-M futures or spot) through ccxt. Its promise: what it returns are closed, valid candles; whatever
// else happens is a typed error, within a known time, and an exchange that asks for quiet gets it.
import pLimit from 'p-limit';
import type { CandleRequest, MarketData, MarketDataError } from '../../app/ports.ts';
import { invariant } from '../../invariant.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../market/candle.ts';
import type { CandleSeries } from '../../market/candle-series.ts';
import { failure, type Result, success } from '../../result.ts';
import { type CcxtExchange, type CcxtExchangeId, openCcxtExchange } from './ccxt-exchange.ts';
import { ExchangeFault } from './exchange-fault.ts';
import { readKlines } from './klines.ts';
import { RequestBudget } from './request-budget.ts';

export interface CcxtMarketDataOptions {
  readonly exchange: CcxtExchangeId;
  /** Origin of a simulated exchange. @default the real exchange */
  readonly baseUrl?: string | undefined;
  /** One request, from connecting to the last byte. @default 5000 */
  readonly timeoutMs?: number;
  /** One call: queueing, waiting and retries; a request under way may overrun it by `timeoutMs`. @default 20000 */
  readonly deadlineMs?: number;
  /** Calls under way at once. @default 12 */
  readonly concurrency?: number;
  /** Requests per call, the first included. @default 4 */
  readonly attempts?: number;
  /** @default 5/6 of the exchange's limit per address, which other functions share */
  readonly weightPerMinute?: number;
  /** This machine's clock, not a replayed one; `sleep` must advance it. @default the real one */
  readonly nowMs?: () => number;
  readonly sleep?: (durationMs: number) => Promise<void>;
  /** In [0, 1). @default Math.random */
  readonly random?: () => number;
}

const COUNT_MAX = 998;
const TIME_WEIGHT = 1;
const BACKOFF_MS_FIRST = 250;
const BACKOFF_MS_MAX = 5_000;

/** Limits of 2400 (USDT-M) and 6000 (spot) a minute, less a sixth. */
const WEIGHT_PER_MINUTE: Readonly<Record<CcxtExchangeId, number>> = { binanceusdm: 2_000, binance: 5_000 };

/** Weight of a klines request, from Binance's API documentation. */
function klinesWeight(exchange: CcxtExchangeId, limit: number): number {
  if (exchange === 'binance') return 2;
  if (limit < 100) return 1;
  return limit < 500 ? 2 : 5;
}

/** Nothing is loaded or sent before the first call. One instance shares one request budget: make one per process. */
export function createCcxtMarketData(options: CcxtMarketDataOptions): MarketData {
  const caller = new PatientCaller(options);
  const limit = pLimit(options.concurrency ?? 12);
  return {
    serverTimeMs: () =>
      caller.call(TIME_WEIGHT, async (exchange) => {
        const timeMs = await exchange.serverTimeMs();
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
      const weight = klinesWeight(options.exchange, count);
      return limit(() =>
        caller.call(weight, (exchange) => fetchClosedCandles(exchange, request), startedAtMs),
      );
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

/** Repeats a read until it succeeds, is refused for good, or its time is up. */
class PatientCaller {
  readonly nowMs: () => number;
  readonly #sleep: (durationMs: number) => Promise<void>;
  readonly #random: () => number;
  readonly #deadlineMs: number;
  readonly #attempts: number;
  readonly #budget: RequestBudget;
  readonly #open: () => Promise<CcxtExchange>;
  #exchange: Promise<CcxtExchange> | undefined;

  constructor(options: CcxtMarketDataOptions) {
    this.nowMs = options.nowMs ?? Date.now;
    this.#sleep = options.sleep ?? sleepFor;
    this.#random = options.random ?? Math.random;
    this.#deadlineMs = options.deadlineMs ?? 20_000;
    this.#attempts = options.attempts ?? 4;
    this.#budget = new RequestBudget(options.weightPerMinute ?? WEIGHT_PER_MINUTE[options.exchange]);
    const { exchange, baseUrl, timeoutMs = 5_000 } = options;
    this.#open = () => openCcxtExchange({ exchange, baseUrl, timeoutMs });
  }

  async call<T>(
    weight: number,
    read: (exchange: CcxtExchange) => Promise<T>,
    startedAtMs = this.nowMs(),
  ): Promise<Result<T, MarketDataError>> {
    this.#exchange ??= this.#open();
    const exchange = await this.#exchange;
    const deadlineAtMs = startedAtMs + this.#deadlineMs;
    for (let attempt = 1; ; attempt++) {
      const held = await this.#waitForBudget(weight, deadlineAtMs);
      if (held !== undefined) return failure(held.toMarketDataError());
      const outcome = await settle(() => read(exchange));
      if (outcome.ok) return outcome;
      const fault = outcome.error;
      this.#heed(fault);
      const backoffMs = this.#random() * Math.min(BACKOFF_MS_MAX, BACKOFF_MS_FIRST * 2 ** (attempt - 1));
      const exhausted = attempt >= this.#attempts || this.nowMs() + backoffMs >= deadlineAtMs;
      if (!fault.retryable || exhausted) return failure(fault.toMarketDataError());
      await this.#sleep(backoffMs);
    }
  }

  /** The fault to report when the request cannot leave in time; a ban is never waited for. */
  async #waitForBudget(weight: number, deadlineAtMs: number): Promise<ExchangeFault | undefined> {
    for (;;) {
      const nowMs = this.nowMs();
      if (nowMs >= deadlineAtMs) {
        return new ExchangeFault('timeout', 'the time for the call was up before the request could leave');
      }
      const { waitMs, because } = this.#budget.admit({ weight, nowMs });
      if (waitMs === 0) return undefined;
      const seconds = Math.ceil(waitMs / 1000);
      if (because === 'banned') {
        return new ExchangeFault(
          'banned',
          `banned by the exchange for another ${seconds} s: nothing is sent until then`,
        );
      }
      if (nowMs + waitMs >= deadlineAtMs) {
        const whose = because === 'own_limit' ? 'our own request limit' : "the exchange's request limit";
        return new ExchangeFault('rate_limited', `${whose} leaves no room for another ${seconds} s`);
      }
      await this.#sleep(waitMs);
    }
  }

  #heed(fault: ExchangeFault): void {
    if (fault.quietMs === undefined) return;
    const because = fault.code === 'banned' ? 'banned' : 'rate_limited';
    this.#budget.keepQuiet({ untilMs: this.nowMs() + fault.quietMs, because });
  }
}

async function settle<T>(read: () => Promise<T>): Promise<Result<T, ExchangeFault>> {
  try {
    return success(await read());
  } catch (error) {
    if (error instanceof ExchangeFault) return failure(error);
    throw error;
  }
}

const sleepFor = (durationMs: number): Promise<void> => new Promise((wake) => setTimeout(wake, durationMs));
