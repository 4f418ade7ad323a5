import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computeFeatures, featuresOfBars } from '../../lib/features/compute-features.ts';
import { columnOf, FEATURE_COUNT, FEATURE_NAMES, FEATURES } from '../../lib/features/feature-set.ts';
import { type CandleSeries, sliceSeries } from '../../lib/market/candle-series.ts';
import { generateBars, type MarketOptions } from '../support/features/generated-bars.ts';

const FIRST_ROW = 879;
const WINDOW = 998;

const share = fc.double({ min: 0, max: 1, noNaN: true });
/** From 1e-8 to 1e6, from lively to dead, anywhere in time. */
const market = (bars: number): fc.Arbitrary<MarketOptions> =>
  fc.record({
    seed: fc.integer(),
    bars: fc.constant(bars),
    startPrice: fc.integer({ min: -8, max: 6 }).map((exponent) => 10 ** exponent),
    tick: fc.constantFrom(1e-7, 1e-4, 1e-2, 0.2),
    move: fc.constantFrom(0, 1e-4, 5e-3, 0.1, 0.9),
    still: share,
    silent: share,
    firstIndex: fc.nat(6_000_000),
  });
const bitsOf = (rows: Float32Array): Uint32Array => new Uint32Array(rows.buffer);

/** The series with `change` applied to the bars `from`…`to` − 1. */
function changed(
  series: CandleSeries,
  { from, to }: { from: number; to: number },
  change: (value: number, column: 'price' | 'volume', bar: number) => number,
): CandleSeries {
  const map = (values: Float64Array, column: 'price' | 'volume') =>
    values.map((value, bar) => (bar >= from && bar < to ? change(value, column, bar) : value));
  return {
    ...series,
    open: map(series.open, 'price'),
    high: map(series.high, 'price'),
    low: map(series.low, 'price'),
    close: map(series.close, 'price'),
    volume: map(series.volume, 'volume'),
  };
}

describe('features', () => {
  it('have the same bits from 998 bars as from the whole history, in any market', () => {
    fc.assert(
      fc.property(market(2400), fc.nat(2400 - WINDOW), (options, start) => {
        const history = generateBars(options);
        const served = computeFeatures(sliceSeries(history, start, start + WINDOW));
        const batch = computeFeatures(history).slice(start * FEATURE_COUNT);
        expect(bitsOf(served)).toEqual(bitsOf(batch.slice(0, served.length)));
      }),
      { numRuns: 150 },
    );
  });

  it('have the same bits whichever rows are asked for together', () => {
    fc.assert(
      fc.property(market(1200), fc.nat(320), fc.nat(320), (options, first, second) => {
        const history = generateBars(options);
        const from = FIRST_ROW + Math.min(first, second);
        const to = FIRST_ROW + Math.max(first, second) + 1;
        const some = computeFeatures(history, { from, to });
        const all = computeFeatures(history).slice((from - FIRST_ROW) * FEATURE_COUNT);
        expect(bitsOf(some)).toEqual(bitsOf(all.slice(0, some.length)));
      }),
      { numRuns: 60 },
    );
  });

  it('have the same bits for bars here and there, over parts computed one after another', () => {
    const bars = FIRST_ROW + 5_000;
    const some = fc.uniqueArray(fc.integer({ min: FIRST_ROW, max: bars - 1 }), { maxLength: 300 });
    fc.assert(
      fc.property(market(bars), some, (options, drawn) => {
        const history = generateBars(options);
        const asked = drawn.toSorted((a, b) => a - b);
        const all = computeFeatures(history);
        const rows = asked.map((bar) =>
          bitsOf(all.slice((bar - FIRST_ROW) * FEATURE_COUNT, (bar - FIRST_ROW + 1) * FEATURE_COUNT)),
        );
        expect([...bitsOf(featuresOfBars(history, asked))]).toEqual(rows.flatMap((row) => [...row]));
      }),
      { numRuns: 30 },
    );
  });

  it('do not look ahead', () => {
    fc.assert(
      fc.property(market(1100), fc.integer({ min: FIRST_ROW, max: 1098 }), (options, last) => {
        const history = generateBars(options);
        const otherFuture = changed(history, { from: last + 1, to: 1100 }, (value) => value * 3 + 1);
        const rows = (last + 1 - FIRST_ROW) * FEATURE_COUNT;
        const known = computeFeatures(sliceSeries(history, 0, last + 1));
        expect(known).toHaveLength(rows);
        expect(bitsOf(computeFeatures(otherFuture).slice(0, rows))).toEqual(bitsOf(known));
      }),
      { numRuns: 60 },
    );
  });

  it('forget what is older than they say, each of them', () => {
    const windows = [...new Set(FEATURES.map((feature) => feature.warmUpBars))];
    fc.assert(
      fc.property(market(1300), fc.integer({ min: FIRST_ROW, max: 1299 }), (options, bar) => {
        const history = generateBars(options);
        const row = bitsOf(computeFeatures(history, { from: bar, to: bar + 1 }));
        for (const window of windows) {
          const otherPast = changed(history, { from: 0, to: bar - window + 1 }, (value, column, past) =>
            column === 'price' ? value * (1.5 + (past % 7)) : value + 5e9,
          );
          const otherRow = bitsOf(computeFeatures(otherPast, { from: bar, to: bar + 1 }));
          for (const { name, warmUpBars } of FEATURES) {
            if (warmUpBars <= window) expect(otherRow[columnOf(name)], name).toBe(row[columnOf(name)]);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('are the same in any unit of price and of volume', () => {
    // Powers of two scale without rounding, so that even the flags must stay.
    fc.assert(
      fc.property(
        market(960),
        fc.integer({ min: -20, max: 20 }),
        fc.integer({ min: -20, max: 20 }),
        (options, priceExponent, volumeExponent) => {
          const history = generateBars(options);
          const scaled = changed(history, { from: 0, to: 960 }, (value, column) =>
            column === 'price' ? value * 2 ** priceExponent : value * 2 ** volumeExponent,
          );
          expect(bitsOf(computeFeatures(scaled))).toEqual(bitsOf(computeFeatures(history)));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are finite, and within their bounds where they have some', () => {
    const bounds: Record<string, readonly [number, number]> = {
      rsi_14: [0, 100],
      stoch_k: [0, 100],
      stoch_d: [0, 100],
      adx_14: [0, 100],
      plus_di_14: [0, 100],
      minus_di_14: [0, 100],
      obv_20: [-1, 1],
      obv_96: [-1, 1],
      is_doji: [0, 1],
      is_hammer: [-1, 1],
      is_engulfing: [-1, 1],
      corwin_schultz_20: [0, 2],
      close_location: [0, 1],
      volume_ratio_20: [0, 20],
      volume_trend: [0, 10],
      atr_14_pct: [0, Number.POSITIVE_INFINITY],
    };
    fc.assert(
      fc.property(market(1100), (options) => {
        const rows = computeFeatures(generateBars(options));
        for (let i = 0; i < rows.length; i++) {
          const name = FEATURE_NAMES[i % FEATURE_COUNT]!;
          const [low, high] = bounds[name] ?? [-3.4e38, 3.4e38];
          if (!(rows[i]! >= low * 1.000001 && rows[i]! <= high * 1.000001)) {
            throw new Error(`${name} is ${rows[i]}`);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});
