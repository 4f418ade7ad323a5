import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  chooseUniverse,
  doubtAbout,
  lastRankThatMatters,
  rankPairs,
  withoutPairs,
} from '../../lib/market/choose-universe.ts';
import type { ListedPair } from '../../lib/market/pair-exclusion.ts';

const NOW_MS = Date.UTC(2024, 7, 5);
const pair = (base: string, quoteVolumeUsdt: number | undefined = 1_000, isTrading = true): ListedPair => ({
  symbol: `${base}USDT`,
  base,
  isTrading,
  quoteVolumeUsdt,
});
/** C1 trades most. */
const market = (count: number): ListedPair[] =>
  Array.from({ length: count }, (_, index) => pair(`C${index + 1}`, 1e9 - index));
const names = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `C${from + index}USDT`);

describe('pairs', () => {
  it.each([
    [pair('USDC'), 'stablecoin'],
    [pair('FDUSD'), 'stablecoin'],
    [pair('EUR'), 'stablecoin'],
    [pair('BTCUP'), 'leveraged_token'],
    [pair('ETHDOWN'), 'leveraged_token'],
    [pair('BTCBULL'), 'leveraged_token'],
    [pair('BEAR'), 'leveraged_token'],
    [pair('LUNA', 1_000, false), 'not_tradable'],
    [pair('DUST', 0), 'no_turnover'],
    [{ ...pair('SILENT'), quoteVolumeUsdt: undefined }, 'no_turnover'],
    [pair('WRONG', Number.NaN), 'no_turnover'],
  ])('%j is excluded: %s', (listed, reason) => {
    const { ranked, excluded } = rankPairs([pair('BTC'), pair('ETH'), listed], NOW_MS);
    expect(ranked.map(({ base }) => base)).toEqual(['BTC', 'ETH']);
    expect([...excluded]).toEqual([[listed.symbol, reason]]);
  });

  it('whose names only end like a leveraged token, or begin like a stablecoin, are kept', () => {
    const coins = ['JUP', 'SYRUP', 'UP', 'PUMPDOWN', 'USUAL', 'DAIKO', 'PAXG', '1000PEPE'].map((base) =>
      pair(base),
    );
    expect(rankPairs(coins, NOW_MS).excluded.size).toBe(0);
  });

  it('are ranked by turnover, and by name where it is the same', () => {
    const ranking = rankPairs([pair('B', 5), pair('A', 5), pair('Z', 9)], NOW_MS);
    expect(ranking.ranked.map(({ base }) => base)).toEqual(['Z', 'A', 'B']);
  });

  it('listed twice are neither the one nor the other', () => {
    const { ranked, excluded } = rankPairs([pair('A', 5), pair('A', 9), pair('B', 1), pair('A', 2)], NOW_MS);
    expect(ranked.map(({ base }) => base)).toEqual(['B']);
    expect(excluded.get('AUSDT')).toBe('not_tradable');
  });
});

describe('the universe', () => {
  const choose = (pairs: readonly ListedPair[], members: readonly string[], size: number) =>
    chooseUniverse(rankPairs(pairs, NOW_MS), { members, size });

  it('is at first that of the largest', () => {
    const chosen = choose(market(30), [], 10);
    expect(chosen.symbols).toEqual(names(1, 10));
    expect(chosen.entering[9]).toEqual({
      symbol: 'C10USDT',
      reason: 'first',
      rank: 10,
      quoteVolumeUsdt: 1e9 - 9,
    });
    expect(chosen.leaving).toEqual([]);
  });

  it('keeps a member up to the margin, and lets it go beyond', () => {
    const members = [...names(1, 9), 'C12USDT'];
    expect(choose(market(30), members, 10)).toMatchObject({ entering: [], leaving: [] });
    const beyond = choose(market(30), [...names(1, 9), 'C13USDT'], 10);
    expect(beyond.entering).toMatchObject([{ symbol: 'C10USDT', reason: 'vacancy', rank: 10 }]);
    expect(beyond.leaving).toEqual([{ symbol: 'C13USDT', reason: 'rank', rank: 13 }]);
  });

  it('lets a newcomer in when it is well inside, and the last member makes room', () => {
    const members = ['C11USDT', 'C12USDT', ...names(1, 7), 'C9USDT'];
    const chosen = choose(market(30), members, 10);
    expect(chosen.entering).toMatchObject([{ symbol: 'C8USDT', reason: 'rank', rank: 8 }]);
    expect(chosen.leaving).toEqual([{ symbol: 'C12USDT', reason: 'displaced', rank: 12 }]);
  });

  it('names why an excluded member leaves', () => {
    const pairs = [...market(30).map((one) => (one.base === 'C2' ? { ...one, isTrading: false } : one))];
    expect(choose(pairs, [...names(1, 9), 'GONEUSDT'], 10).leaving).toEqual([
      { symbol: 'C2USDT', reason: 'not_tradable', rank: null },
      { symbol: 'GONEUSDT', reason: 'not_tradable', rank: null },
    ]);
    const young = withoutPairs(rankPairs(market(30), NOW_MS), new Set(['C3USDT']), 'too_little_history');
    expect(chooseUniverse(young, { members: names(1, 10), size: 10 })).toMatchObject({
      entering: [{ symbol: 'C11USDT', reason: 'vacancy', rank: 10 }],
      leaving: [{ symbol: 'C3USDT', reason: 'too_little_history', rank: null }],
    });
  });

  it('becomes smaller, from its end, when fewer are asked for', () => {
    const chosen = choose(market(30), names(1, 10), 5);
    expect(chosen.symbols).toEqual(names(1, 5));
    expect(chosen.leaving).toContainEqual({ symbol: 'C6USDT', reason: 'displaced', rank: 6 });
    expect(chosen.leaving).toContainEqual({ symbol: 'C10USDT', reason: 'rank', rank: 10 });
  });

  it('has these laws, whatever the market and the members', () => {
    const arbitrary = fc.record({
      volumes: fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 40 }),
      members: fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { maxLength: 40 }),
      size: fc.integer({ min: 1, max: 30 }),
    });
    fc.assert(
      fc.property(arbitrary, ({ volumes, members: indices, size }) => {
        const ranking = rankPairs(
          volumes.map((volume, index) => pair(`C${index}`, volume)),
          NOW_MS,
        );
        const rankOf = new Map(ranking.ranked.map(({ symbol }, index) => [symbol, index + 1]));
        const members = indices.map((index) => `C${index}USDT`);
        const { symbols, entering, leaving } = chooseUniverse(ranking, { members, size });
        expect(symbols.length).toBe(Math.min(size, ranking.ranked.length));
        // What it was, plus who entered, less who left, is what it is: every change has its reason.
        const after = new Set(members);
        for (const { symbol } of leaving) expect(after.delete(symbol)).toBe(true);
        for (const { symbol } of entering) {
          expect(after.has(symbol)).toBe(false);
          after.add(symbol);
        }
        expect([...after].sort()).toEqual([...symbols].sort());
        // Well inside is in; well outside is out, unless there are no others.
        const wellInside = ranking.ranked.slice(0, Math.floor(size * 0.8)).map(({ symbol }) => symbol);
        expect(symbols).toEqual(expect.arrayContaining(wellInside));
        for (const symbol of symbols)
          expect(rankOf.get(symbol)).toBeLessThanOrEqual(lastRankThatMatters(size));
        // The same market a day later changes nothing.
        expect(chooseUniverse(ranking, { members: symbols, size })).toEqual({
          symbols,
          entering: [],
          leaving: [],
        });
      }),
    );
  });

  it('does not change for ranks that swing around the edge', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(names(9, 12), { minLength: 4 }), (edge) => {
        const order = [...names(1, 8), ...edge, ...names(13, 30)];
        const pairs = order.map((symbol, index) => pair(symbol.slice(0, -4), 1e9 - index));
        expect(choose(pairs, names(1, 10), 10)).toMatchObject({ entering: [], leaving: [] });
      }),
    );
  });
});

describe('an answer', () => {
  const doubt = (pairs: readonly ListedPair[], members: readonly string[], size: number) =>
    doubtAbout(rankPairs(pairs, NOW_MS), { members, size })?.code;

  it('with fewer than half of what was asked for is not believed', () => {
    expect(doubt([], [], 10)).toBe('too_few_pairs');
    expect(doubt(market(4), [], 10)).toBe('too_few_pairs');
    expect(doubt(market(5), [], 10)).toBeUndefined();
  });

  it('without more than half of the members is not believed', () => {
    const others = market(60).slice(20);
    expect(doubt(others, names(1, 20), 20)).toBe('too_many_gone');
    expect(doubt(market(60), ['C1USDT', 'XUSDT', 'YUSDT'], 20)).toBe('too_many_gone');
    expect(doubt(market(60), ['C1USDT', 'C2USDT', 'XUSDT', 'YUSDT'], 20)).toBeUndefined();
  });

  it('is believed when fewer are asked for than are active', () => {
    expect(doubt(market(60), names(1, 50), 5)).toBeUndefined();
  });
});
