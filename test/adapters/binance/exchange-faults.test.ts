// The real ccxt client against a misbehaving exchange: every fault ends in a typed error or in recovery, never in a wrong candle.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type CcxtMarketDataOptions,
  createCcxtMarketData,
} from '../../../lib/adapters/binance/market/ccxt-market-data.ts';
import { RequestBudget } from '../../../lib/adapters/binance/request-budget.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../lib/core/units.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../../lib/market/candle.ts';
import { countUntil, sliceSeries } from '../../../lib/market/candle-series.ts';
import type { MarketDataErrorCode } from '../../../lib/market/ports.ts';
import { type FaultRequest, MALFORMATIONS } from '../../../local/exchange/faults.ts';
import {
  type SimulatedExchange,
  startSimulatedExchange,
} from '../../../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../../../local/market/generated-market.ts';

const market = generateMarket({ seed: 11, symbols: 100, fromMs: Date.UTC(2024, 0, 1), bars: 1_050 });
const exchangeNowMs = market.firstOpenTimeMs + 1_040 * BAR_MS + 17_000;
const lastOpenTimeMs = lastClosedOpenTimeMs(exchangeNowMs);
const request = { symbol: 'BTCUSDT', count: 50, lastOpenTimeMs };

/** For what is to time out: a busy machine may take as long for an answer that comes. */
const SHORT = { timeoutMs: 150 };

/** A clock that only sleeping moves. */
function virtualTime() {
  let nowMs = 1_700_000_000_000;
  const sleptMs: number[] = [];
  return {
    sleptMs,
    nowMs: () => nowMs,
    advance: (durationMs: number) => {
      nowMs += durationMs;
    },
    sleep: async (durationMs: number) => {
      sleptMs.push(durationMs);
      nowMs += durationMs;
    },
  };
}

let simulated: SimulatedExchange;
let clockMs: number;
beforeEach(async () => {
  clockMs = exchangeNowMs;
  simulated = await startSimulatedExchange({ market, clock: { nowMs: () => clockMs } });
});
afterEach(() => simulated.close());

function openClient(options: Partial<CcxtMarketDataOptions> = {}) {
  const time = virtualTime();
  const marketData = createCcxtMarketData({
    exchange: 'binanceusdm',
    baseUrl: simulated.url,
    timeoutMs: 10_000,
    random: () => 0.5,
    // Each test is a process of its own, in a time of its own.
    address: new RequestBudget(1e9),
    ...time,
    ...options,
  });
  return { marketData, time };
}

/** Weight that the exchange has counted so far: how much has really been sent. */
async function usedWeight(): Promise<number> {
  const response = await fetch(`${simulated.url}/fapi/v1/ping`);
  return Number(response.headers.get('x-mbx-used-weight-1m')) - 1;
}

const tradedCandles = () => {
  const series = market.candles('BTCUSDT');
  const end = countUntil(series, lastOpenTimeMs);
  return sliceSeries(series, end - request.count, end);
};

const LASTING: readonly (readonly [string, FaultRequest, MarketDataErrorCode])[] = [
  ['429', { kind: 'rate_limited', retryAfterSeconds: 1 }, 'rate_limited'],
  ['503', { kind: 'server_error' }, 'unavailable'],
  ['500', { kind: 'server_error', status: 500 }, 'unavailable'],
  ['HTML with 200', { kind: 'html' }, 'invalid_response'],
  ['rows of nulls', { kind: 'nulls' }, 'invalid_candle'],
  ['no answer', { kind: 'timeout' }, 'timeout'],
  ['a body that stalls', { kind: 'stall' }, 'timeout'],
  ['a connection torn down', { kind: 'reset' }, 'network'],
  ['half a JSON', { kind: 'truncated' }, 'invalid_response'],
  ...MALFORMATIONS.filter((how) => how !== 'future_bar').map(
    (how) =>
      [
        `candles with ${how}`,
        { kind: 'malformed', how },
        how === 'short_row' ? 'invalid_response' : 'invalid_candle',
      ] as const,
  ),
];

describe('a fault that lasts', () => {
  it.each(LASTING)('%s becomes one typed error, after 4 requests', async (_name, fault, code) => {
    simulated.faults.inject({ ...fault, path: '/fapi/v1/klines' } as FaultRequest);
    const { marketData, time } = openClient(code === 'timeout' ? SHORT : {});
    const answer = await marketData.closedCandles(request);
    expect(answer).toMatchObject({ ok: false, error: { code, retryable: true } });
    if (answer.ok) return;
    expect(answer.error.message).not.toMatch(/[\r\n]/);
    expect(answer.error.message.length).toBeLessThan(160);
    expect(time.sleptMs.length).toBeGreaterThanOrEqual(3);
  });

  it.each([
    [403, 'banned'],
    [404, 'rejected'],
    [451, 'rejected'],
  ] as const)('a page with %i is final: %s, after 1 request', async (status, code) => {
    simulated.faults.inject({ kind: 'refused', status });
    const { marketData, time } = openClient();
    const answer = await marketData.closedCandles(request);
    expect(answer).toMatchObject({ ok: false, error: { code, retryable: false } });
    expect(!answer.ok && answer.error.message).toMatch(new RegExp(`${status}.*<!DOCTYPE.{0,40}…$`));
    expect(time.sleptMs).toEqual([]);
  });

  it('an answer without end is given up, and so is one that unpacks to a hundred times its size', async () => {
    const packed = gzipSync(Buffer.alloc(64 * 2 ** 20, ' '));
    let sent = 0;
    const server = createServer(({ url }, response) => {
      if (url!.includes('klines')) {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed);
        return;
      }
      const chunk = Buffer.alloc(2 ** 20, ' ');
      const more = () => {
        while (response.write(chunk)) sent += chunk.length;
        sent += chunk.length;
      };
      response.on('drain', more);
      more();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { marketData } = openClient({ baseUrl, attempts: 1, timeoutMs: 60_000 });
    const tooLong = {
      ok: false,
      error: { code: 'invalid_response', message: expect.stringMatching(/answered more than \d+ bytes/) },
    };
    expect(await marketData.closedCandles(request)).toMatchObject(tooLong);
    expect(await marketData.pairs()).toMatchObject(tooLong);
    expect(sent).toBeLessThan(64 * 2 ** 20);
    server.closeAllConnections();
    server.close();
  });

  it('a body that stalls ends at the deadline although garbage is collected meanwhile', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    simulated.faults.inject({ kind: 'stall' });
    const collecting = setInterval(collect, 5);
    try {
      const { marketData } = openClient({ attempts: 1, ...SHORT });
      expect(await marketData.closedCandles(request)).toMatchObject({
        ok: false,
        error: { code: 'timeout' },
      });
    } finally {
      clearInterval(collecting);
    }
  });

  it('serves no row of an answer that is wrong anywhere', async () => {
    simulated.faults.inject({ kind: 'malformed', how: 'text_price' });
    const { marketData } = openClient({ attempts: 1 });
    const answer = await marketData.closedCandles({ ...request, count: 998 });
    expect(answer).toMatchObject({ ok: false, error: { code: 'invalid_candle' } });
  });

  it('cannot reach a host: says so, and what to do', async () => {
    await simulated.close();
    const { marketData } = openClient();
    const answer = await marketData.closedCandles(request);
    expect(answer).toMatchObject({ ok: false, error: { code: 'network', retryable: true } });
    expect(!answer.ok && answer.error.message).toMatch(
      /cannot reach 127\.0\.0\.1:\d+ \(ECONNREFUSED\): check/,
    );
  });

  it('the time of the exchange is missing: typed, not NaN', async () => {
    for (const kind of ['html', 'nulls', 'empty', 'truncated'] as const) {
      simulated.faults.clear();
      simulated.faults.inject({ kind });
      const { marketData } = openClient();
      expect(await marketData.serverTimeMs()).toMatchObject({
        ok: false,
        error: { code: 'invalid_response' },
      });
    }
  });
});

describe('a fault that passes', () => {
  it.each(LASTING)('%s twice, then the true candles', async (_name, fault) => {
    simulated.faults.inject({ ...fault, count: 2 } as FaultRequest);
    const { marketData } = openClient();
    expect(await marketData.closedCandles(request)).toEqual({ ok: true, value: tradedCandles() });
  });

  it('an empty answer is no error: the exchange has none', async () => {
    simulated.faults.inject({ kind: 'empty' });
    const { marketData } = openClient();
    const answer = await marketData.closedCandles(request);
    expect(answer.ok && answer.value.length).toBe(0);
  });

  it('bars from the future are dropped, all others kept', async () => {
    simulated.faults.inject({ kind: 'malformed', how: 'future_bar' });
    const { marketData } = openClient();
    expect(await marketData.closedCandles(request)).toEqual({ ok: true, value: tradedCandles() });
    const ahead = await marketData.closedCandles({
      ...request,
      lastOpenTimeMs: lastOpenTimeMs + 10 * BAR_MS,
    });
    expect(ahead.ok && ahead.value.openTimeMs.at(-1)).toBe(lastOpenTimeMs);
  });

  it('a third of 100 symbols’ requests fail at random, and all come through', async () => {
    simulated.faults.inject({ kind: 'server_error', probability: 0.15 });
    simulated.faults.inject({ kind: 'reset', probability: 0.1 });
    simulated.faults.inject({ kind: 'html', probability: 0.1 });
    const { marketData } = openClient({ attempts: 12, deadlineMs: 600_000, weightPerMinute: 100_000 });
    const answers = await Promise.all(
      market.symbols.map((symbol) => marketData.closedCandles({ ...request, symbol })),
    );
    expect(answers.filter((answer) => answer.ok).length).toBe(100);
  });
});

describe('an exchange that asks for quiet', () => {
  it('waits as long as Retry-After says, for every request', async () => {
    simulated.faults.inject({ kind: 'rate_limited', retryAfterSeconds: 7, count: 1 });
    const { marketData, time } = openClient();
    const startedAtMs = time.nowMs();
    const first = await marketData.closedCandles(request);
    expect(first.ok).toBe(true);
    expect(time.nowMs() - startedAtMs).toBeGreaterThanOrEqual(7_000);
  });

  it('gives up at once when the quiet is longer than the call may last', async () => {
    simulated.faults.inject({ kind: 'rate_limited', retryAfterSeconds: 300 });
    const { marketData } = openClient();
    const before = await usedWeight();
    for (let call = 0; call < 5; call++) {
      expect(await marketData.closedCandles(request)).toMatchObject({
        ok: false,
        error: { code: 'rate_limited' },
      });
    }
    simulated.faults.clear();
    expect(await usedWeight()).toBe(before + 1);
    expect(await marketData.closedCandles(request)).toMatchObject({
      ok: false,
      error: { code: 'rate_limited' },
    });
  });

  it('sends nothing while banned, and resumes when the ban ends', async () => {
    simulated.faults.inject({ kind: 'banned', retryAfterSeconds: 180, count: 1 });
    const { marketData, time } = openClient({ concurrency: 1 });
    const banned = await Promise.all(
      market.symbols.map((symbol) => marketData.closedCandles({ ...request, symbol })),
    );
    expect(banned.every((answer) => !answer.ok && answer.error.code === 'banned')).toBe(true);
    expect(banned.every((answer) => !answer.ok && !answer.error.retryable)).toBe(true);
    expect(await marketData.serverTimeMs()).toMatchObject({ ok: false, error: { code: 'banned' } });
    expect(await usedWeight()).toBe(0);

    time.advance(180_000);
    expect(await marketData.closedCandles(request)).toEqual({ ok: true, value: tradedCandles() });
  });

  it('keeps within its own share of the limit', async () => {
    const { marketData, time } = openClient({ weightPerMinute: 100, deadlineMs: 10_000 });
    const answers = await Promise.all(
      market.symbols.map((symbol) => marketData.closedCandles({ ...request, symbol, count: 998 })),
    );
    expect(answers.filter((answer) => answer.ok).length).toBe(20);
    expect(answers.filter((answer) => !answer.ok && answer.error.code === 'rate_limited').length).toBe(80);
    expect(await usedWeight()).toBe(100);
    time.advance(MINUTE_MS);
    expect((await marketData.closedCandles(request)).ok).toBe(true);
  });

  it('is refused and then banned by the exchange’s real limits when it overruns them', async () => {
    const greedy = (url: string) => fetch(`${url}/fapi/v1/klines?symbol=BTCUSDT&interval=5m&limit=1500`);
    for (let call = 0; call < 240; call++) expect((await greedy(simulated.url)).status).toBe(200);
    const refused = await greedy(simulated.url);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '43']);
    for (let call = 0; call < 19; call++) expect((await greedy(simulated.url)).status).toBe(429);
    expect((await greedy(simulated.url)).status).toBe(418);
    clockMs += MINUTE_MS;
    expect((await greedy(simulated.url)).status).toBe(418);
    clockMs += MINUTE_MS;
    expect((await greedy(simulated.url)).status).toBe(200);
  });
});

describe('clocks that disagree', () => {
  it.each([-HOUR_MS, -4_000, 4_000, DAY_MS])(
    'the exchange is %i ms off: its own clock decides which bars are closed',
    async (ms) => {
      clockMs = market.firstOpenTimeMs + 700 * BAR_MS + 2_000;
      simulated.faults.inject({ kind: 'clock_skew', ms });
      const { marketData } = openClient();
      const time = await marketData.serverTimeMs();
      if (!time.ok) throw new Error(time.error.message);
      expect(time.value).toBe(clockMs + ms);
      const newest = lastClosedOpenTimeMs(time.value);
      const answer = await marketData.closedCandles({ ...request, count: 3, lastOpenTimeMs: newest });
      expect(answer.ok && [...answer.value.openTimeMs]).toEqual([
        newest - 2 * BAR_MS,
        newest - BAR_MS,
        newest,
      ]);
      // By this machine's clock another bar would be the newest; the exchange's word stands.
      const local = await marketData.closedCandles({ ...request, count: 3, lastOpenTimeMs: newest + BAR_MS });
      expect(local.ok && local.value.openTimeMs.at(-1)).toBe(newest);
    },
  );
});

describe('a whole universe', () => {
  it.each(['binanceusdm', 'binance'] as const)(
    '100 symbols × 998 candles, each its own, from %s',
    async (exchange) => {
      const { marketData } = openClient({ exchange });
      const answers = await Promise.all(
        market.symbols.map((symbol) => marketData.closedCandles({ symbol, count: 998, lastOpenTimeMs })),
      );
      for (const [index, answer] of answers.entries()) {
        if (!answer.ok) throw new Error(answer.error.message);
        const traded = market.candles(market.symbols[index]!);
        const end = countUntil(traded, lastOpenTimeMs);
        expect(answer.value).toEqual(sliceSeries(traded, end - 998, end));
      }
    },
  );

  it('the exchange dies in the middle: what was read is right, the rest is a typed error', async () => {
    const { marketData } = openClient({ concurrency: 4 });
    let seen = 0;
    const answers = await Promise.all(
      market.symbols.map(async (symbol) => {
        const answer = await marketData.closedCandles({ symbol, count: 998, lastOpenTimeMs });
        seen++;
        if (seen === 30) await simulated.close();
        return answer;
      }),
    );
    const codes = answers.map((answer) => (answer.ok ? answer.value.length : answer.error.code));
    expect(codes.filter((code) => code === 998).length).toBeGreaterThanOrEqual(30);
    expect(codes.filter((code) => code === 'network').length).toBeGreaterThan(0);
    expect(codes.every((code) => code === 998 || code === 'network')).toBe(true);
  });
});
