// GO/NO-GO replayed over days made by hand: each verdict from its own day alone, each next day from the equity of that day alone.
import { describe, expect, test } from 'vitest';
import { DAY_MS, HOUR_MS } from '../../../lib/core/units.ts';
import { SignalTally } from '../../../lib/inference/signal-tally.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import type { Action } from '../../../lib/models/vote.ts';
import {
  type ReplayedPast,
  type ReplayedTrade,
  replayDays,
} from '../../../lib/research/gonogo/replayed-days.ts';
import { answerOf } from '../../support/models/answer.ts';

const FROM_MS = Date.UTC(2024, 6, 1);
const DAYS = 8;
const BARS = DAY_MS / BAR_MS;
const TRADES = 12;

const vote = (model: string, action: Action) => ({
  model,
  version: 'v20240728_000000',
  action,
  ...answerOf({ sell: 0.1, hold: 0.2, buy: 0.7 }),
});

function daySignals(confidence: number, acting: number, agreeing = true) {
  const tally = new SignalTally();
  for (let bar = 0; bar < BARS; bar++)
    tally.add({
      action: bar < acting ? 'BUY' : 'HOLD',
      confidence: bar < acting ? confidence : 0.1,
      consensusFraction: 1,
      probabilities: { sell: 0.1, hold: 0.2, buy: 0.7 },
      votes: [vote('xgboost', 'BUY'), vote('lightgbm', agreeing ? 'BUY' : 'SELL')],
    });
  return { summary: tally.summary(), bars: BARS };
}

const dayTrades = (day: number, stops: number): ReplayedTrade[] =>
  Array.from({ length: TRADES }, (_, trade) => ({
    openedAtMs: FROM_MS + day * DAY_MS + trade * HOUR_MS,
    closedAtMs: FROM_MS + day * DAY_MS + trade * HOUR_MS + 15 * 60_000,
    reason: trade < stops ? 'stop' : 'horizon',
    profitUsdt: 1,
  }));

/** Every day a GO day that gains 1 USDT at noon, unless a test changes it. */
function goodDays(changes: { gains?: number[]; stops?: number[] } = {}): ReplayedPast {
  const gains = changes.gains ?? Array.from({ length: DAYS }, () => 10);
  const timeMs = Array.from({ length: DAYS * BARS + 1 }, (_, bar) => FROM_MS + bar * BAR_MS);
  let equity = 10_000;
  const equityUsdt = timeMs.map((_, bar) => {
    if (bar % BARS === BARS / 2) equity += gains[Math.floor(bar / BARS)]!;
    return equity;
  });
  return {
    fromMs: FROM_MS,
    toMs: FROM_MS + DAYS * DAY_MS,
    trades: Array.from({ length: DAYS }, (_, day) => dayTrades(day, changes.stops?.[day] ?? 0)).flat(),
    equity: { timeMs, equityUsdt },
    modelLoadFailures: 0,
    signals: new Map(
      Array.from({ length: DAYS }, (_, day) => [FROM_MS + day * DAY_MS, daySignals(0.65, 40)]),
    ),
  };
}

const withDay = (past: ReplayedPast, day: number, signals: ReturnType<typeof daySignals>): ReplayedPast => ({
  ...past,
  signals: new Map([...past.signals, [FROM_MS + day * DAY_MS, signals]]),
});
const replay = (past: ReplayedPast) => replayDays(past, (count) => count - 1);

describe('the verdict of a day', () => {
  test('is GO when all that a replay measures is met', () => {
    const { days, unmet } = replay(goodDays());
    expect(days.map(({ verdict }) => verdict)).toEqual(Array(DAYS).fill('GO'));
    expect(unmet).toEqual({});
    expect(days[0]!.evidence).toMatchObject({
      positionsOpened: TRADES,
      stopLossHits: 0,
      actingSignals: 40,
      worstDailyDrawdown: 0,
      profitUsdt: 10,
      barsDecided: BARS,
    });
  });

  test.each([
    ['confidence', daySignals(0.59, 40)],
    ['confidence', daySignals(0.99, 9)],
    ['agreement', daySignals(0.65, 40, false)],
    ['coverage', { ...daySignals(0.65, 40), bars: 200 }],
  ] as const)('lacks %s by its own signals alone', (criterion, signals) => {
    const { days, unmet } = replay(withDay(goodDays(), 3, signals));
    expect(days[3]).toMatchObject({ verdict: 'NO_GO', criteria: [criterion] });
    expect(unmet).toEqual({ [criterion]: 1 });
  });

  test('follows stops, losses and missing models', () => {
    const stops = replay(goodDays({ stops: [0, 2] })).days;
    expect(stops.map(({ criteria }) => criteria.join())).toEqual(['', 'stop_hits', '', '', '', '', '', '']);
    const gains = [10, -700, 10, 10, 10, 10, 10, 10];
    expect(replay(goodDays({ gains })).days[1]!.criteria).toEqual(['daily_drawdown', 'profit']);
    const { days } = replay({ ...goodDays(), modelLoadFailures: 1 });
    expect(days.every(({ criteria }) => criteria.join() === 'model_load_failures')).toBe(true);
    const { days: quiet } = replay({ ...goodDays(), trades: [], signals: new Map() });
    expect(quiet[0]!.criteria).toEqual([
      'coverage',
      'sample',
      'agreement',
      'confidence',
      'stop_hits',
      'profit',
    ]);
  });
});

test('what followed is the return of the next day, GO and NO_GO apart, and the last day has none', () => {
  const gains = [10, 20, -30, 10, 10, 10, 10, 10];
  const { days, afterGo, afterNoGo } = replay(withDay(goodDays({ gains }), 1, daySignals(0.5, 40)));
  // Day 1 lacks confidence, day 2 has lost.
  expect(days.map(({ verdict }) => verdict).slice(0, 4)).toEqual(['GO', 'NO_GO', 'NO_GO', 'GO']);
  expect(days[0]!.nextDayReturn).toBeCloseTo(20 / 10_010, 12);
  expect(days[1]!.nextDayReturn).toBeCloseTo(-30 / 10_030, 12);
  expect(days.at(-1)!.nextDayReturn).toBeUndefined();
  expect([afterGo.days, afterNoGo.days]).toEqual([DAYS - 3, 2]);
  expect(afterNoGo.meanReturn).toBeCloseTo((-30 / 10_030 + 10 / 10_000) / 2, 12);
  expect(afterNoGo).toMatchObject({ profitable: 0.5, interval: undefined });
  expect(afterGo.interval).toBeDefined();
});
