// The account that acts on signals, against sums made by hand.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BAR_MS } from '../../lib/market/candle.ts';
import { type CandidateTrade, type PortfolioRules, runPortfolio } from '../../lib/research/run-portfolio.ts';

const FREE = { feeBps: 0, slippageBps: 0 };

function run(candidates: readonly Partial<CandidateTrade>[], rules: Partial<PortfolioRules> = {}) {
  const usual = {
    symbol: 0,
    side: 'BUY' as const,
    entryBarMs: 0,
    exitBarMs: BAR_MS,
    entryPrice: 100,
    exitPrice: 110,
    expectedEdgeBps: 1,
  };
  return runPortfolio(
    candidates.map((candidate) => ({ ...usual, ...candidate })),
    {
      fromMs: 0,
      toMs: 4 * BAR_MS,
      startUsdt: 1_000,
      positionsMax: 2,
      costs: FREE,
      closeAt: () => 105,
      ...rules,
    },
  );
}

const equity = (result: ReturnType<typeof run>) => Array.from(result.curve.equityUsdt);

test('puts its share into a trade, marks it while it is open and books it when it is closed', () => {
  const result = run([{}]);
  // 500 USDT at 100 are 5 pieces: 25 up at a close of 105, 50 up at 110.
  expect(equity(result)).toEqual([1_000, 1_025, 1_050, 1_050, 1_050]);
  expect(result.trades).toEqual([{ openedMs: 0, closedMs: 2 * BAR_MS, profitUsdt: 50 }]);
});

test('takes slippage on both prices and the fee on both notionals', () => {
  const { trades } = run([{}], { costs: { feeBps: 10, slippageBps: 100 } });
  // Buys 5 at 101 for 505, sells at 108.9 for 544.5; fees 0.1 % of 1049.5.
  expect(trades[0]!.profitUsdt).toBeCloseTo(544.5 - 505 - 1.0495, 10);
});

test('a sell earns when the price falls, and pays its costs too', () => {
  const { trades } = run([{ side: 'SELL', exitPrice: 90 }], { costs: { feeBps: 10, slippageBps: 100 } });
  // Sells 5 at 99 for 495, buys back at 90.9 for 454.5; fees 0.1 % of 949.5.
  expect(trades[0]!.profitUsdt).toBeCloseTo(495 - 454.5 - 0.9495, 10);
});

test('gives its places to the highest expected edge first', () => {
  const result = run([1, 3, 2].map((expectedEdgeBps, symbol) => ({ symbol, expectedEdgeBps })));
  expect(result.traded.map(({ symbol }) => symbol)).toEqual([1, 2]);
  expect(result.skippedFull).toBe(1);
});

test('holds a symbol once, and gives its place away from the bar after it was left', () => {
  const late = { entryBarMs: 2 * BAR_MS, exitBarMs: 2 * BAR_MS };
  const result = run([{}, { entryBarMs: BAR_MS, exitBarMs: 3 * BAR_MS }, late], { positionsMax: 1 });
  expect(result.skippedOpen).toBe(1);
  expect(result.traded.map(({ entryBarMs }) => entryBarMs)).toEqual([0, 2 * BAR_MS]);
});

test('enters nothing after ruin', () => {
  const ruin = { side: 'SELL' as const, exitPrice: 400, exitBarMs: 0 };
  const result = run([ruin, { entryBarMs: BAR_MS, symbol: 1 }], { positionsMax: 1, closeAt: () => 400 });
  expect(result.trades).toHaveLength(1);
  expect(equity(result).at(-1)).toBe(-2_000);
});

describe('law', () => {
  const candidate = fc.record({
    symbol: fc.integer({ min: 0, max: 4 }),
    side: fc.constantFrom('BUY' as const, 'SELL' as const),
    entry: fc.integer({ min: 0, max: 20 }),
    bars: fc.integer({ min: 0, max: 5 }),
    exitPrice: fc.double({ min: 90, max: 110, noNaN: true }),
    expectedEdgeBps: fc.double({ min: 0, max: 50, noNaN: true }),
  });
  test('the last mark is the start and all profits; no signal is lost', () => {
    fc.assert(
      fc.property(fc.array(candidate, { maxLength: 40 }), (drawn) => {
        const candidates = drawn.map(({ entry, bars, ...rest }) => ({
          ...rest,
          entryBarMs: entry * BAR_MS,
          exitBarMs: (entry + bars) * BAR_MS,
        }));
        const result = run(candidates, { toMs: 30 * BAR_MS, costs: { feeBps: 5, slippageBps: 2 } });
        const profits = result.trades.reduce((sum, { profitUsdt }) => sum + profitUsdt, 0);
        expect(equity(result).at(-1)).toBeCloseTo(1_000 + profits, 6);
        expect(result.trades.length + result.skippedFull + result.skippedOpen).toBe(drawn.length);
      }),
    );
  });
});
