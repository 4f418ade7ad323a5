import { describe, expect, it } from 'vitest';
import { tradeStatistics } from '../../../lib/research/metrics/trade-statistics.ts';

const trade = (profitUsdt: number, durationMs = 1000) => ({
  openedMs: 5000,
  closedMs: 5000 + durationMs,
  profitUsdt,
});

describe('trade statistics', () => {
  it('are those of a hand-counted list', () => {
    const statistics = tradeStatistics([
      trade(10, 1000),
      trade(-5, 2000),
      trade(20, 3000),
      trade(0, 4000),
      trade(-5, 0),
    ]);
    expect(statistics).toMatchObject({
      trades: 5,
      wins: 2,
      losses: 2,
      winRate: 0.4,
      profitFactor: 3,
      expectancyUsdt: 4,
      averageDurationMs: 2000,
    });
    // Mean 4; squares of distances 36 + 81 + 256 + 16 + 81 = 470; deviation √117.5.
    expect(statistics.sqn).toBeCloseTo((Math.sqrt(5) * 4) / Math.sqrt(117.5), 12);
  });

  it('leave undefined what cannot be said', () => {
    expect(tradeStatistics([])).toEqual({
      trades: 0,
      wins: 0,
      losses: 0,
      winRate: undefined,
      profitFactor: undefined,
      expectancyUsdt: undefined,
      sqn: undefined,
      averageDurationMs: undefined,
    });
    expect(tradeStatistics([trade(1), trade(1)])).toMatchObject({
      profitFactor: undefined,
      sqn: undefined,
      winRate: 1,
    });
    expect(tradeStatistics([trade(-1)])).toMatchObject({ profitFactor: 0, sqn: undefined });
  });
});
