// Series that threads share: the same candles, and one memory for the times of all that have no gap.
import { expect, it } from 'vitest';
import { BAR_MS } from '../../lib/market/candle.ts';
import { allocateSeries, type CandleSeries, shareSeries } from '../../lib/market/candle-series.ts';

function seriesAt(bars: readonly number[]): CandleSeries {
  const series = allocateSeries(bars.length);
  bars.forEach((bar, index) => {
    series.openTimeMs[index] = bar * BAR_MS;
    series.close[index] = bar / 3;
  });
  return series;
}

it.each([
  ['no candle', []],
  ['one candle', [500]],
  ['candles without a gap', [500, 501, 502, 503]],
  ['earlier ones', [490, 491, 492]],
  ['later ones', [520, 521]],
  ['candles with a gap', [500, 502, 503]],
])('are the same for %s', (_, bars) => {
  const series = seriesAt(bars);
  const shared = shareSeries(series);
  expect(shared).toEqual(series);
  for (const column of [shared.openTimeMs, shared.volume])
    expect(column.buffer).toBeInstanceOf(SharedArrayBuffer);
});

it('have their times in common, but never with one that has a gap', () => {
  const whole = shareSeries(seriesAt([600, 601, 602, 603]));
  const part = shareSeries(seriesAt([601, 602]));
  const gapped = shareSeries(seriesAt([600, 601, 603]));
  expect(part.openTimeMs.buffer).toBe(whole.openTimeMs.buffer);
  expect(gapped.openTimeMs.buffer).not.toBe(whole.openTimeMs.buffer);
  expect(part.close.buffer).not.toBe(whole.close.buffer);
});
