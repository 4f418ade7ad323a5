// What was counted of the bars of a window: each bar as often as its signals may still grow, and in bounded memory.
import { describe, expect, it } from 'vitest';
import type { Signal } from '../../lib/inference/signal.ts';
import { createBarTallies } from '../../lib/inference/use-cases/tally-bars.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { FIRST_BAR_MS, signalOf } from '../support/inference/sample-signals.ts';
import { votesOf } from '../support/trading/paper-day.ts';

const barAt = (index: number) => FIRST_BAR_MS + index * BAR_MS;

/** Bars by index and their signals; which were asked for, and how many at most at the same time. */
function tallied(signalsAt: (index: number) => readonly Signal[]) {
  const asked: number[] = [];
  const inFlight = { now: 0, most: 0 };
  const tallies = createBarTallies({
    async ofBar(barOpenTimeMs) {
      const index = (barOpenTimeMs - FIRST_BAR_MS) / BAR_MS;
      asked.push(index);
      inFlight.now++;
      inFlight.most = Math.max(inFlight.most, inFlight.now);
      await undefined;
      inFlight.now--;
      return signalsAt(index);
    },
  });
  const between = (from: number, to: number) => tallies.between({ fromMs: barAt(from), toMs: barAt(to) });
  /** Which bars are asked for by this. */
  const asks = async (from: number, to: number) => {
    asked.length = 0;
    await between(from, to);
    return [...asked];
  };
  return { between, asks, inFlight };
}

const one = (index: number) => [
  signalOf('AUSDT', barAt(index), { confidence: 0.75, votes: votesOf('BUY', 'BUY') }),
];

describe('the tally of a window', () => {
  it('is the sum over its bars, the last one left out', async () => {
    const { between, asks, inFlight } = tallied((index) => [
      ...one(index),
      signalOf('BUSDT', barAt(index), { action: 'SELL', confidence: 0.5, votes: votesOf('BUY', 'SELL') }),
      signalOf('CUSDT', barAt(index), { action: 'HOLD', confidence: 0.25, votes: [] }),
    ]);
    expect(await between(0, 40)).toEqual({
      ...{ signals: 120, compared: 80, agreed: 40, acted: 80, confidenceSum: 50 },
    });
    expect(await between(3, 3)).toEqual({ signals: 0, compared: 0, agreed: 0, acted: 0, confidenceSum: 0 });
    expect(await asks(50, 70)).toEqual(Array.from({ length: 20 }, (_, bar) => 50 + bar));
    expect(inFlight.most).toBe(16);
  });

  it('of bars without an acting or a compared signal is nothing but their number', async () => {
    const { between } = tallied((index) => [signalOf('CUSDT', barAt(index), { action: 'HOLD', votes: [] })]);
    expect(await between(0, 2)).toEqual({
      ...{ signals: 2, compared: 0, agreed: 0, acted: 0, confidenceSum: 0 },
    });
  });
});

describe('a bar', () => {
  it('is read again until it has signals and is older than the six newest', async () => {
    const { asks } = tallied((index) => (index === 1 ? [] : one(index)));
    expect(await asks(0, 10)).toHaveLength(10);
    expect(await asks(0, 10)).toEqual([1, 4, 5, 6, 7, 8, 9]);
    expect(await asks(0, 11)).toEqual([1, 4, 5, 6, 7, 8, 9, 10]);
    expect(await asks(0, 11)).toEqual([1, 5, 6, 7, 8, 9, 10]);
  });

  it('is kept among a thousand, and the oldest goes first', async () => {
    const { asks } = tallied(one);
    await asks(1, 1_007);
    expect(await asks(1, 1_007)).toEqual([1_001, 1_002, 1_003, 1_004, 1_005, 1_006]);
    expect(await asks(0, 1_007)).toEqual([0, 1_001, 1_002, 1_003, 1_004, 1_005, 1_006]);
    expect(await asks(1, 1_007)).toEqual([1, 1_001, 1_002, 1_003, 1_004, 1_005, 1_006]);
  });
});
