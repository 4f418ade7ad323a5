// The market remembers the rows it has sent: whatever was asked before, what it sends are the rows of a market that remembers nothing.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { VisibleMarket } from '../../../local/exchange/visible-market.ts';
import { generateMarket } from '../../../local/market/generated-market.ts';

const FIRST_MS = Date.UTC(2024, 5, 1);
const BARS = 2_500;
const market = generateMarket({ seed: 5, symbols: 2, fromMs: FIRST_MS, bars: BARS });

it('answers with the same rows whatever was asked before, the clock set back included', () => {
  const time = fc.integer({ min: -1, max: BARS * 2 }).map((halves) => FIRST_MS + (halves * BAR_MS) / 2);
  const question = fc.record({
    symbol: fc.constantFrom(...market.symbols),
    nowMs: time,
    startMs: fc.option(time, { nil: undefined }),
    endMs: fc.option(time, { nil: undefined }),
    limit: fc.integer({ min: 1, max: 1_500 }),
  });
  fc.assert(
    fc.property(fc.array(question, { minLength: 2, maxLength: 8 }), (questions) => {
      let nowMs = 0;
      const asked = new VisibleMarket(market, () => nowMs);
      for (const { symbol, ...query } of questions) {
        nowMs = query.nowMs;
        const rows = new VisibleMarket(market, () => query.nowMs).klines(symbol, query);
        expect(asked.klinesText(symbol, query).text).toBe(JSON.stringify(rows));
        expect(rows.every(([openTimeMs]) => openTimeMs <= nowMs)).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});

it('answers the bars of a replay one after the other as if each were the first', () => {
  const symbol = market.symbols[0]!;
  let nowMs = 0;
  const replayed = new VisibleMarket(market, () => nowMs);
  for (let bar = 990; bar < BARS; bar += 3) {
    nowMs = FIRST_MS + bar * BAR_MS + 3_000;
    const query = { startMs: undefined, endMs: nowMs, limit: 998 };
    const rows = JSON.parse(replayed.klinesText(symbol, query).text) as [number, string][];
    expect(rows).toHaveLength(Math.min(998, bar + 1));
    expect(rows.at(-1)![0]).toBe(FIRST_MS + bar * BAR_MS);
    expect(rows.at(-2)![0]).toBe(FIRST_MS + (bar - 1) * BAR_MS);
    expect(Number(rows[0]![1])).toBe(market.candles(symbol).open[bar + 1 - rows.length]);
  }
});
