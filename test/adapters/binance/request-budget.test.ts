import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestBudget } from '../../../lib/adapters/binance/request-budget.ts';
import { MINUTE_MS } from '../../../lib/core/units.ts';

describe('request budget', () => {
  it('never lets more weight leave within any minute than allowed, and always lets a patient caller through', () => {
    const arrivals = fc.array(fc.record({ gapMs: fc.nat(20_000), weight: fc.integer({ min: 1, max: 10 }) }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(arrivals, (requests) => {
        const budget = new RequestBudget(20);
        const sent: { atMs: number; weight: number }[] = [];
        let nowMs = 0;
        for (const { gapMs, weight } of requests) {
          nowMs += gapMs;
          const first = budget.admit({ weight, nowMs });
          nowMs += first.waitMs;
          // One wait may free less than this request needs; each frees something.
          for (let tries = 0; first.waitMs > 0 && tries < 20; tries++) {
            const again = budget.admit({ weight, nowMs });
            if (again.waitMs === 0) break;
            nowMs += again.waitMs;
            expect(tries).toBeLessThan(19);
          }
          sent.push({ atMs: nowMs, weight });
          const withinMinute = sent.filter(({ atMs }) => atMs > nowMs - MINUTE_MS);
          expect(withinMinute.reduce((sum, entry) => sum + entry.weight, 0)).toBeLessThanOrEqual(20);
        }
      }),
    );
  });

  it('keeps the longest pause it was asked for', () => {
    const budget = new RequestBudget(100);
    budget.pauseUntil({ untilMs: 120_000, because: 'banned' });
    budget.pauseUntil({ untilMs: 5_000, because: 'rate_limited' });
    expect(budget.admit({ weight: 1, nowMs: 6_000 })).toEqual({ waitMs: 114_000, because: 'banned' });
    expect(budget.admit({ weight: 1, nowMs: 120_000 })).toEqual({ waitMs: 0, because: 'admitted' });
  });

  it('refuses a request that could never leave', () => {
    expect(() => new RequestBudget(3).admit({ weight: 5, nowMs: 0 })).toThrow(/over the whole budget/);
  });
});
