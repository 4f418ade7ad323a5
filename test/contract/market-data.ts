// What every implementation of the MarketData port keeps, run against each of them on the same market.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InvariantError } from '../../lib/core/invariant.ts';
import { DAY_MS } from '../../lib/core/units.ts';
import { roundToStep } from '../../lib/execution/round-to-step.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../lib/market/candle.ts';
import { candleAt, countUntil } from '../../lib/market/candle-series.ts';
import { REQUEST_BARS } from '../../lib/market/grid.ts';
import type { MarketData } from '../../lib/market/ports.ts';
import type { MarketSource } from '../../local/market/market-source.ts';

interface MarketDataUnderTest {
  readonly marketData: MarketData;
  close(): Promise<void>;
}

interface MarketDataContract {
  readonly market: MarketSource;
  /** A time at which the market has at least 1,000 closed bars and 2 to come. */
  readonly nowMs: number;
  open(clock: { nowMs(): number }): Promise<MarketDataUnderTest>;
}

export function describeMarketDataContract(name: string, contract: MarketDataContract): void {
  const { market } = contract;
  const symbol = market.symbols[0]!;

  describe(`market data contract: ${name}`, () => {
    let nowMs: number;
    let opened: MarketDataUnderTest;

    beforeEach(async () => {
      nowMs = contract.nowMs;
      opened = await contract.open({ nowMs: () => nowMs });
    });
    afterEach(() => opened.close());

    it("tells the exchange's time", async () => {
      expect(await opened.marketData.serverTimeMs()).toEqual({ ok: true, value: nowMs });
    });

    it.each([1, 99, 500, REQUEST_BARS])(
      'returns the newest %i closed candles exactly as traded',
      async (count) => {
        const lastOpenTimeMs = lastClosedOpenTimeMs(nowMs);
        const answer = await opened.marketData.closedCandles({ symbol, count, lastOpenTimeMs });
        if (!answer.ok) throw new Error(answer.error.message);
        const traded = market.candles(symbol);
        const end = countUntil(traded, lastOpenTimeMs);
        expect(answer.value.length).toBe(count);
        for (let index = 0; index < count; index++) {
          expect(candleAt(answer.value, index)).toEqual(candleAt(traded, end - count + index));
        }
      },
    );

    it('returns candles of the past when asked for them', async () => {
      const lastOpenTimeMs = lastClosedOpenTimeMs(nowMs) - 7 * BAR_MS;
      const answer = await opened.marketData.closedCandles({ symbol, count: 10, lastOpenTimeMs });
      expect(answer.ok && [...answer.value.openTimeMs]).toEqual(
        Array.from({ length: 10 }, (_, index) => lastOpenTimeMs - (9 - index) * BAR_MS),
      );
    });

    it.each([0, 1, 1_000, BAR_MS / 2, BAR_MS - 1])(
      'never returns the bar being formed, %i ms after it opened',
      async (sinceOpenMs) => {
        nowMs = Math.floor(contract.nowMs / BAR_MS) * BAR_MS + sinceOpenMs;
        const formingOpenTimeMs = nowMs - sinceOpenMs;
        // Asked by a caller whose clock runs ahead: it believes that the bar, and even the next one, is closed.
        for (const aheadBars of [0, 1]) {
          const lastOpenTimeMs = formingOpenTimeMs + aheadBars * BAR_MS;
          const answer = await opened.marketData.closedCandles({ symbol, count: 5, lastOpenTimeMs });
          if (!answer.ok) throw new Error(answer.error.message);
          expect(answer.value.length).toBeGreaterThan(0);
          expect(answer.value.openTimeMs.at(-1)).toBe(formingOpenTimeMs - BAR_MS);
        }
      },
    );

    it('returns nothing, and no error, for a time before the first candle', async () => {
      const lastOpenTimeMs = market.firstOpenTimeMs - 10 * BAR_MS;
      const answer = await opened.marketData.closedCandles({ symbol, count: 5, lastOpenTimeMs });
      expect(answer.ok && answer.value.length).toBe(0);
    });

    it('names an unknown symbol as such, not to be retried', async () => {
      const lastOpenTimeMs = lastClosedOpenTimeMs(nowMs);
      const answer = await opened.marketData.closedCandles({
        symbol: 'NOSUCHUSDT',
        count: 5,
        lastOpenTimeMs,
      });
      expect(answer).toMatchObject({ ok: false, error: { code: 'unknown_symbol', retryable: false } });
    });

    it('refuses a request that is a defect of the caller', async () => {
      const lastOpenTimeMs = lastClosedOpenTimeMs(nowMs);
      for (const request of [
        { symbol, count: 0, lastOpenTimeMs },
        { symbol, count: 999, lastOpenTimeMs },
        { symbol, count: 5, lastOpenTimeMs: lastOpenTimeMs + 1 },
      ]) {
        await expect(opened.marketData.closedCandles(request)).rejects.toThrow(InvariantError);
      }
    });

    it('knows the last price: the open of the bar being formed, and nothing later', async () => {
      const all = await opened.marketData.prices();
      const one = await opened.marketData.prices([symbol, 'NOSUCHUSDT']);
      if (!all.ok || !one.ok) throw new Error('no prices');
      const forming = Math.floor(nowMs / BAR_MS) * BAR_MS;
      for (const name of market.symbols) {
        const series = market.candles(name);
        const index = countUntil(series, forming) - 1;
        expect(series.openTimeMs[index]).toBe(forming);
        expect(all.value.get(name)).toBe(series.open[index]);
      }
      expect([...one.value]).toEqual([[symbol, all.value.get(symbol)]]);
    });

    it('knows filters that the prices and volumes traded fit', async () => {
      const answer = await opened.marketData.filters();
      if (!answer.ok) throw new Error(answer.error.message);
      expect([...answer.value.keys()].sort()).toEqual([...market.symbols].sort());
      for (const [name, filters] of answer.value) {
        const { close, volume } = candleAt(market.candles(name), countUntil(market.candles(name), nowMs) - 2);
        expect(roundToStep(close, filters.tickSize, 'down')).toBe(close);
        expect(roundToStep(volume, filters.stepSize, 'down')).toBe(volume);
        expect(filters.minQuantity).toBeGreaterThan(0);
        expect(filters.maxQuantity).toBeGreaterThan(filters.minQuantity);
        expect(filters.minNotionalUsdt).toBeGreaterThan(0);
      }
    });

    it('lists the pairs with their turnover of the last 24 hours', async () => {
      const answer = await opened.marketData.pairs();
      if (!answer.ok) throw new Error(answer.error.message);
      expect(answer.value.map((pair) => pair.symbol).sort()).toEqual([...market.symbols].sort());
      for (const { symbol: name, base, isTrading, quoteVolumeUsdt } of answer.value) {
        const series = market.candles(name);
        const to = countUntil(series, nowMs - BAR_MS);
        let [least, most] = [0, 0];
        for (let index = countUntil(series, nowMs - DAY_MS); index < to; index++) {
          const { low, high, volume } = candleAt(series, index);
          least += low * volume;
          most += high * volume;
        }
        expect({ base, isTrading }).toEqual({ base: name.replace(/USDT$/, ''), isTrading: true });
        expect(quoteVolumeUsdt).toBeGreaterThan(least * 0.999);
        expect(quoteVolumeUsdt).toBeLessThan(most * 1.001);
      }
    });
  });
}
