import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { allocateSeries, type CandleSeries } from '../../../lib/market/candle-series.ts';
import { barrierFraction } from '../../../lib/models/label-definition.ts';
import type { LabelDefinition } from '../../../lib/models/manifest.ts';
import { labelBars, labelDefinitions } from '../../../lib/research/labels/triple-barrier.ts';

// The barrier is 1/32 of the close, which binary floating point holds exactly: at close 64 the barriers stand at 66 and 62.
const definition: LabelDefinition = {
  kind: 'triple_barrier',
  horizonBars: 3,
  atrMultiple: 2,
  minBarrierBps: 0,
};
const ATR_PCT = 1 / 64;

/** A decision bar closing at 64, then one bar per [low, high], closing at the given price or at 64. */
function marketAfter(path: readonly (readonly [low: number, high: number, close?: number])[]): CandleSeries {
  const grid = allocateSeries(path.length + 1);
  for (const [bar, [low, high, close = 64]] of [[64, 64] as const, ...path].entries()) {
    grid.openTimeMs[bar] = bar * BAR_MS;
    grid.open[bar] = Math.min(Math.max(64, low), high);
    grid.low[bar] = low;
    grid.high[bar] = high;
    grid.close[bar] = close;
  }
  return grid;
}

const labelOf = (path: Parameters<typeof marketAfter>[0]) => {
  const rows = { bars: Int32Array.of(0), atrPct: Float32Array.of(ATR_PCT) };
  const labels = labelBars(marketAfter(path), rows, definition);
  return { class: labels.classes[0], resolvedBar: labels.resolvedBars[0] };
};
const [SELL, HOLD, BUY] = [0, 1, 2];
const quiet = [63.5, 64.5] as const;

describe('triple barrier', () => {
  it('is buy at the bar whose high passes the upper barrier first', () => {
    expect(labelOf([quiet, [63, 67], quiet])).toEqual({ class: BUY, resolvedBar: 2 });
  });

  it('is sell at the bar whose low passes the lower barrier first', () => {
    expect(labelOf([[61, 65], quiet, quiet])).toEqual({ class: SELL, resolvedBar: 1 });
  });

  it('keeps the first touch when the other barrier is touched later', () => {
    expect(labelOf([[61, 64], [64, 70], quiet])).toEqual({ class: SELL, resolvedBar: 1 });
    expect(labelOf([[64, 66], [50, 64], quiet])).toEqual({ class: BUY, resolvedBar: 1 });
  });

  it('is hold until the last bar of the horizon when neither barrier is touched', () => {
    expect(labelOf([quiet, quiet, quiet])).toEqual({ class: HOLD, resolvedBar: 3 });
  });

  it('is hold, and settled, at a bar that touches both: nobody knows which came first', () => {
    expect(labelOf([quiet, [61, 67], [64, 70]])).toEqual({ class: HOLD, resolvedBar: 2 });
  });

  it('takes reaching a barrier exactly for touching it, and the number next to it not', () => {
    expect(labelOf([[63, 66], quiet, quiet])).toEqual({ class: BUY, resolvedBar: 1 });
    expect(labelOf([[62, 65], quiet, quiet])).toEqual({ class: SELL, resolvedBar: 1 });
    expect(labelOf([[62 + 2 ** -47, 66 - 2 ** -46], quiet, quiet])).toEqual({ class: HOLD, resolvedBar: 3 });
  });

  it('looks neither at the decision bar itself nor beyond the horizon', () => {
    expect(labelOf([quiet, quiet, quiet, [10, 500]])).toEqual({ class: HOLD, resolvedBar: 3 });
    const grid = marketAfter([quiet, quiet, quiet]);
    grid.high[0] = 500;
    grid.low[0] = 10;
    const labels = labelBars(grid, { bars: Int32Array.of(0), atrPct: Float32Array.of(ATR_PCT) }, definition);
    expect(labels.classes[0]).toBe(HOLD);
  });

  it('gives the forward return from close to the last close of the horizon', () => {
    const grid = marketAfter([quiet, quiet, [63, 65, 64.5]]);
    const labels = labelBars(grid, { bars: Int32Array.of(0), atrPct: Float32Array.of(ATR_PCT) }, definition);
    expect(labels.forwardReturns[0]).toBeCloseTo(Math.log(64.5 / 64), 15);
  });

  it('refuses a bar whose path runs over the end of the data', () => {
    const rows = { bars: Int32Array.of(1), atrPct: Float32Array.of(ATR_PCT) };
    expect(() => labelBars(marketAfter([quiet, quiet, quiet]), rows, definition)).toThrow('over the end');
  });

  it('does not change when all prices are multiplied by a constant', () => {
    const bar = fc.tuple(fc.integer({ min: 50, max: 64 }), fc.integer({ min: 64, max: 80 }));
    const paths = fc.array(bar, { minLength: 3, maxLength: 3 });
    // Powers of two scale a binary number without rounding, so prices exactly on a barrier stay on it.
    fc.assert(
      fc.property(paths, fc.integer({ min: -20, max: 20 }), (path, exponent) => {
        const grid = marketAfter(path);
        const scale = (column: Float64Array) => column.map((price) => price * 2 ** exponent);
        const scaled = {
          ...grid,
          open: scale(grid.open),
          high: scale(grid.high),
          low: scale(grid.low),
          close: scale(grid.close),
        };
        const rows = { bars: Int32Array.of(0), atrPct: Float32Array.of(ATR_PCT) };
        expect(labelBars(scaled, rows, definition)).toEqual(labelBars(grid, rows, definition));
      }),
    );
  });

  it('swaps buy and sell when the market is mirrored', () => {
    const move = fc.integer({ min: 0, max: 5 });
    const paths = fc.array(fc.tuple(move, move), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(paths, (moves) => {
        const label = labelOf(moves.map(([down, up]) => [64 - down, 64 + up] as const));
        const mirrored = labelOf(moves.map(([down, up]) => [64 - up, 64 + down] as const));
        expect(mirrored).toEqual({ class: 2 - label.class!, resolvedBar: label.resolvedBar });
      }),
    );
  });
});

describe('label definitions', () => {
  it('set barriers of 0.6·√horizon ATRs, never nearer than one and a half round trips', () => {
    expect(labelDefinitions({ feeBps: 5, slippageBps: 2 })).toEqual([
      { kind: 'triple_barrier', horizonBars: 3, atrMultiple: 1.04, minBarrierBps: 21 },
      { kind: 'triple_barrier', horizonBars: 6, atrMultiple: 1.47, minBarrierBps: 21 },
      { kind: 'triple_barrier', horizonBars: 12, atrMultiple: 2.08, minBarrierBps: 21 },
      { kind: 'triple_barrier', horizonBars: 36, atrMultiple: 3.6, minBarrierBps: 21 },
    ]);
  });

  it('put the barrier at the ATR multiple, or at the least distance where the market is quieter', () => {
    const bounded = { ...definition, minBarrierBps: 21 };
    expect(barrierFraction(0.01, bounded)).toBe(0.02);
    expect(barrierFraction(0.001, bounded)).toBe(0.0021);
    expect(barrierFraction(0, bounded)).toBe(0.0021);
  });
});
