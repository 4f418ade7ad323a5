// The simulated exchange itself: what it shows of its market, and that the real ccxt client understands it.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import ccxt from 'ccxt';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import { BAR_MS, findCandleProblem } from '../../../lib/market/candle.ts';
import { type CandleSeries, candleAt, countUntil, sliceSeries } from '../../../lib/market/candle-series.ts';
import {
  type SimulatedExchange,
  startSimulatedExchange,
} from '../../../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../../../local/market/generated-market.ts';
import { loadRecordedMarket, marketOf } from '../../../local/market/market-source.ts';

const fromMs = Date.UTC(2024, 0, 1);
const dataFolder = resolve(process.env.QT_DATA_DIR ?? '../shared/data');

describe('generated market', () => {
  const market = generateMarket({ seed: 42, symbols: 20, fromMs, bars: 6_000 });

  it('gives the same candles for the same seed, others for another', () => {
    const again = generateMarket({ seed: 42, symbols: 20, fromMs, bars: 6_000 });
    const other = generateMarket({ seed: 43, symbols: 20, fromMs, bars: 6_000 });
    for (const symbol of market.symbols) {
      expect(again.candles(symbol)).toEqual(market.candles(symbol));
      expect(other.candles(symbol).close).not.toEqual(market.candles(symbol).close);
    }
  });

  it('is the same on every machine: values recorded from seed 42', () => {
    const btc = market.candles('BTCUSDT');
    const sui = market.candles('SUIUSDT');
    expect([candleAt(btc, 0), candleAt(btc, 5_999), candleAt(sui, 5_999)]).toMatchInlineSnapshot(`
      [
        {
          "close": 57147.1,
          "high": 57188.6,
          "low": 57147.1,
          "open": 57167.2,
          "openTimeMs": 1704067200000,
          "volume": 322.887,
        },
        {
          "close": 55738.6,
          "high": 55738.6,
          "low": 55712,
          "open": 55716.6,
          "openTimeMs": 1705866900000,
          "volume": 243.411,
        },
        {
          "close": 0.8397,
          "high": 0.8417,
          "low": 0.8366,
          "open": 0.8371,
          "openTimeMs": 1705866900000,
          "volume": 1691911.7,
        },
      ]
    `);
  });

  it('starts the same when it is longer or has more symbols', () => {
    const small = generateMarket({ seed: 42, symbols: 3, fromMs, bars: 700 });
    for (const symbol of small.symbols) {
      expect(small.candles(symbol)).toEqual(sliceSeries(market.candles(symbol), 0, 700));
    }
  });

  it('has only valid candles on its whole grid, for any seed, at prices and volumes that trade', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 60 }), (seed, symbols) => {
        const some = generateMarket({ seed, symbols, fromMs, bars: 400 });
        for (const symbol of some.symbols) expectValid(some.candles(symbol), 400);
      }),
      { numRuns: 25 },
    );
  });

  it('moves like a market: storms cluster, symbols follow one another, volume follows movement, tails are fat', () => {
    const btc = returnsOf(market.candles('BTCUSDT'));
    for (const symbol of market.symbols) {
      const series = market.candles(symbol);
      const returns = returnsOf(series);
      const sizes = returns.map(Math.abs);
      expect(correlation(sizes.slice(1), sizes.slice(0, -1))).toBeGreaterThan(0.05);
      expect(Math.abs(correlation(returns.slice(1), returns.slice(0, -1)))).toBeLessThan(0.1);
      expect(correlation(returns, btc)).toBeGreaterThan(0.3);
      expect(correlation(sizes, [...series.volume].slice(1))).toBeGreaterThan(0.3);
      expect(kurtosis(returns)).toBeGreaterThan(3.3);
    }
  });
});

describe('what can be seen of a market', () => {
  const market = generateMarket({ seed: 5, symbols: 16, fromMs, bars: 400 });
  let nowMs = fromMs + 350 * BAR_MS + MINUTE_MS;
  let exchange: SimulatedExchange;
  beforeAll(async () => {
    exchange = await startSimulatedExchange({ market, clock: { nowMs: () => nowMs } });
  });
  afterAll(() => exchange.close());
  const get = async (path: string) => {
    const response = await fetch(exchange.url + path);
    return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
  };

  it('the bar being formed shows its open and nothing else; nothing later shows at all', async () => {
    const { body } = await get('/fapi/v1/klines?symbol=BTCUSDT&interval=5m&limit=2');
    const traded = market.candles('BTCUSDT');
    const open = String(traded.open[350]);
    expect(body.at(-1).slice(0, 6)).toEqual([fromMs + 350 * BAR_MS, open, open, open, open, '0']);
    expect(body[0].slice(1, 6).map(Number)).toEqual(
      [traded.open, traded.high, traded.low, traded.close, traded.volume].map((column) => column[349]),
    );
  });

  it.each([
    ['limit=3', [348, 349, 350]],
    [`limit=2&startTime=${fromMs + 10 * BAR_MS}`, [10, 11]],
    [`limit=2&startTime=${fromMs + 10 * BAR_MS + 1}`, [11, 12]],
    [`limit=2&endTime=${fromMs + 20 * BAR_MS}`, [19, 20]],
    [`limit=2&endTime=${fromMs + 20 * BAR_MS - 1}`, [18, 19]],
    [`limit=9&startTime=${fromMs + 5 * BAR_MS}&endTime=${fromMs + 6 * BAR_MS}`, [5, 6]],
    [`limit=9&startTime=${fromMs + 349 * BAR_MS}&endTime=${fromMs + 399 * BAR_MS}`, [349, 350]],
    [`startTime=${fromMs + 360 * BAR_MS}`, []],
    [`startTime=${fromMs + 9 * BAR_MS}&endTime=${fromMs}`, []],
  ])('klines?%s gives the bars that Binance would', async (query, bars) => {
    for (const path of ['/fapi/v1/klines', '/api/v3/klines']) {
      const { body } = await get(`${path}?symbol=ETHUSDT&interval=5m&${query}`);
      expect(body.map((row: number[]) => (row[0]! - fromMs) / BAR_MS)).toEqual(bars);
    }
  });

  it.each([
    ['klines?interval=5m', 400, -1102],
    ['klines?symbol=NOPE&interval=5m', 400, -1121],
    ['klines?symbol=BTCUSDT&interval=7m', 400, -1120],
    ['klines?symbol=BTCUSDT&interval=5m&limit=1501', 400, -1130],
    ['klines?symbol=BTCUSDT&interval=5m&limit=x', 400, -1130],
    ['klines?symbol=BTCUSDT&interval=5m&startTime=-1', 400, -1130],
    ['ticker/24hr?symbol=NOPE', 400, -1121],
    ['nothing', 404, -5000],
  ])('refuses %s as Binance does', async (path, status, code) => {
    const answer = await get(`/fapi/v1/${path}`);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it('counts weight as Binance does, apart for futures and spot', async () => {
    nowMs += MINUTE_MS;
    const weights = [];
    for (const path of [
      'klines?symbol=BTCUSDT&interval=5m&limit=99',
      'klines?symbol=BTCUSDT&interval=5m&limit=499',
      'klines?symbol=BTCUSDT&interval=5m',
      'klines?symbol=BTCUSDT&interval=5m&limit=1001',
      'ticker/24hr',
    ]) {
      weights.push(Number((await get(`/fapi/v1/${path}`)).headers.get('x-mbx-used-weight-1m')));
    }
    expect(weights).toEqual([1, 3, 8, 18, 58]);
    const spot = await get('/api/v3/klines?symbol=BTCUSDT&interval=5m&limit=1000');
    expect(spot.headers.get('x-mbx-used-weight-1m')).toBe('2');
  });

  it('lists a symbol only from its first bar on', async () => {
    const late = sliceSeries(market.candles('ETHUSDT'), 360, 400);
    const two = marketOf(
      new Map([
        ['BTCUSDT', market.candles('BTCUSDT')],
        ['ETHUSDT', late],
      ]),
    );
    const other = await startSimulatedExchange({ market: two, clock: { nowMs: () => nowMs } });
    const tickers = (await (await fetch(`${other.url}/fapi/v1/ticker/price`)).json()) as { symbol: string }[];
    expect(tickers.map(({ symbol }) => symbol)).toEqual(['BTCUSDT']);
    await other.close();
  });

  it('is controlled from outside, and refuses a fault that is none', async () => {
    const control = (method: string, body?: string) =>
      fetch(`${exchange.url}/__faults`, {
        method,
        headers: { 'x-qt-secret': exchange.secret },
        ...(body === undefined ? {} : { body }),
      });
    expect((await control('POST', '{"kind":"server_error","path":"/fapi/v1/time","count":1}')).status).toBe(
      200,
    );
    expect((await get('/api/v3/time')).status).toBe(200);
    expect((await get('/fapi/v1/time')).status).toBe(503);
    expect((await get('/fapi/v1/time')).status).toBe(200);
    for (const body of ['{"kind":"meteor"}', 'not json', '{"kind":"html","probability":2}', '[]']) {
      expect((await control('POST', body)).status).toBe(400);
    }
    await control('POST', '{"kind":"html"}');
    expect(await (await control('DELETE')).json()).toEqual({ faults: [] });
    expect((await get('/fapi/v1/time')).body).toEqual({ serverTime: nowMs });
  });

  it.each(['binanceusdm', 'binance'] as const)(
    'ccxt loads its markets, tickers and candles: %s',
    async (id) => {
      const client = new ccxt[id]({
        enableRateLimit: false,
        options: { fetchCurrencies: false, fetchMarkets: { types: [id === 'binance' ? 'spot' : 'linear'] } },
      });
      const api = client.urls.api as Record<string, string>;
      for (const [name, address] of Object.entries(api)) api[name] = exchange.url + new URL(address).pathname;
      await client.loadMarkets();
      const suffix = id === 'binanceusdm' ? ':USDT' : '';
      for (const [own, unified] of [
        ['BTCUSDT', `BTC/USDT${suffix}`],
        ['1000PEPEUSDT', `1000PEPE/USDT${suffix}`],
      ] as const) {
        expect(client.market(unified).id).toBe(own);
        expect(client.safeMarket(own, undefined, undefined, suffix === '' ? 'spot' : 'swap').symbol).toBe(
          unified,
        );
      }
      expect(client.market(`BTC/USDT${suffix}`).precision).toMatchObject({ price: 0.1, amount: 0.001 });
      const tickers = await client.fetchTickers();
      const btc = tickers[`BTC/USDT${suffix}`]!;
      const traded = market.candles('BTCUSDT');
      const end = countUntil(traded, nowMs) - 1;
      const day = sliceSeries(traded, end - 287, end);
      expect(btc.last).toBe(traded.open[end]);
      expect(btc.high).toBe(Math.max(btc.last!, ...day.high));
      expect(btc.baseVolume).toBeCloseTo(
        day.volume.reduce((sum, volume) => sum + volume, 0),
        2,
      );
      const candles = await client.fetchOHLCV(`BTC/USDT${suffix}`, '5m', undefined, 3);
      expect(candles.map(([openTimeMs]) => openTimeMs)).toEqual(
        [2, 1, 0].map((ago) => traded.openTimeMs[end - ago]),
      );
    },
  );

  it('describes its symbols with the fields that the real exchanges were recorded with', async (context) => {
    const recordings = {
      '/fapi/v1': 'futures_exchangeInfo_2025-03-06_testnet.json.gz',
      '/api/v3': 'spot_exchangeInfo_2024-09-08_testnet.json.gz',
    };
    if (!existsSync(join(dataFolder, 'rest_fixtures'))) {
      return context.skip(`no recorded responses in ${dataFolder} (QT_DATA_DIR)`);
    }
    for (const [prefix, file] of Object.entries(recordings)) {
      const recorded = JSON.parse(
        gunzipSync(readFileSync(join(dataFolder, 'rest_fixtures', file))).toString(),
      );
      const { body } = await get(`${prefix}/exchangeInfo`);
      expect(Object.keys(body).sort()).toEqual(Object.keys(recorded).sort());
      const real = recorded.symbols.find(({ symbol }: { symbol: string }) => symbol === 'BTCUSDT');
      const ours = body.symbols.find(({ symbol }: { symbol: string }) => symbol === 'BTCUSDT');
      expect(Object.keys(ours).sort()).toEqual(Object.keys(real).sort());
      for (const [field, value] of Object.entries(real)) expect(typeof ours[field]).toBe(typeof value);
    }
  });
});

describe('recorded market', () => {
  const folder = join(dataFolder, 'binance_spot_2021_gaps');

  it('keeps only the time asked for, gaps and all', async (context) => {
    if (!existsSync(folder)) return context.skip(`no recorded candles in ${folder} (QT_DATA_DIR)`);
    const query = { folder, symbols: ['BTCUSDT'] };
    const whole = await loadRecordedMarket(query);
    if (!whole.ok) throw new Error(whole.error);
    const all = whole.value.candles('BTCUSDT');
    const windowed = { ...query, fromMs: all.openTimeMs[100]!, toMs: all.openTimeMs[30_000]! };
    const part = await loadRecordedMarket(windowed);
    if (!part.ok) throw new Error(part.error);
    expect(part.value.candles('BTCUSDT')).toEqual(sliceSeries(all, 100, 30_001));
    expect([part.value.firstOpenTimeMs, part.value.lastOpenTimeMs]).toEqual([windowed.fromMs, windowed.toMs]);
  });

  it('says what is wrong in one line', async (context) => {
    expect(await loadRecordedMarket({ folder: '/no/such/folder' })).toMatchObject({ ok: false });
    if (!existsSync(folder)) return context.skip(`no recorded candles in ${folder} (QT_DATA_DIR)`);
    const unknown = await loadRecordedMarket({ folder, symbols: ['NOPEUSDT'] });
    expect(unknown).toEqual({ ok: false, error: `no candles of NOPEUSDT in ${folder}` });
    const early = await loadRecordedMarket({ folder, symbols: ['BTCUSDT'], toMs: 1_000 });
    expect(early).toEqual({ ok: false, error: `no candle of the asked time in ${folder}` });
  });
});

function expectValid(series: CandleSeries, bars: number): void {
  expect(series.length).toBe(bars);
  const wrong = Array.from({ length: bars }, (_, index) => ({
    index,
    candle: candleAt(series, index),
  })).filter(
    ({ index, candle }) =>
      findCandleProblem(candle) !== undefined ||
      candle.openTimeMs !== fromMs + index * BAR_MS ||
      candle.volume <= 0,
  );
  expect(wrong).toEqual([]);
}

function returnsOf(series: CandleSeries): number[] {
  return Array.from({ length: series.length - 1 }, (_, index) =>
    Math.log(series.close[index + 1]! / series.close[index]!),
  );
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function correlation(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  const products = mean(a.map((value, index) => (value - meanA) * (b[index]! - meanB)));
  return products / Math.sqrt(mean(a.map((v) => (v - meanA) ** 2)) * mean(b.map((v) => (v - meanB) ** 2)));
}

function kurtosis(values: readonly number[]): number {
  const centre = mean(values);
  return mean(values.map((v) => (v - centre) ** 4)) / mean(values.map((v) => (v - centre) ** 2)) ** 2;
}
