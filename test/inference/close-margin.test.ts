// A just-closed candle can still change: infer waits out a margin by the exchange's clock, and not longer.
import { describe, expect, it } from 'vitest';
import { createCcxtMarketData } from '../../lib/adapters/binance/market/ccxt-market-data.ts';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { failure } from '../../lib/core/result.ts';
import { CLOSE_MARGIN_MS, infer } from '../../lib/inference/use-cases/infer.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { createCandleWindows } from '../../lib/market/use-cases/candle-windows.ts';
import { startSimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import { brokerMarket } from '../support/execution/broker-market.ts';

const CLOSE_MS = Date.UTC(2024, 0, 2) + 200 * BAR_MS;

async function waitedAt(sinceCloseMs: number) {
  const exchange = await startSimulatedExchange({
    market: brokerMarket,
    clock: { nowMs: () => CLOSE_MS + sinceCloseMs },
  });
  const waits: number[] = [];
  try {
    const market = createCcxtMarketData({ exchange: 'binanceusdm', baseUrl: exchange.url });
    const { run } = await infer(
      {
        market,
        windows: createCandleWindows(market),
        ensembles: {
          current: async () => failure({ code: 'store_unavailable', message: 'none' }),
          close: async () => {},
        },
        signals: createMemorySignalStore(),
        clock: { nowMs: () => CLOSE_MS },
        stopwatchMs: () => 0,
        residentBytes: () => 1,
        codeVersion: 'local',
        sleep: async (durationMs) => void waits.push(durationMs),
      },
      { symbols: ['BTCUSDT'], shard: 0, shardCount: 1 },
    );
    return { waits, run };
  } finally {
    await exchange.close();
  }
}

describe('the seconds after a close', () => {
  it.each([
    [0, [CLOSE_MARGIN_MS]],
    [500, [CLOSE_MARGIN_MS - 500]],
    [CLOSE_MARGIN_MS, []],
    [60_000, []],
  ])('%i ms after it waits %j ms, and decides the bar that closed', async (sinceCloseMs, waits) => {
    const seen = await waitedAt(sinceCloseMs);
    expect(seen.waits).toEqual(waits);
    expect(seen.run.barOpenTimeMs).toBe(CLOSE_MS - BAR_MS);
  });
});
