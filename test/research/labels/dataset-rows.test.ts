import { describe, expect, it } from 'vitest';
import { computeFeatures } from '../../../lib/features/compute-features.ts';
import { FEATURE_COUNT } from '../../../lib/features/feature-set.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { allocateSeries, type CandleSeries, sliceSeries } from '../../../lib/market/candle-series.ts';
import { checkBars, fillGaps } from '../../../lib/market/grid.ts';
import { barrierFraction } from '../../../lib/models/label-definition.ts';
import {
  buildDatasetRows,
  type DatasetRows,
  featureColumn,
} from '../../../lib/research/labels/dataset-rows.ts';
import { labelBars, labelDefinitions } from '../../../lib/research/labels/triple-barrier.ts';
import { randomWalk, WALK_START_MS } from '../../support/market/random-walk.ts';

const definitions = labelDefinitions({ feeBps: 5, slippageBps: 2 });
const everything = { fromMs: undefined, toMs: undefined };

function rowsOf(candles: CandleSeries, range: { fromMs?: number; toMs?: number } = {}): DatasetRows {
  const built = buildDatasetRows(candles, { range: { ...everything, ...range }, definitions });
  if (!built.ok) throw new Error(built.error);
  return built.value;
}
const barsOf = (rows: DatasetRows): number[] =>
  [...rows.openTimeMs].map((openTimeMs) => (openTimeMs - WALK_START_MS) / BAR_MS);
const openTimeOf = (bar: number): number => WALK_START_MS + bar * BAR_MS;
const totalDropped = (rows: DatasetRows): number =>
  Object.values(rows.dropped).reduce((sum, bars) => sum + bars, 0);

describe('rows of a dataset', () => {
  it('start with a whole window, and end where the longest horizon still has its path', () => {
    const rows = rowsOf(randomWalk({ seed: 1, bars: 1500 }));
    expect(barsOf(rows)).toEqual(Array.from({ length: 1500 - 879 - 36 }, (_, row) => 879 + row));
    expect(rows.dropped).toEqual({
      insufficient_history: 879,
      gap_too_long: 0,
      gap_recent: 0,
      illiquid: 0,
      gap_ahead: 0,
      no_future: 36,
    });
  });

  it('leave out every bar around a gap that serving would not decide on, or whose path nobody saw', () => {
    // Bars 1500…1519 are missing: they and the 11 after are gap_recent, the 36 before look into the gap.
    const rows = rowsOf(randomWalk({ seed: 2, bars: 3000, missing: (bar) => bar >= 1500 && bar < 1520 }));
    expect(rows.dropped).toMatchObject({ gap_recent: 31, gap_ahead: 36, no_future: 36, gap_too_long: 0 });
    const bars = barsOf(rows);
    expect(bars.filter((bar) => bar > 1400 && bar < 1600)).toEqual([
      ...Array.from({ length: 1464 - 1401 }, (_, index) => 1401 + index),
      ...Array.from({ length: 1600 - 1531 }, (_, index) => 1531 + index),
    ]);
  });

  it('agree with the judgement that serving makes, and account for every bar, whatever is missing', () => {
    for (const seed of [3, 4, 5]) {
      const missing = (bar: number) =>
        bar > 0 && bar < 4999 && ((bar * seed) % 700 < 7 * seed || (bar > 3000 && bar < 3100));
      const candles = randomWalk({ seed, bars: 5000, missing });
      const grid = fillGaps(candles);
      const verdicts = checkBars(grid);
      const rows = rowsOf(candles);
      expect(rows.openTimeMs.length + totalDropped(rows)).toBe(grid.length);
      expect(barsOf(rows).filter((bar) => verdicts[bar] !== undefined)).toEqual([]);
      const lookIntoGap = (bar: number) => grid.filled.subarray(bar + 1, bar + 37).includes(1);
      const expected = verdicts.flatMap((verdict, bar) =>
        verdict === undefined && bar + 36 < grid.length && !lookIntoGap(bar) ? [bar] : [],
      );
      expect(barsOf(rows)).toEqual(expected);
      expect(expected.length).toBeGreaterThan(0);
    }
  });

  it('drop a market that does not move', () => {
    const candles = randomWalk({ seed: 6, bars: 2000 });
    for (let bar = 1200; bar < 2000; bar++)
      for (const column of ['open', 'high', 'low', 'close'] as const) candles[column][bar] = 50;
    // Of the 288 bars up to bar t the ones before 1200 moved, 1487 − t of them: fewer than 72 from bar 1416 on.
    expect(rowsOf(candles).dropped.illiquid).toBe(2000 - 1416);
  });

  it('hold the features of their own bar, bit for bit', () => {
    const candles = randomWalk({ seed: 7, bars: 1600, missing: (bar) => bar === 1200 });
    const rows = rowsOf(candles);
    const grid = fillGaps(candles);
    for (const [row, bar] of barsOf(rows).entries()) {
      const expected = computeFeatures(grid, { from: bar, to: bar + 1 });
      const actual = rows.features.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT);
      expect(Buffer.from(actual.slice().buffer).equals(Buffer.from(expected.buffer))).toBe(true);
    }
  });

  it('carry per horizon the class, the return, the barrier that serving computes, and weights of mean 1', () => {
    const candles = randomWalk({ seed: 8, bars: 2000 });
    const rows = rowsOf(candles);
    const atrPct = featureColumn(rows.features, 'atr_14_pct');
    expect(rows.horizons.map(({ horizonBars }) => horizonBars)).toEqual([3, 6, 12, 36]);
    for (const [index, horizon] of rows.horizons.entries()) {
      expect(new Set(horizon.classes)).toEqual(new Set([0, 1, 2]));
      const mean = horizon.weights.reduce((sum, weight) => sum + weight, 0) / horizon.weights.length;
      expect(mean).toBeCloseTo(1, 5);
      for (const [row, bar] of barsOf(rows).entries()) {
        const fraction = barrierFraction(atrPct[row]!, definitions[index]!);
        expect(horizon.barrierBps[row]).toBe(Math.fround(fraction * 10_000));
        const forward = Math.log(candles.close[bar + horizon.horizonBars]! / candles.close[bar]!);
        expect(horizon.forwardReturns[row]).toBe(Math.fround(forward));
      }
    }
  });

  it('are weighted by how many rows look at the bars after them, up to the one that settled their label', () => {
    const candles = randomWalk({ seed: 11, bars: 1400 });
    const rows = rowsOf(candles);
    const bars = Int32Array.from(barsOf(rows));
    const atrPct = featureColumn(rows.features, 'atr_14_pct');
    for (const [index, definition] of definitions.entries()) {
      const { resolvedBars } = labelBars(candles, { bars, atrPct }, definition);
      const watchers = new Array<number>(candles.length).fill(0);
      const spans = [...bars].map((bar, row) =>
        Array.from({ length: resolvedBars[row]! - bar }, (_, step) => bar + 1 + step),
      );
      for (const span of spans) for (const bar of span) watchers[bar]!++;
      const own = spans.map((span) => span.reduce((sum, bar) => sum + 1 / watchers[bar]!, 0) / span.length);
      const mean = own.reduce((sum, share) => sum + share, 0) / own.length;
      for (const [row, share] of own.entries())
        expect(rows.horizons[index]!.weights[row]).toBeCloseTo(share / mean, 5);
    }
  });

  it('do not change class when all prices are multiplied by a constant', () => {
    const candles = randomWalk({ seed: 9, bars: 2000 });
    const scale = (column: Float64Array) => column.map((price) => price * 1024);
    const scaled = {
      ...candles,
      open: scale(candles.open),
      high: scale(candles.high),
      low: scale(candles.low),
      close: scale(candles.close),
    };
    expect(rowsOf(scaled).horizons).toEqual(rowsOf(candles).horizons);
  });
});

describe('the range of a dataset', () => {
  const candles = randomWalk({ seed: 10, bars: 2400, missing: (bar) => bar === 1900 });

  it('labels the bars from `from` on, with the same features and classes as without it', () => {
    const whole = rowsOf(candles);
    const part = rowsOf(candles, { fromMs: openTimeOf(1300) });
    const skipped = 1300 - 879;
    expect(part.openTimeMs).toEqual(whole.openTimeMs.subarray(skipped));
    expect(part.features).toEqual(whole.features.subarray(skipped * FEATURE_COUNT));
    expect(part.horizons[3]!.classes).toEqual(whole.horizons[3]!.classes.subarray(skipped));
    expect(part.openTimeMs.length + totalDropped(part)).toBe(2400 - 1300);
  });

  it('reads nothing from `to` on: whatever stands there, the rows are the same', () => {
    const range = { toMs: openTimeOf(2000) };
    const expected = rowsOf(candles, range);
    expect(expected.openTimeMs.at(-1)).toBe(openTimeOf(2000 - 37));
    expect(expected.dropped.no_future).toBe(36);

    const end = 2000 - 1; // one candle before it is missing
    const altered = { ...candles, high: candles.high.slice(), low: candles.low.slice() };
    for (let index = end; index < candles.length; index++) {
      altered.high[index] = candles.high[index]! * 3;
      altered.low[index] = candles.low[index]! / 3;
    }
    expect(rowsOf(altered, range)).toEqual(expected);
    expect(rowsOf(sliceSeries(candles, 0, end), range)).toEqual(expected);
    altered.high[end - 1] = candles.high[end - 1]! * 3;
    expect(rowsOf(altered, range)).not.toEqual(expected);
  });

  it('is empty, with no reason to count, outside the candles', () => {
    for (const range of [{ fromMs: openTimeOf(2400) }, { toMs: WALK_START_MS }]) {
      const rows = rowsOf(candles, range);
      expect(rows.openTimeMs).toHaveLength(0);
      expect(totalDropped(rows)).toBe(0);
    }
    expect(rowsOf(allocateSeries(0)).features).toHaveLength(0);
  });

  it('refuses candles that span more bars than a grid may have', () => {
    const strayed = { ...candles, openTimeMs: candles.openTimeMs.slice() };
    strayed.openTimeMs[strayed.length - 1] = openTimeOf(50_000_000);
    const built = buildDatasetRows(strayed, { range: everything, definitions });
    expect(built).toMatchObject({ ok: false, error: expect.stringContaining('check their dates') });
  });
});
