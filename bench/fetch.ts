// How long the candles of a whole universe take to fetch, read and check: the first part of every 5-minute run.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { createCcxtMarketData } from '../lib/adapters/binance/market/ccxt-market-data.ts';
import { invariant } from '../lib/core/invariant.ts';
import { BAR_MS } from '../lib/market/candle.ts';
import { REQUEST_BARS } from '../lib/market/grid.ts';
import { createCandleWindows } from '../lib/market/use-cases/candle-windows.ts';
import { median } from './median.ts';

const RUNS = 7;

const readySchema = z.object({ url: z.url(), symbols: z.array(z.string()), lastOpenTimeMs: z.int() });
type Ready = z.infer<typeof readySchema>;

interface FetchBenchmark {
  /** 998 candles of each symbol, as after a cold start. */
  readonly ms100Symbols: number;
  /** The newest candles of each symbol, as at every later bar. */
  readonly msNewest100Symbols: number;
}

/**
 * Medians over 7 runs of reading the candles of 100 symbols through ccxt from a simulated exchange in another process. Each whole
 * reading has a new client; the first also pays for loading ccxt and opening the connections.
 */
export async function benchFetch(): Promise<FetchBenchmark> {
  const exchange = fork(fileURLToPath(new URL('./exchange-process.ts', import.meta.url)));
  try {
    const [message] = await once(exchange, 'message');
    const ready = readySchema.parse(message);
    const wholeMs: number[] = [];
    for (let run = 0; run < RUNS; run++) wholeMs.push(await timeUniverse(ready));
    return { ms100Symbols: median(wholeMs), msNewest100Symbols: median(await timeNewest(ready)) };
  } finally {
    exchange.disconnect();
  }
}

/** One bar after the other; the first, which is read whole, is not counted. */
async function timeNewest({ url, symbols, lastOpenTimeMs }: Ready): Promise<number[]> {
  const windows = createCandleWindows(createCcxtMarketData({ exchange: 'binanceusdm', baseUrl: url }));
  const durationsMs: number[] = [];
  for (let run = 0; run <= RUNS; run++) {
    const startedAtMs = performance.now();
    const barMs = lastOpenTimeMs - (RUNS - run) * BAR_MS;
    const read = await Promise.all(symbols.map((symbol) => windows.read({ symbol, lastOpenTimeMs: barMs })));
    durationsMs.push(performance.now() - startedAtMs);
    const newest = read.filter((reading) => reading.ok && reading.value.source === 'newest').length;
    // Some are due for a proof.
    invariant(
      run === 0 || newest > symbols.length * 0.9,
      'a benchmark of the newest candles read whole windows',
    );
  }
  return durationsMs.slice(1);
}

async function timeUniverse({ url, symbols, lastOpenTimeMs }: Ready): Promise<number> {
  const marketData = createCcxtMarketData({ exchange: 'binanceusdm', baseUrl: url });
  const startedAtMs = performance.now();
  const answers = await Promise.all(
    symbols.map((symbol) => marketData.closedCandles({ symbol, count: REQUEST_BARS, lastOpenTimeMs })),
  );
  const durationMs = performance.now() - startedAtMs;
  const complete = answers.every((answer) => answer.ok && answer.value.length === REQUEST_BARS);
  invariant(complete, 'a benchmark of fetching got less than it asked for');
  return durationMs;
}
