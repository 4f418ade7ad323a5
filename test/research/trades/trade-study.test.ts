// Trades followed on candles small enough to reckon by hand, and conclusions on markets whose answer is known.
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, test } from 'vitest';
import { type CandleSeries, seriesFromCandles } from '../../../lib/market/candle-series.ts';
import { concludeStudy } from '../../../lib/research/trades/conclude-study.ts';
import { followTrade } from '../../../lib/research/trades/follow-trade.ts';
import { entryRules, exitRules, stopRules, type TradeRule } from '../../../lib/research/trades/trade-rule.ts';
import { TradeStudyTally } from '../../../lib/research/trades/trade-study.ts';

const BAR_MS = 300_000;
const BARS_PER_DAY = 288;
const COSTS = { feeBps: 5, slippageBps: 2 };
const FREE = { feeBps: 0, slippageBps: 0 };
const NO_STOP: TradeRule = { name: 'no stop', stop: undefined, holdBars: 2 };
const stopAt = (multiple: number): TradeRule => ({
  ...{ name: `${multiple} x ATR 5m`, stop: { multiple, timeframe: '5m' }, holdBars: 2 },
});
const ATR = { '5m': 1, '15m': 1.5, '1h': 2, '4h': 4, '1d': 8 };

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
  const entry = (side: 'BUY' | 'SELL', expectedMove = [1, 1, 1, 1]) =>
    ({ bar: 0, side, atr: ATR, expectedMove: Float64Array.from(expectedMove) }) as const;
  const up = seriesOf([FLAT, [100, 102, 99, 101], [101, 104, 100.5, 103]]);

  test('without a stop earns the move from the next open to the close of the horizon', () => {
    expect(followTrade(up, entry('BUY'), { rule: NO_STOP, costs: FREE })).toEqual({
      entered: true,
      grossBps: expect.closeTo(300, 9),
      netBps: expect.closeTo(300, 9),
      stopped: false,
      adverseBps: expect.closeTo(100, 9),
    });
    expect(followTrade(up, entry('SELL'), { rule: NO_STOP, costs: FREE })).toMatchObject({
      grossBps: expect.closeTo(-300, 9),
      adverseBps: expect.closeTo(400, 9),
    });
  });

  test('pays slippage and fee on both sides', () => {
    const { netBps } = followTrade(up, entry('BUY'), { rule: NO_STOP, costs: COSTS });
    const [paid, got] = [100 * 1.0002, 103 * 0.9998];
    expect(netBps).toBeCloseTo(100 * (got - paid - 0.0005 * (paid + got)), 9);
  });

  test('is stopped at the entry price less the multiple, also in the bar it is entered in and before a gain there', () => {
    const stopped = followTrade(up, entry('BUY'), { rule: stopAt(0.8), costs: FREE });
    expect(stopped).toEqual({
      entered: true,
      grossBps: expect.closeTo(-80, 9),
      netBps: expect.closeTo(-80, 9),
      stopped: true,
      adverseBps: expect.closeTo(80, 9),
    });
    expect(followTrade(up, entry('BUY'), { rule: stopAt(1), costs: FREE }).stopped).toBe(true);
    expect(followTrade(up, entry('BUY'), { rule: stopAt(1.01), costs: FREE }).stopped).toBe(false);
  });

  test('leaves at the open where the price jumps over the stop', () => {
    const gap = seriesOf([FLAT, [100, 100.5, 99.9, 100], [97, 98, 96, 98]]);
    expect(followTrade(gap, entry('BUY'), { rule: stopAt(1), costs: FREE })).toMatchObject({
      grossBps: expect.closeTo(-300, 9),
      adverseBps: expect.closeTo(300, 9),
      stopped: true,
    });
  });

  test("takes the rule's timeframe, and the other side for a short", () => {
    const rule: TradeRule = { ...NO_STOP, stop: { multiple: 1, timeframe: '1h' } };
    expect(followTrade(up, entry('SELL'), { rule, costs: FREE })).toMatchObject({
      grossBps: expect.closeTo(-200, 9),
      stopped: true,
    });
  });
});

describe('other ways out', () => {
  const FLAT: Bar = [90, 90, 90, 90];
  // Entered at 100; rises to 106, falls back to 102, ends at 103.
  const hill = seriesOf([FLAT, [100, 104, 99.5, 103], [103, 106, 103, 104], [104, 104.5, 102, 103]]);
  const follow = (
    rule: Partial<TradeRule>,
    { side = 'BUY', expected = [1, 1, 1, 1] }: { side?: 'BUY' | 'SELL'; expected?: number[] } = {},
  ) =>
    followTrade(
      hill,
      { bar: 0, side, atr: ATR, expectedMove: Float64Array.from(expected) },
      { rule: { ...NO_STOP, holdBars: 3, ...rule }, costs: FREE },
    );

  test('a target is left at, without the rest of the bar counting against it', () => {
    expect(follow({ target: { multiple: 1, timeframe: '4h' } })).toEqual({
      ...{ entered: true, stopped: false, adverseBps: 0 },
      ...{ grossBps: expect.closeTo(400, 9), netBps: expect.closeTo(400, 9) },
    });
    expect(follow({ target: { multiple: 1, timeframe: '1d' } }).grossBps).toBeCloseTo(300, 9);
    expect(follow({ target: { multiple: 0.5, timeframe: '5m' } }, { side: 'SELL' }).grossBps).toBeCloseTo(
      50,
      9,
    );
  });

  test('where a bar reaches stop and target, the stop counts', () => {
    const both = {
      target: { multiple: 1, timeframe: '4h' },
      stop: { multiple: 0.5, timeframe: '5m' },
    } as const;
    expect(follow(both)).toMatchObject({ stopped: true, grossBps: expect.closeTo(-50, 9) });
  });

  test('a trailing stop follows the best price of the bars before, never the one of its own bar', () => {
    // 3 below 104 is not reached on the second bar, 3 below 106 is on the third.
    expect(follow({ trail: { multiple: 1.5, timeframe: '1h' } })).toMatchObject({
      ...{ stopped: true, grossBps: expect.closeTo(300, 9) },
    });
    expect(follow({ trail: { multiple: 4.01, timeframe: '5m' } }).stopped).toBe(false);
    expect(follow({ trail: { multiple: 2, timeframe: '1h' } }, { side: 'SELL' })).toMatchObject({
      ...{ stopped: true, grossBps: expect.closeTo(-400, 9) },
    });
  });

  test('a signal that fades is left at the next open, one that says nothing is not', () => {
    expect(follow({ fades: true }, { expected: [1, -1, 1, 1] }).grossBps).toBeCloseTo(300, 9);
    expect(follow({ fades: true }, { expected: [1, Number.NaN, -1, 1] }).grossBps).toBeCloseTo(400, 9);
    expect(follow({ fades: true }, { expected: [1, Number.NaN, 0, -1] }).grossBps).toBeCloseTo(300, 9);
    expect(follow({}, { expected: [1, -1, -1, -1] }).grossBps).toBeCloseTo(300, 9);
  });

  test('a later time holds longer', () => {
    expect(follow({ holdBars: 2 }).grossBps).toBeCloseTo(400, 9);
    expect(() => follow({ holdBars: 4 })).toThrow('runs over the end');
  });
});

describe('an order that rests', () => {
  const FLAT: Bar = [90, 90, 90, 90];
  // Opens at 100, comes back to 99.95 in the second bar and to 99 in the third, and ends at 103.
  const hill = seriesOf([FLAT, [100, 101, 100, 101], [101, 102, 99.95, 102], [102, 103, 99, 103]]);
  const NOTHING = { entered: false, grossBps: 0, netBps: 0, stopped: false, adverseBps: 0 };
  const follow = (
    rest: NonNullable<TradeRule['rest']>,
    {
      side = 'BUY',
      stop,
      costs = COSTS,
    }: { side?: 'BUY' | 'SELL'; stop?: number; costs?: typeof COSTS } = {},
  ) =>
    followTrade(
      hill,
      { bar: 0, side, atr: ATR, expectedMove: new Float64Array(4) },
      {
        rule: {
          ...{ ...NO_STOP, holdBars: 3, rest },
          stop: stop === undefined ? undefined : { multiple: stop, timeframe: '5m' },
        },
        costs,
      },
    );

  test('is not filled by a price that only touches it, nor by one beyond it by less than the slippage', () => {
    expect(follow({ bars: 1, unfilled: 'nothing' })).toEqual(NOTHING);
    const wide = { feeBps: 5, slippageBps: 5 };
    expect(follow({ bars: 2, unfilled: 'nothing' }, { costs: wide })).toEqual(NOTHING);
    expect(follow({ bars: 3, unfilled: 'nothing' }, { costs: wide }).entered).toBe(true);
  });

  test('is filled at its price without slippage, at the fee of a maker', () => {
    const got = 103 * 0.9998;
    expect(follow({ bars: 2, unfilled: 'nothing' })).toEqual({
      entered: true,
      grossBps: expect.closeTo(300, 9),
      netBps: expect.closeTo(100 * (got - 100 - 0.0002 * 100 - 0.0005 * got), 9),
      stopped: false,
      // From the bar that filled it on.
      adverseBps: expect.closeTo(100, 9),
    });
  });

  test('stands so much of an ATR on the better side, for each side', () => {
    const away = { multiple: 0.5, timeframe: '5m' } as const;
    expect(follow({ away, bars: 3, unfilled: 'nothing' }).grossBps).toBeCloseTo(10_000 * (103 / 99.5 - 1), 9);
    expect(follow({ away, bars: 1, unfilled: 'nothing' }, { side: 'SELL' }).grossBps).toBeCloseTo(
      10_000 * (1 - 103 / 100.5),
      9,
    );
    expect(follow({ away: { multiple: 2, timeframe: '5m' }, bars: 3, unfilled: 'nothing' })).toEqual(NOTHING);
  });

  test('unfilled, takes the market at the open that follows', () => {
    const taken = follow({ bars: 1, unfilled: 'taker' });
    const [paid, got] = [101 * 1.0002, 103 * 0.9998];
    expect(taken.netBps).toBeCloseTo((10_000 * (got - paid - 0.0005 * (paid + got))) / 101, 9);
  });

  test('can be stopped in the bar that fills it', () => {
    expect(follow({ bars: 3, unfilled: 'nothing' }, { stop: 0.04 })).toMatchObject({
      stopped: true,
      grossBps: expect.closeTo(-4, 9),
    });
  });
});

const holdBars = 3;

test('the rules are every multiple at every timeframe, once, and no stop; the active one first', () => {
  const names = stopRules({ stopAtrMultiple: 1.3, stopAtrTimeframe: '4h', holdBars }).map(({ name }) => name);
  expect(names[0]).toBe('1.3 x ATR 4h');
  expect(names.at(-1)).toBe('no stop');
  expect(new Set(names).size).toBe(names.length);
  expect(names).toHaveLength(6 * 5 + 1);
  expect(stopRules({ stopAtrMultiple: 1.2, stopAtrTimeframe: '1d', holdBars })).toHaveLength(5 * 5 + 1);
});

test('the exits keep the active stop and differ in when they leave; the active one first', () => {
  const rules = exitRules({ stopAtrMultiple: 1.2, stopAtrTimeframe: '1d', holdBars });
  expect(rules[0]).toEqual({ name: '3 bars', stop: { multiple: 1.2, timeframe: '1d' }, holdBars: 3 });
  expect(new Set(rules.map(({ name }) => name)).size).toBe(rules.length);
  for (const { stop } of rules) expect(stop).toEqual(rules[0]!.stop);
  expect(rules.map(({ holdBars }) => holdBars)).toContain(24);
});

test('the entries keep the active exit and rest for fewer bars than are held; the active one first', () => {
  const rules = entryRules({ stopAtrMultiple: 1.2, stopAtrTimeframe: '1d', holdBars });
  expect(rules[0]).toEqual({ name: 'next open', stop: { multiple: 1.2, timeframe: '1d' }, holdBars });
  expect(new Set(rules.map(({ name }) => name)).size).toBe(rules.length);
  expect(rules).toHaveLength(1 + 3 * 2 * 2);
  for (const rule of rules) expect(rule).toMatchObject({ stop: rules[0]!.stop, holdBars });
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
  const tally = new TradeStudyTally({ rules, costs: COSTS });
  const series = seriesOf(bars);
  const expectedMove = new Float64Array(bars.length);
  const draw = draws();
  for (let bar = 0; bar + 2 < bars.length; bar += 12) {
    const coin = draw(2) === 0 ? 'BUY' : 'SELL';
    tally.add(series, { bar, side: 'BUY', atr: ATR, expectedMove }, coin);
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
    const conclusion = concludeStudy(study);
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
    const conclusion = concludeStudy(studyWaves(days.map(({ dip }) => ({ dip, gain: 0.1 }))));
    expect(conclusion).toMatchObject({ code: 'none_survives', survivors: [] });
    expect(conclusion.text).toContain('None of the 3 rules survives costs');
  });

  test('one wild day among days of loss does not make a rule survive, and is named', () => {
    const calm = Array.from({ length: 9 }, () => ({ dip: 0.1, gain: 0.05 }));
    const study = studyWaves([...calm, { dip: 0.1, gain: 50 }]);
    const [, far] = study.rules;
    expect(far!.signals.netBps).toBeGreaterThan(0);
    expect(concludeStudy(study)).toMatchObject({ code: 'none_survives', better: [], worse: [] });
    expect(concludeStudy(studyWaves(calm.slice(0, 4).concat(calm.slice(0, 4)))).text).not.toContain('But');
    expect(concludeStudy({ ...study, busiestDay: { startMs: 0, trades: 100 } }).text).toContain('1970-01-01');
  });

  test('says that nothing can be said of no trades, and of too few days', () => {
    const empty = new TradeStudyTally({
      rules: stopRules({ stopAtrMultiple: 1.2, stopAtrTimeframe: '1d', holdBars }),
      costs: COSTS,
    }).summary(draws());
    expect(empty.rules[0]!.signals).toEqual({
      trades: 0,
      enteredRate: undefined,
      enteredNetBps: undefined,
      stopHitRate: undefined,
      grossBps: undefined,
      netBps: undefined,
      netInterval: undefined,
      netFamily: undefined,
      profitFactor: undefined,
      adverseBps: undefined,
      otherDaysNetBps: undefined,
    });
    expect(concludeStudy(empty)).toMatchObject({ code: 'no_trades', survivors: [] });
    expect(concludeStudy(studyWaves(days.slice(0, 4)))).toMatchObject({
      code: 'too_few_days',
      survivors: [],
    });
  });

  test('the same entries and draws give the same figures', () => {
    expect(studyWaves(days)).toEqual(studyWaves(days));
  });
});
