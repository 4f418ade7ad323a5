// The one definition of a beta: against returns whose slope is known, and wherever it cannot be told.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { betaToBitcoin, slidingBetas } from '../../lib/market/beta.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { type CandleSeries, seriesFromCandles, sliceSeries } from '../../lib/market/candle-series.ts';

const BARS = 900;
const LAST_MS = (BARS - 1) * BAR_MS;

/** Candles whose closes are given; those at the indexes left out are missing. */
function candlesOf(
  closeAt: (bar: number) => number,
  isThere: (bar: number) => boolean = () => true,
  length = BARS,
): CandleSeries {
  const candles = Array.from({ length }, (_, bar) => {
    const close = closeAt(bar);
    return { openTimeMs: bar * BAR_MS, open: close, high: close, low: close, close, volume: 1 };
  });
  const series = seriesFromCandles(candles.filter((_, bar) => isThere(bar)));
  if (!series.ok) throw new Error(series.error.problem);
  return series.value;
}

const walk = (bar: number) => 0.01 * Math.sin(bar / 5) + 0.02 * Math.cos(bar / 23);
const bitcoin = candlesOf((bar) => 50_000 * Math.exp(walk(bar)));
/** Moves `times` as far, and by itself on a period that is none of Bitcoin's. */
const symbolOf = (times: number, isThere?: (bar: number) => boolean) =>
  candlesOf((bar) => 3 * Math.exp(times * walk(bar) + 0.002 * Math.sin(bar / 2.1)), isThere);

test.each([0.5, 1.7, -0.8, 0])('finds a slope of %d', (times) => {
  expect(betaToBitcoin(symbolOf(times), bitcoin, LAST_MS)).toBeCloseTo(times, 1);
});

test("Bitcoin's own is 1, and that of what never moves is 0", () => {
  expect(betaToBitcoin(bitcoin, bitcoin, LAST_MS)).toBe(1);
  expect(
    betaToBitcoin(
      candlesOf(() => 1),
      bitcoin,
      LAST_MS,
    ),
  ).toBe(0);
});

test('a symbol that follows half an hour late is not taken for independent', () => {
  const late = candlesOf((bar) => Math.exp(walk(bar - 6)));
  expect(betaToBitcoin(late, bitcoin, LAST_MS)).toBeGreaterThan(0.4);
});

test('of a year and of one window it is the same, and what comes after the bar changes nothing', () => {
  const symbol = symbolOf(1.2);
  const bar = LAST_MS - 3 * BAR_MS;
  const whole = betaToBitcoin(symbol, bitcoin, bar);
  const window = (series: CandleSeries) => sliceSeries(series, BARS - 3 - 876, BARS - 3);
  expect(betaToBitcoin(window(symbol), window(bitcoin), bar)).toBe(whole);
  const short = sliceSeries(symbol, BARS - 3 - 875, BARS - 3);
  expect(betaToBitcoin(short, bitcoin, bar)).toBeNull();
});

test('missing bars stand in flat, as in the grid, up to 72 of them', () => {
  const gap = (bars: number) => (bar: number) => bar < 400 || bar >= 400 + bars;
  const filled = candlesOf((bar) => 3 * Math.exp(walk(bar >= 400 && bar < 472 ? 399 : bar)));
  const gappy = candlesOf((bar) => 3 * Math.exp(walk(bar)), gap(72));
  expect(betaToBitcoin(gappy, bitcoin, LAST_MS)).toBe(betaToBitcoin(filled, bitcoin, LAST_MS));
  expect(betaToBitcoin(symbolOf(1, gap(73)), bitcoin, LAST_MS)).toBeNull();
  expect(betaToBitcoin(bitcoin, symbolOf(1, gap(73)), LAST_MS)).toBeNull();
});

test.each<[string, CandleSeries, CandleSeries]>([
  ['the symbol is a bar behind', sliceSeries(bitcoin, 0, BARS - 1), bitcoin],
  ['Bitcoin is a bar behind', bitcoin, sliceSeries(bitcoin, 0, BARS - 1)],
  ['Bitcoin has no candles', bitcoin, sliceSeries(bitcoin, 0, 0)],
  ['Bitcoin does not move', bitcoin, candlesOf(() => 1)],
])('cannot be told where %s', (_, symbol, market) => {
  expect(betaToBitcoin(symbol, market, LAST_MS)).toBeNull();
});

test('windows that slide give the same, in whatever order the bars are asked for', () => {
  const bars = 2_000;
  const seen = new Set<boolean>();
  const gaps = fc.array(fc.record({ at: fc.nat(bars), length: fc.integer({ min: 1, max: 60 }) }), {
    maxLength: 6,
  });
  const asked = fc.array(fc.integer({ min: 860, max: bars - 1 }), { minLength: 2, maxLength: 12 });
  fc.assert(
    fc.property(gaps, gaps, asked, (own, markets, order) => {
      const without = (some: typeof own) => (bar: number) =>
        !some.some(({ at, length }) => bar >= at && bar < at + length);
      const symbol = candlesOf((bar) => 3 * Math.exp(1.3 * walk(bar)), without(own), bars);
      const market = candlesOf((bar) => 50_000 * Math.exp(walk(bar)), without(markets), bars);
      const betas = slidingBetas();
      for (const bar of order) {
        const beta = betaToBitcoin(symbol, market, bar * BAR_MS);
        seen.add(beta === null);
        expect(betas(symbol, market, bar * BAR_MS)).toBe(beta);
      }
    }),
  );
  expect(seen.size).toBe(2);
});
