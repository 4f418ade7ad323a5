// The path of a signal, on candles small enough to follow by hand.
import { expect, test } from 'vitest';
import { seriesFromCandles } from '../../../lib/market/candle-series.ts';
import { type FollowedSignal, followSignal } from '../../../lib/research/exits/follow-signal.ts';

type Bar = readonly [open: number, high: number, low: number, close: number];

function follow(bars: readonly Bar[], signal: Partial<FollowedSignal> = {}) {
  const series = seriesFromCandles(
    bars.map(([open, high, low, close], index) => ({
      openTimeMs: index * 300_000,
      open,
      high,
      low,
      close,
      volume: 1,
    })),
  );
  if (!series.ok) throw new Error(series.error.problem);
  // Barriers at 98 and 102, stop at 99.
  const usual = { bar: 0, side: 'BUY', barrierFraction: 0.02, stopPrice: 99, horizonBars: 2 } as const;
  return followSignal(series.value, { ...usual, ...signal });
}

const SIGNAL_BAR: Bar = [100, 100, 100, 100];

test('enters at the open of the next bar and leaves at the target', () => {
  expect(follow([SIGNAL_BAR, [100.5, 101, 100, 101], [101, 103, 101, 103]])).toEqual({
    entryPrice: 100.5,
    exitPrice: 102,
    exitBar: 2,
    exit: 'target',
  });
});

test('leaves at the close of the horizon where no level is reached', () => {
  expect(follow([SIGNAL_BAR, [100, 101, 99.5, 100], [100, 101, 99.5, 100.7]])).toMatchObject({
    exitPrice: 100.7,
    exitBar: 2,
    exit: 'horizon',
  });
});

test('counts the loss in a bar that reaches both levels', () => {
  expect(follow([SIGNAL_BAR, [100, 105, 95, 104], [104, 104, 104, 104]])).toMatchObject({
    exitPrice: 99,
    exitBar: 1,
    exit: 'stop',
  });
});

test('fills a stop that the market jumped over at the open, not at the stop', () => {
  const bars: Bar[] = [SIGNAL_BAR, [100, 100, 100, 100], [97, 98, 96, 97]];
  expect(follow(bars)).toMatchObject({ exitPrice: 97, exit: 'stop' });
});

test('never fills a target better than its level', () => {
  const bars: Bar[] = [SIGNAL_BAR, [100, 100, 100, 100], [104, 105, 103, 104]];
  expect(follow(bars)).toMatchObject({ exitPrice: 102, exit: 'target' });
});

test("ends a loss at the label's barrier where the stop is farther", () => {
  const bars: Bar[] = [SIGNAL_BAR, [100, 100, 97.5, 98], [98, 98, 98, 98]];
  expect(follow(bars, { stopPrice: 90 })).toMatchObject({ exitPrice: 98, exit: 'stop' });
});

test('mirrors a sell', () => {
  const sell = { side: 'SELL', stopPrice: 101 } as const;
  expect(follow([SIGNAL_BAR, [100, 100, 97, 97], [97, 97, 97, 97]], sell)).toMatchObject({
    exitPrice: 98,
    exit: 'target',
  });
  expect(follow([SIGNAL_BAR, [100, 105, 95, 104], [104, 104, 104, 104]], sell)).toMatchObject({
    exitPrice: 101,
    exit: 'stop',
  });
});

test('refuses a path that the data does not hold', () => {
  expect(() => follow([SIGNAL_BAR, SIGNAL_BAR])).toThrow(/over the end/);
});
