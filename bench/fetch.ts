// How long the candles of a whole universe take to fetch, read and check: the first part of every 5-minute run.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { createCcxtMarketData } from '../lib/adapters/binance/market/ccxt-market-data.ts';
import { invariant } from '../lib/core/invariant.ts';
import { REQUEST_BARS } from '../lib/market/grid.ts';

const RUNS = 7;

const readySchema = z.object({ url: z.url(), symbols: z.array(z.string()), lastOpenTimeMs: z.int() });
type Ready = z.infer<typeof readySchema>;

/**
 * Median over 7 runs of fetching 998 candles of each of 100 symbols through ccxt from a simulated exchange in another process.
 * Each run has a new client; the first also pays for loading ccxt and opening the connections.
 */
export async function benchFetch(): Promise<{ ms100Symbols: number }> {
  const exchange = fork(fileURLToPath(new URL('./exchange-process.ts', import.meta.url)));
  try {
    const [message] = await once(exchange, 'message');
    const ready = readySchema.parse(message);
    const durationsMs: number[] = [];
    for (let run = 0; run < RUNS; run++) durationsMs.push(await timeUniverse(ready));
    durationsMs.sort((a, b) => a - b);
    return { ms100Symbols: durationsMs[Math.floor(RUNS / 2)]! };
  } finally {
    exchange.disconnect();
  }
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
