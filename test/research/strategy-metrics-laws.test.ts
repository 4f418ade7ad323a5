// Laws of the figures that strategies are judged by.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS } from '../../lib/core/units.ts';
import { deflatedSharpe, probabilisticSharpe } from '../../lib/research/metrics/deflated-sharpe.ts';
import { performanceOf } from '../../lib/research/metrics/performance.ts';
import { tradeStatistics } from '../../lib/research/metrics/trade-statistics.ts';
import { maxDrawdown, worstDailyDrawdown } from '../../lib/risk/drawdown.ts';
import { dailyReturns, type EquityCurve, monthlyReturns } from '../../lib/risk/equity-curve.ts';

/** Marks from minutes to days apart, some exactly at midnight. */
const curve: fc.Arbitrary<EquityCurve> = fc
  .tuple(
    fc.integer({ min: 0, max: 800 * DAY_MS }),
    fc.array(
      fc.tuple(
        fc.oneof(fc.integer({ min: 1, max: 3 * DAY_MS }), fc.constant(DAY_MS)),
        fc.integer({ min: 50, max: 200 }),
      ),
      { minLength: 2, maxLength: 60 },
    ),
    fc.boolean(),
  )
  .map(([startMs, marks, atMidnight]) => {
    let timeMs = atMidnight ? Math.floor(startMs / DAY_MS) * DAY_MS : startMs;
    const times = marks.map(([stepMs]) => {
      timeMs += stepMs;
      return timeMs;
    });
    return { timeMs: times, equityUsdt: marks.map(([, equity]) => equity) };
  });

describe('equity curve', () => {
  it('compounds to the same total by day and by month, without a gap in the calendar', () => {
    fc.assert(
      fc.property(curve, (marks) => {
        const total = marks.equityUsdt[marks.equityUsdt.length - 1]! / marks.equityUsdt[0]!;
        const days = dailyReturns(marks);
        const grown = (returns: { value: number }[]) =>
          returns.reduce((product, { value }) => product * (1 + value), 1);
        expect(grown(days)).toBeCloseTo(total, 9);
        expect(grown(monthlyReturns(marks))).toBeCloseTo(total, 9);
        days.forEach((day, index) => {
          expect(day.startMs).toBe(days[0]!.startMs + index * DAY_MS);
        });
      }),
    );
  });

  it('gives the same figures in any currency', () => {
    fc.assert(
      fc.property(curve, (marks) => {
        // A power of two scales without rounding.
        const scaled = { ...marks, equityUsdt: Array.from(marks.equityUsdt, (equity) => equity * 8) };
        expect(performanceOf(scaled)).toEqual(performanceOf(marks));
        expect(worstDailyDrawdown(scaled)).toBe(worstDailyDrawdown(marks));
      }),
    );
  });

  it('has as its drawdown the worst fall between any mark and a later one', () => {
    fc.assert(
      fc.property(curve, (marks) => {
        const equities = Array.from(marks.equityUsdt);
        const falls = equities.flatMap((high, i) => equities.slice(i).map((low) => 1 - low / high));
        const worst = Math.max(...falls);
        const drawdown = maxDrawdown(marks);
        expect(drawdown?.fraction ?? 0).toBeCloseTo(worst, 12);
        expect(worstDailyDrawdown(marks)!).toBeLessThanOrEqual(worst + 1e-12);
        if (drawdown === undefined) return;
        expect(drawdown.startMs).toBeLessThan(drawdown.bottomMs);
        if (drawdown.recoveredMs !== undefined) {
          expect(drawdown.recoveredMs).toBeGreaterThan(drawdown.bottomMs);
        }
      }),
    );
  });

  it('shows figures that are finite or undefined, never a sentinel, ruin included', () => {
    const anyCurve = curve.chain((marks) =>
      fc
        .array(fc.integer({ min: -20, max: 20 }), {
          minLength: marks.timeMs.length,
          maxLength: marks.timeMs.length,
        })
        .map((equityUsdt) => ({ ...marks, equityUsdt })),
    );
    fc.assert(
      fc.property(anyCurve, (marks) => {
        const { dailyReturns: daily, maxDrawdown: drawdown, ...figures } = performanceOf(marks);
        const numbers = [...Object.values(figures), drawdown?.fraction, ...daily.map(({ value }) => value)];
        for (const figure of numbers) expect(figure === undefined || Number.isFinite(figure)).toBe(true);
      }),
    );
  });
});

describe('trade statistics', () => {
  it('agree with each other whatever the trades, in any order', () => {
    const trade = fc.record({
      openedMs: fc.nat(),
      closedMs: fc.nat(),
      profitUsdt: fc.integer({ min: -50, max: 50 }),
    });
    fc.assert(
      fc.property(fc.array(trade, { minLength: 1, maxLength: 40 }), (trades) => {
        const statistics = tradeStatistics(trades);
        expect(statistics.wins + statistics.losses).toBeLessThanOrEqual(statistics.trades);
        const total = trades.reduce((sum, { profitUsdt }) => sum + profitUsdt, 0);
        expect(statistics.expectancyUsdt! * trades.length).toBeCloseTo(total, 9);
        if (statistics.profitFactor !== undefined) expect(statistics.profitFactor > 1).toBe(total > 0);
        if (statistics.sqn !== undefined && total !== 0)
          expect(Math.sign(statistics.sqn)).toBe(Math.sign(total));
        const reversed = tradeStatistics([...trades].reverse());
        expect(reversed.profitFactor).toBe(statistics.profitFactor);
        expect(reversed.winRate).toBe(statistics.winRate);
      }),
    );
  });
});

describe('deflated Sharpe ratio', () => {
  const returns = fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 5, maxLength: 50 });
  const sharpes = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 50 });

  it('is a probability, and never above that of a single trial', () => {
    fc.assert(
      fc.property(returns, sharpes, (values, trialSharpes) => {
        const deflated = deflatedSharpe({ returns: values, trialSharpes });
        const alone = deflatedSharpe({ returns: values, trialSharpes: [0] });
        if (deflated === undefined || alone === undefined) {
          expect(deflated).toBe(alone);
          return;
        }
        expect(deflated).toBeGreaterThanOrEqual(0);
        expect(deflated).toBeLessThanOrEqual(alone + 1e-12);
        expect(alone).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('grows with a longer record of the same skill, and falls with fatter tails', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 0.5, noNaN: true }),
        fc.integer({ min: 2, max: 400 }),
        fc.double({ min: 3, max: 30, noNaN: true }),
        (sharpe, observations, kurtosis) => {
          const base = { sharpe, observations, skewness: 0, kurtosis };
          const probability = probabilisticSharpe(base, 0)!;
          expect(probabilisticSharpe({ ...base, observations: observations * 2 }, 0)!).toBeGreaterThanOrEqual(
            probability,
          );
          expect(probabilisticSharpe({ ...base, kurtosis: kurtosis + 5 }, 0)!).toBeLessThanOrEqual(
            probability,
          );
        },
      ),
    );
  });
});
