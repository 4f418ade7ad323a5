// What an exchange has to say before its bars are taken for absent: an answer that was cut short is no proof.
import { describe, expect, it } from 'vitest';
import { success } from '../../lib/core/result.ts';
import { HOUR_MS } from '../../lib/core/units.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { seriesFromCandles } from '../../lib/market/candle-series.ts';
import type { CandleRequest } from '../../lib/market/ports.ts';
import { fetchCandles } from '../../lib/market/use-cases/fetch-candles.ts';

const FROM_MS = Date.UTC(2024, 6, 1);
const BARS = 50;
const BRACKET_MS = FROM_MS + BARS * BAR_MS;
const candle = { open: 1, high: 1, low: 1, close: 1, volume: 1 };

/** An exchange with a bar every 5 minutes since `firstMs`, whose answers `shorten` cuts to their newest bars. */
function askFor(firstMs: number, shorten: (count: number) => number) {
  const closedCandles = async ({ count, lastOpenTimeMs }: CandleRequest) => {
    const there = Math.max(0, (lastOpenTimeMs - firstMs) / BAR_MS + 1);
    const given = Math.min(there, shorten(count));
    const series = seriesFromCandles(
      Array.from({ length: given }, (_, index) => ({
        openTimeMs: lastOpenTimeMs - (given - 1 - index) * BAR_MS,
        ...candle,
      })),
    );
    if (!series.ok) throw new Error(series.error.problem);
    return success(series.value);
  };
  return fetchCandles(
    { market: { closedCandles }, archive: { candles: async () => success(undefined) } },
    {
      symbol: 'AUSDT',
      month: '2024-07',
      missing: [{ fromMs: FROM_MS, toMs: BRACKET_MS }],
      known: [BRACKET_MS],
      nowMs: Date.UTC(2024, 6, 20),
    },
  );
}

describe('bars before the first one that an exchange gives', () => {
  it('are absent when it gives none before it either', async () => {
    const { candles, absent, problem } = await askFor(BRACKET_MS, (count) => count);
    expect({ bars: candles.size, absent, problem }).toEqual({
      bars: 0,
      absent: [{ fromMs: FROM_MS, toMs: BRACKET_MS }],
      problem: undefined,
    });
  });

  it('are not when its answers are cut to one bar', async () => {
    const { absent, problem } = await askFor(FROM_MS - BARS * BAR_MS, () => 1);
    expect(absent).toEqual([]);
    expect(problem).toMatchObject({ code: 'invalid_response', retryable: true });
  });

  it('come piece by piece when its answers are cut to two', async () => {
    const { candles, absent, problem } = await askFor(FROM_MS - BARS * BAR_MS, (count) => Math.min(2, count));
    expect({ bars: candles.size, absent, problem }).toEqual({ bars: BARS, absent: [], problem: undefined });
  });
});

describe('a hole in an answer', () => {
  const HOLE_MS = FROM_MS + 20 * BAR_MS;
  const market = {
    closedCandles: async ({ count, lastOpenTimeMs }: CandleRequest) => {
      const times = Array.from(
        { length: count },
        (_, index) => lastOpenTimeMs - (count - 1 - index) * BAR_MS,
      );
      const series = seriesFromCandles(
        times.filter((ms) => ms !== HOLE_MS).map((openTimeMs) => ({ openTimeMs, ...candle })),
      );
      if (!series.ok) throw new Error(series.error.problem);
      return success(series.value);
    },
  };
  const absentAt = async (nowMs: number) =>
    (
      await fetchCandles(
        { market, archive: { candles: async () => success(undefined) } },
        {
          symbol: 'AUSDT',
          month: '2024-07',
          missing: [{ fromMs: FROM_MS, toMs: BRACKET_MS }],
          known: [BRACKET_MS],
          nowMs,
        },
      )
    ).absent;

  it('may still be filled for an hour, and is absent from then on', async () => {
    const hole = { fromMs: HOLE_MS, toMs: HOLE_MS + BAR_MS };
    expect(await absentAt(hole.toMs + HOUR_MS - 1)).toEqual([]);
    expect(await absentAt(hole.toMs + HOUR_MS)).toEqual([hole]);
  });
});
