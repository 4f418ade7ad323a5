import { describe, expect, it } from 'vitest';
import { BAR_MS, type Candle } from '../../lib/market/candle.ts';
import { CandleRevisions } from '../../lib/market/candle-revisions.ts';
import { seriesFromCandles } from '../../lib/market/candle-series.ts';

const candle = (bar: number, change: Partial<Candle> = {}): Candle => ({
  openTimeMs: bar * BAR_MS,
  open: 100,
  high: 101,
  low: 99,
  close: 100,
  volume: 5,
  ...change,
});

function series(...candles: readonly Candle[]) {
  const read = seriesFromCandles([...candles]);
  if (!read.ok) throw new Error(read.error.problem);
  return read.value;
}

describe('candles that change after their close', () => {
  it.each([{ volume: 5.1 }, { close: 100.5 }, { low: 98 }])('%j is a revision', (change) => {
    const revisions = new CandleRevisions();
    expect(revisions.isRevised('A', series(candle(1), candle(2)))).toBe(false);
    expect(revisions.isRevised('A', series(candle(2, change), candle(3)))).toBe(true);
    expect(revisions.isRevised('A', series(candle(2, change), candle(3), candle(4)))).toBe(false);
  });

  it('only the newest of the read before counts, of the same symbol, and while it is there', () => {
    const revisions = new CandleRevisions();
    revisions.isRevised('A', series(candle(1), candle(2)));
    expect(revisions.isRevised('B', series(candle(2, { volume: 9 })))).toBe(false);
    expect(revisions.isRevised('A', series(candle(1, { volume: 9 }), candle(2), candle(3)))).toBe(false);
    expect(revisions.isRevised('A', series(candle(4)))).toBe(false);
    expect(revisions.isRevised('A', series())).toBe(false);
    expect(revisions.isRevised('A', series(candle(4, { volume: 9 })))).toBe(true);
  });
});
