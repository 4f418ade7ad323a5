// Stops followed on candles small enough to reckon by hand, and conclusions on markets whose answer is known.
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, test } from 'vitest';
import { type CandleSeries, seriesFromCandles } from '../../../lib/market/candle-series.ts';
import { concludeStops } from '../../../lib/research/stops/conclude-stops.ts';
import { followStop } from '../../../lib/research/stops/follow-stop.ts';
import { nameRule, type StopRule, stopRules } from '../../../lib/research/stops/stop-rule.ts';
import { StopStudyTally } from '../../../lib/research/stops/stop-study.ts';

const BAR_MS = 300_000;
const BARS_PER_DAY = 288;
const COSTS = { feeBps: 5, slippageBps: 2 };
const FREE = { feeBps: 0, slippageBps: 0 };
const NO_STOP: StopRule = { kind: 'none' };
const stopAt = (multiple: number): StopRule => ({ kind: 'atr', multiple, timeframe: '5m' });

type Bar = readonly [open: number, high: number, low: number, close: number];

function seriesOf(bars: readonly Bar[]): CandleSeries {
  const series = seriesFromCandles(
    bars.map(([open, high, low, close], index) => ({
      openTimeMs: index * BAR_MS,
      open,
      high,
      low,
      close,
      volume: 1,
    })),
  );
  if (!series.ok) throw new Error(series.error.problem);
  return series.value;
}

describe('one entry', () => {
  // Decided on the first bar, entered at 100, ATR 1.
  const FLAT: Bar = [90, 90, 90, 90];
  const entry = (side: 'BUY' | 'SELL') =>
    ({ bar: 0, side, atr: { '5m': 1, '15m': 1.5, '1h': 2, '4h': 4, '1d': 8 }, horizonBars: 2 }) as const;
  const up = seriesOf([FLAT, [100, 102, 99, 101], [101, 104, 100.5, 103]]);

  test('without a stop earns the move from the next open to the close of the horizon', () => {
    expect(followStop(up, entry('BUY'), { rule: NO_STOP, costs: FREE })).toEqual({
      grossBps: expect.closeTo(300, 9),
      netBps: expect.closeTo(300, 9),
      stopped: false,
      adverseBps: expect.closeTo(100, 9),
    });
    expect(followStop(up, entry('SELL'), { rule: NO_STOP, costs: FREE })).toMatchObject({
      grossBps: expect.closeTo(-300, 9),
      adverseBps: expect.closeTo(400, 9),
    });
  });

  test('pays slippage and fee on both sides', () => {
    const { netBps } = followStop(up, entry('BUY'), { rule: NO_STOP, costs: COSTS });
    const [paid, got] = [100 * 1.0002, 103 * 0.9998];
    expect(netBps).toBeCloseTo(100 * (got - paid - 0.0005 * (paid + got)), 9);
  });

  test('is stopped at the entry price less the multiple, also in the bar it is entered in and before a gain there', () => {
    const stopped = followStop(up, entry('BUY'), { rule: stopAt(0.8), costs: FREE });
    expect(stopped).toEqual({
      grossBps: expect.closeTo(-80, 9),
      netBps: expect.closeTo(-80, 9),
      stopped: true,
      adverseBps: expect.closeTo(80, 9),
    });
    expect(followStop(up, entry('BUY'), { rule: stopAt(1), costs: FREE }).stopped).toBe(true);
    expect(followStop(up, entry('BUY'), { rule: stopAt(1.01), costs: FREE }).stopped).toBe(false);
  });

  test('leaves at the open where the price jumps over the stop', () => {
    const gap = seriesOf([FLAT, [100, 100.5, 99.9, 100], [97, 98, 96, 98]]);
    expect(followStop(gap, entry('BUY'), { rule: stopAt(1), costs: FREE })).toMatchObject({
      grossBps: expect.closeTo(-300, 9),
      adverseBps: expect.closeTo(300, 9),
      stopped: true,
    });
  });

  test("takes the rule's timeframe, and the other side for a short", () => {
    const rule: StopRule = { kind: 'atr', multiple: 1, timeframe: '1h' };
    expect(followStop(up, entry('SELL'), { rule, costs: FREE })).toMatchObject({
      grossBps: expect.closeTo(-200, 9),
      stopped: true,
    });
  });
});

test('the rules are every multiple at every timeframe, once, and no stop; the active one first', () => {
  const names = stopRules({ stopAtrMultiple: 1.3, stopAtrTimeframe: '4h' }).map(nameRule);
  expect(names[0]).toBe('1.3 x ATR 4h');
  expect(names.at(-1)).toBe('no stop');
  expect(new Set(names).size).toBe(names.length);
  expect(names).toHaveLength(6 * 5 + 1);
  expect(stopRules({ stopAtrMultiple: 1.2, stopAtrTimeframe: '1d' })).toHaveLength(5 * 5 + 1);
});

function draws() {
  const generator = xoroshiro128plus(7);
  return (count: number) => uniformInt(generator, 0, count - 1);
}

interface Wave {
  readonly dip: number;
  readonly gain: number;
}

/** Days on which every hour one entry at 100 first falls by `dip`, then ends `gain` higher; long is always right. */
function studyWaves(days: readonly Wave[]) {
  const bars = days.flatMap(({ dip, gain }) =>
    Array.from({ length: BARS_PER_DAY }, (_, bar): Bar => {
      if (bar % 12 === 1) return [100, 100, 100 - dip, 100];
      return bar % 12 === 2 ? [100, 100 + gain, 100, 100 + gain] : [100, 100, 100, 100];
    }),
  );
  const rules = [stopAt(1), stopAt(3), NO_STOP];
  const tally = new StopStudyTally({ rules, costs: COSTS });
  const series = seriesOf(bars);
  const draw = draws();
  for (let bar = 0; bar + 2 < bars.length; bar += 12) {
    const coin = draw(2) === 0 ? 'BUY' : 'SELL';
    tally.add(
      series,
      { bar, side: 'BUY', atr: { '5m': 1, '15m': 1.5, '1h': 2, '4h': 4, '1d': 8 }, horizonBars: 2 },
      coin,
    );
  }
  return tally.summary(draw);
}

describe('conclusions', () => {
  // A dip of about 2 stops a stop at 1 and not one at 3; the end is about 1 higher, which pays the 14 bps.
  const days = Array.from({ length: 20 }, (_, day) => ({ dip: 2 + day / 100, gain: 1 + day / 100 }));

  test('a market that dips before it rises: the near stop loses every time, the far one and none survive', () => {
    const study = studyWaves(days);
    const [near, far, none] = study.rules;
    expect(near!.signals).toMatchObject({ trades: 480, stopHitRate: 1, profitFactor: 0 });
    expect(near!.signals.grossBps).toBeCloseTo(-100, 9);
    expect(far!.signals.stopHitRate).toBe(0);
    expect(far!.signals.netBps).toBeCloseTo(none!.signals.netBps!, 9);
    const conclusion = concludeStops(study);
    expect(conclusion).toMatchObject({
      code: 'some_survive',
      better: ['3 x ATR 5m', 'no stop'],
      worse: [],
    });
    expect([...conclusion.survivors].sort()).toEqual(['3 x ATR 5m', 'no stop']);
    expect(conclusion.text).toContain('2 of the 3 rules survive costs');
    expect(far!.versusControl.family!.low).toBeGreaterThan(0);
  });

  test('a market that rises by less than the costs: none survives, whatever the stop', () => {
    const conclusion = concludeStops(studyWaves(days.map(({ dip }) => ({ dip, gain: 0.1 }))));
    expect(conclusion).toMatchObject({ code: 'none_survives', survivors: [] });
    expect(conclusion.text).toContain('None of the 3 rules survives costs');
  });

  test('one wild day among days of loss does not make a rule survive, and is named', () => {
    const calm = Array.from({ length: 9 }, () => ({ dip: 0.1, gain: 0.05 }));
    const study = studyWaves([...calm, { dip: 0.1, gain: 50 }]);
    const [, far] = study.rules;
    expect(far!.signals.netBps).toBeGreaterThan(0);
    expect(concludeStops(study)).toMatchObject({ code: 'none_survives', better: [], worse: [] });
    expect(concludeStops(studyWaves(calm.slice(0, 4).concat(calm.slice(0, 4)))).text).not.toContain('But');
    expect(concludeStops({ ...study, busiestDay: { startMs: 0, trades: 100 } }).text).toContain('1970-01-01');
  });

  test('says that nothing can be said of no trades, and of too few days', () => {
    const empty = new StopStudyTally({
      rules: stopRules({ stopAtrMultiple: 1.2, stopAtrTimeframe: '1d' }),
      costs: COSTS,
    }).summary(draws());
    expect(empty.rules[0]!.signals).toEqual({
      trades: 0,
      stopHitRate: undefined,
      grossBps: undefined,
      netBps: undefined,
      netInterval: undefined,
      netFamily: undefined,
      profitFactor: undefined,
      adverseBps: undefined,
      otherDaysNetBps: undefined,
    });
    expect(concludeStops(empty)).toMatchObject({ code: 'no_trades', survivors: [] });
    expect(concludeStops(studyWaves(days.slice(0, 4)))).toMatchObject({
      code: 'too_few_days',
      survivors: [],
    });
  });

  test('the same entries and draws give the same figures', () => {
    expect(studyWaves(days)).toEqual(studyWaves(days));
  });
});
