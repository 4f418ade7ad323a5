// Windows that are kept and continued, against an exchange that is late, changes candles, shortens and loses answers: whatever it does
// within the hour that is compared, what is served has the bits of a whole reading at the same moment.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failure } from '../../lib/core/result.ts';
import { BAR_MS, type Candle } from '../../lib/market/candle.ts';
import { type CandleSeries, seriesFromCandles } from '../../lib/market/candle-series.ts';
import { REQUEST_BARS } from '../../lib/market/grid.ts';
import type { CandleRequest, MarketData } from '../../lib/market/ports.ts';
import {
  createCandleWindows,
  OVERLAP_BARS,
  PROOF_PERIOD_BARS,
} from '../../lib/market/use-cases/candle-windows.ts';

const FIRST_BAR = 5_000_000;
const HISTORY_BARS = REQUEST_BARS + 50;

/** What happens to one bar: never traded, shown so many bars late, changed so many bars after its close. */
interface BarFate {
  readonly isMissing?: boolean | undefined;
  readonly lateBars?: number | undefined;
  readonly revisedAfterBars?: number | undefined;
}
type AnswerFault = 'lost' | 'duplicate' | 'oldest-cut' | 'newest-cut' | 'hole';

/** An exchange of one symbol. Bars are counted from its first one. */
class CandleWorld {
  nowBar = HISTORY_BARS;
  fault: AnswerFault | undefined;
  requests: number[] = [];
  readonly fates = new Map<number, BarFate>();

  candleOf(bar: number): Candle {
    const { revisedAfterBars } = this.fates.get(bar) ?? {};
    const isRevised = revisedAfterBars !== undefined && this.nowBar >= bar + revisedAfterBars;
    const price = 100 + (bar % 97) / 10;
    return {
      ...{ openTimeMs: (FIRST_BAR + bar) * BAR_MS, open: price, high: price + 1, low: price - 1 },
      ...{ close: price + 0.1, volume: isRevised ? 7.5 : 7 },
    };
  }

  shown(count: number, lastBar: number): Candle[] {
    const candles: Candle[] = [];
    for (let bar = lastBar; bar >= 0 && candles.length < count; bar--) {
      const { isMissing = false, lateBars = 0 } = this.fates.get(bar) ?? {};
      if (!isMissing && this.nowBar >= bar + lateBars) candles.unshift(this.candleOf(bar));
    }
    return candles;
  }

  readonly market: Pick<MarketData, 'closedCandles'> = {
    closedCandles: async ({ count, lastOpenTimeMs }: CandleRequest) => {
      this.requests.push(count);
      const candles = this.shown(count, lastOpenTimeMs / BAR_MS - FIRST_BAR);
      const { fault } = this;
      this.fault = undefined;
      if (fault === 'lost') return failure({ code: 'timeout', message: 'no answer', retryable: true });
      if (fault === 'duplicate') candles.push(candles.at(-1)!);
      if (fault === 'oldest-cut') candles.splice(0, candles.length >> 1);
      if (fault === 'newest-cut') candles.pop();
      if (fault === 'hole') candles.splice(candles.length >> 1, 1);
      const series = seriesFromCandles(candles);
      if (series.ok) return series;
      return failure({ code: 'invalid_candle', message: series.error.problem, retryable: true });
    },
  };

  /** A whole answer at this moment, without a fault. */
  whole(): CandleSeries {
    const series = seriesFromCandles(this.shown(REQUEST_BARS, this.nowBar));
    if (!series.ok) throw new Error(series.error.problem);
    return series.value;
  }
}

const within = fc.integer({ min: 0, max: OVERLAP_BARS });
const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
const stepOf = fc.record({
  isMissing: seldom(fc.constant(true)),
  lateBars: seldom(within),
  revisedAfterBars: seldom(within),
  fault: seldom(fc.constantFrom<AnswerFault>('lost', 'duplicate', 'oldest-cut', 'newest-cut', 'hole')),
  /** Bars for which the function did not run. */
  skipped: seldom(fc.integer({ min: 1, max: 120 })),
});

const bitsOf = (series: CandleSeries): Buffer =>
  Buffer.concat(
    [series.openTimeMs, series.open, series.high, series.low, series.close, series.volume].map((column) =>
      Buffer.from(new Float64Array(column).buffer),
    ),
  );

const reader = (world: CandleWorld) => {
  const windows = createCandleWindows(world.market);
  return async () => {
    world.requests = [];
    return windows.read({ symbol: 'BTCUSDT', lastOpenTimeMs: (FIRST_BAR + world.nowBar) * BAR_MS });
  };
};
async function readings(world: CandleWorld, bars: number) {
  const read = reader(world);
  const all = [];
  for (let bar = 0; bar < bars; bar++) {
    const reading = await read();
    if (!reading.ok) throw new Error(reading.error.message);
    all.push({ ...reading.value, requests: world.requests });
    world.nowBar++;
  }
  return all;
}

describe('candle windows', () => {
  it('serve the bits of a whole reading, whatever is late, revised, lost, doubled or shortened', async () => {
    let continued = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(stepOf, { minLength: 20, maxLength: 60 }), async (steps) => {
        const world = new CandleWorld();
        const read = reader(world);
        for (const { fault, skipped = 0, ...fate } of steps) {
          world.nowBar += 1 + skipped;
          world.fates.set(world.nowBar, fate);
          world.fault = fault;
          const reading = await read();
          if (!reading.ok || reading.value.source === 'whole') continue;
          continued++;
          expect(bitsOf(reading.value.series).equals(bitsOf(world.whole()))).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
    expect(continued).toBeGreaterThan(100);
  });

  it('ask for the newest candles only, and for all of them in turn', async () => {
    const all = await readings(new CandleWorld(), PROOF_PERIOD_BARS + 1);
    expect(all[0]).toMatchObject({ source: 'whole', isProven: undefined, requests: [REQUEST_BARS] });
    const proofs = all.slice(1).filter(({ source }) => source === 'whole');
    expect(proofs).toMatchObject([{ isProven: true, isRevised: false, requests: [REQUEST_BARS] }]);
    const newest = all.filter(({ source }) => source === 'newest');
    expect(newest).toHaveLength(PROOF_PERIOD_BARS - 1);
    expect(new Set(newest.flatMap(({ requests }) => requests))).toEqual(new Set([OVERLAP_BARS + 1]));
  });

  it.each([
    ['a candle that changed', { revisedAfterBars: 3 }, true],
    ['a candle that came late', { lateBars: 3 }, true],
  ])('%s is read whole, told, and served', async (_, fate, isRevised) => {
    const world = new CandleWorld();
    world.fates.set(HISTORY_BARS + 2, fate);
    const all = await readings(world, 20);
    const told = all.flatMap((reading, bar) => (reading.isRevised ? [bar] : []));
    expect(told).toEqual(isRevised ? [5] : []);
    expect(all[5]!.series.openTimeMs.at(-4)).toBe((FIRST_BAR + HISTORY_BARS + 2) * BAR_MS);
    expect(all.at(-1)!.source).toBe('newest');
  });

  it.each([
    ['shortened', 'oldest-cut'],
    ['without its newest candle', 'newest-cut'],
    ['with a hole', 'hole'],
  ] as const)('an answer %s is followed by a whole one', async (_, fault) => {
    const world = new CandleWorld();
    const read = reader(world);
    await read();
    world.nowBar++;
    world.fault = fault;
    expect(await read()).toMatchObject({ ok: true, value: { source: 'whole' } });
    expect(world.requests).toEqual([OVERLAP_BARS + 1, REQUEST_BARS]);
  });

  it('a bar that is missing after what was kept is followed by a whole reading', async () => {
    const world = new CandleWorld();
    world.fates.set(HISTORY_BARS + 1, { isMissing: true });
    const read = reader(world);
    await read();
    world.nowBar += 2;
    await read();
    expect(world.requests).toEqual([OVERLAP_BARS + 2, REQUEST_BARS]);
  });

  it('a change of older candles is not seen at once, and found by the whole reading', async () => {
    const world = new CandleWorld();
    world.fates.set(HISTORY_BARS - 100, { revisedAfterBars: 102 });
    const all = await readings(world, PROOF_PERIOD_BARS + 2);
    expect(all.filter(({ isProven }) => isProven === false)).toHaveLength(1);
    expect(all.at(-1)!.series).toEqual(
      (await readings(Object.assign(world, { nowBar: world.nowBar - 1 }), 1))[0]!.series,
    );
  });

  it('a hole is believed when it was there twice, once it is older than an hour', async () => {
    const world = new CandleWorld();
    world.fates.set(HISTORY_BARS - 20, { isMissing: true });
    expect((await readings(world, 4)).map(({ source }) => source)).toEqual([
      ...['whole', 'whole', 'newest', 'newest'],
    ]);
    world.fates.set(world.nowBar, { isMissing: true });
    world.nowBar++;
    const sources = (await readings(world, OVERLAP_BARS + 2)).map(({ source }) => source);
    expect(sources.at(-1)).toBe('newest');
    expect(sources.slice(0, OVERLAP_BARS)).toEqual(Array(OVERLAP_BARS).fill('whole'));
  });

  it('a symbol that is younger than the window is read whole every time', async () => {
    const world = new CandleWorld();
    for (let bar = 0; bar < 60; bar++) world.fates.set(bar, { isMissing: true });
    expect((await readings(world, 3)).map(({ source }) => source)).toEqual(['whole', 'whole', 'whole']);
  });

  it('an older bar, or one too far away, is read whole, and an answer that fails costs nothing that was kept', async () => {
    const world = new CandleWorld();
    const read = reader(world);
    const sourceAt = async (bar: number) => {
      world.nowBar = bar;
      const reading = await read();
      return reading.ok ? reading.value.source : reading.error.code;
    };
    expect(await sourceAt(HISTORY_BARS)).toBe('whole');
    expect(await sourceAt(HISTORY_BARS + 1)).toBe('newest');
    expect(await sourceAt(HISTORY_BARS + 1)).toBe('newest');
    expect(await sourceAt(HISTORY_BARS)).toBe('whole');
    world.fault = 'lost';
    expect(await sourceAt(HISTORY_BARS + 2)).toBe('timeout');
    expect(await sourceAt(HISTORY_BARS + 4)).toBe('newest');
    expect(await sourceAt(HISTORY_BARS + 90)).toBe('whole');
  });
});
