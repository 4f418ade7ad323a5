// Decisions worked out by hand, at the edges where a sign or a comparison could be wrong.
import { describe, expect, test } from 'vitest';
import { decideSignal } from '../../lib/inference/decide-signal.ts';
import type { Signal } from '../../lib/inference/signal.ts';
import type { Ensemble } from '../../lib/models/ensemble.ts';
import type { Probabilities, Vote } from '../../lib/models/vote.ts';
import { abstain, castVote, leanOf } from '../../lib/models/vote.ts';
import { answerOf } from '../support/models/answer.ts';
import { ensembleOf, memberOf, MODEL_VERSION as version } from '../support/models/sample-ensemble.ts';

const NAMES = ['a', 'b', 'c', 'd'];
const BUY: Probabilities = { sell: 0.125, hold: 0.25, buy: 0.625 };
const SELL: Probabilities = { sell: 0.625, hold: 0.25, buy: 0.125 };
const EVEN: Probabilities = { sell: 0.375, hold: 0.25, buy: 0.375 };

/** A confidence of 0.5 at an edge of nothing, 0.2 more for each standard deviation. */
const CURVE = { scores: [-1, 1], probabilities: [0.3, 0.7], rows: 1000, days: 30 };

const ensembleWith = (members: number, change: Partial<Ensemble> = {}): Ensemble =>
  ensembleOf(
    NAMES.slice(0, members).map((name) => memberOf(name)),
    { confidence: CURVE, ...change },
  );

function decide(
  answers: (Probabilities | null)[],
  changed: { ensemble?: Ensemble; close?: number; atr?: number; stopAtr?: number } = {},
): Signal {
  const { ensemble = ensembleWith(answers.length), close = 1000, atr = 4 } = changed;
  const { stopAtr = atr } = changed;
  const votes = answers.map((answer, index): Vote => {
    const model = { name: NAMES[index]!, version };
    return answer === null ? abstain(model, 'model_missing') : castVote(model, answerOf(answer));
  });
  const market = {
    barOpenTimeMs: 300_000,
    close,
    atr,
    stopAtr,
    atrRatio: 1,
    spreadBps: 2,
    betaToBitcoin: () => 1,
  };
  return decideSignal({ symbol: 'BTCUSDT', ...market, votes, ensemble });
}

describe('the weight of a model', () => {
  const weighted = (weights: readonly number[], order: readonly number[]) => {
    const { members } = ensembleWith(3);
    const listed = order.map((index) => ({ ...members[index]!, weight: weights[index]! }));
    return decide([BUY, SELL, BUY], { ensemble: ensembleWith(3, { members: listed }) });
  };

  test('is its own, however the ensemble lists its members', () => {
    const weights = [1, 6, 2];
    const byName = weighted(weights, [0, 1, 2]);
    // 3 parts of 9 say BUY, 6 say SELL.
    expect(byName.probabilities!.buy).toBeCloseTo((3 * 0.625 + 6 * 0.125) / 9, 12);
    for (const order of [
      [2, 1, 0],
      [1, 0, 2],
      [1, 2, 0],
    ])
      expect(weighted(weights, order)).toEqual(byName);
  });
});

describe('the expected edge', () => {
  test('is the difference of probabilities times the barrier of 2 ATR, less two fees and two slippages', () => {
    // |0.625 − 0.125| × 80 bps − 14 bps
    expect(decide([BUY, BUY, BUY, BUY])).toMatchObject({
      action: 'BUY',
      probabilities: BUY,
      consensusFraction: 1,
      activeModels: 4,
      stopPrice: 994,
      reasons: [],
    });
    expect(decide([BUY, BUY, BUY, BUY]).expectedEdgeBps).toBeCloseTo(26, 9);
    expect(decide([SELL, SELL])).toMatchObject({ action: 'SELL', stopPrice: 1006 });
  });

  test('uses the minimum barrier in a quiet market', () => {
    const quiet = decide([BUY, BUY], { atr: 0.5 });
    expect(quiet.expectedEdgeBps).toBeCloseTo(0.5 * 30 - 14, 9);
    expect(quiet).toMatchObject({ action: 'HOLD', reasons: ['edge_below_threshold'] });
  });

  test('equal to the threshold is not above it', () => {
    const { expectedEdgeBps } = decide([BUY, BUY]);
    expect(
      decide([BUY, BUY], { ensemble: ensembleWith(2, { edgeThresholdBps: expectedEdgeBps! }) }).reasons,
    ).toEqual(['edge_below_threshold']);
  });
});

describe('confidence', () => {
  // In barriers of 80 bps: 0.5 expected, 14 / 80 of costs, a standard deviation of √(0.75 − 0.25).
  const score = (0.5 - 14 / 80) / Math.sqrt(0.5);

  test('is the calibrated probability of a net profit at the edge in units of its deviation, on either side', () => {
    expect(decide([BUY, BUY]).confidence).toBeCloseTo(0.5 + 0.2 * score, 12);
    expect(decide([SELL, SELL]).confidence).toBeCloseTo(0.5 + 0.2 * score, 12);
  });

  test('of a HOLD is that of the side it leans to, and falls with the edge', () => {
    const held = decide([BUY, BUY], { ensemble: ensembleWith(2, { edgeThresholdBps: 1000 }) });
    expect(held).toMatchObject({ action: 'HOLD', confidence: decide([BUY, BUY]).confidence });
    const quiet = decide([BUY, BUY], { atr: 0.5 });
    expect(quiet.confidence).toBeCloseTo(0.5 + (0.2 * (0.5 - 14 / 30)) / Math.sqrt(0.5), 12);
    // Costs alone, where nothing is expected.
    expect(decide([EVEN, EVEN]).confidence).toBeCloseTo(0.5 - (0.2 * (14 / 80)) / Math.sqrt(0.75), 12);
  });

  test('never says more than the ends of its curve', () => {
    const narrow = ensembleWith(2, { confidence: { ...CURVE, scores: [0.1, 0.2] } });
    expect(decide([BUY, BUY], { ensemble: narrow }).confidence).toBe(0.7);
    expect(decide([EVEN, EVEN], { ensemble: narrow }).confidence).toBe(0.3);
  });
});

test('models that differ add to the uncertainty of their mean', () => {
  const move = (expected: number) => ({ probabilities: EVEN, move: { expected, deviation: 0.3 } });
  const votes = [castVote({ name: 'a', version }, move(0.9)), castVote({ name: 'b', version }, move(0.1))];
  const { symbol, ...market } = {
    symbol: 'X',
    barOpenTimeMs: 0,
    close: 1000,
    atr: 4,
    stopAtr: 4,
    atrRatio: 1,
    spreadBps: 2,
    betaToBitcoin: () => 0.8,
  };
  const signal = decideSignal({ symbol, ...market, votes, ensemble: ensembleWith(2) });
  // Barriers of 80 bps; the mixture's variance is 0.3² + 0.4².
  expect(signal.expectedMoveBps).toBeCloseTo(40, 9);
  expect(signal.moveDeviationBps).toBeCloseTo(80 * 0.5, 9);
  expect(signal.confidence).toBeCloseTo(0.5 + (0.2 * (0.5 - 14 / 80)) / 0.5, 12);
  expect(signal).toMatchObject({ action: 'BUY', probabilities: EVEN, betaToBitcoin: 0.8 });
});

describe('consensus', () => {
  test('two of three is enough, two of four is not', () => {
    const strong: Probabilities = { sell: 0, hold: 0, buy: 1 };
    const weak: Probabilities = { sell: 0.375, hold: 0.375, buy: 0.25 };
    expect(decide([strong, strong, weak])).toMatchObject({ action: 'BUY', consensusFraction: 2 / 3 });
    expect(decide([strong, strong, weak, weak])).toMatchObject({
      action: 'HOLD',
      consensusFraction: 0.5,
      reasons: ['no_consensus', 'ensemble_disagrees'],
    });
  });

  test('a model that leans to neither side is active and supports neither', () => {
    expect(decide([BUY, EVEN])).toMatchObject({ consensusFraction: 0.5, activeModels: 2, action: 'HOLD' });
    expect(decide([EVEN, EVEN])).toMatchObject({
      consensusFraction: 0,
      reasons: ['no_consensus', 'ensemble_disagrees', 'edge_below_threshold'],
    });
  });

  test('the majority must be on the side of the weighted probabilities', () => {
    const heavy = ensembleWith(3);
    const members = heavy.members.map((member, index) => (index === 2 ? { ...member, weight: 10 } : member));
    const signal = decide([BUY, BUY, { sell: 1, hold: 0, buy: 0 }], { ensemble: { ...heavy, members } });
    expect(signal).toMatchObject({
      action: 'HOLD',
      consensusFraction: 2 / 3,
      reasons: ['ensemble_disagrees'],
    });
  });
});

test('where as many models say BUY as SELL there is no side, whichever weighs more', () => {
  const even = ensembleWith(2);
  const members = even.members.map((member, index) => ({ ...member, weight: index === 1 ? 10 : 1 }));
  for (const votes of [
    [BUY, SELL],
    [SELL, BUY],
  ])
    expect(decide(votes, { ensemble: { ...even, members } }).reasons).toEqual([
      'no_consensus',
      'ensemble_disagrees',
    ]);
});

describe('missing models', () => {
  test('one active model decides nothing, however sure', () => {
    expect(decide([{ sell: 0, hold: 0, buy: 1 }, null, null, null])).toMatchObject({
      action: 'HOLD',
      confidence: 0,
      probabilities: null,
      expectedEdgeBps: null,
      activeModels: 1,
      stopPrice: null,
      reasons: ['insufficient_models'],
    });
    expect(decide([null, null])).toMatchObject({ consensusFraction: 0, activeModels: 0 });
  });

  test('the votes show who abstained and why', () => {
    expect(decide([BUY, null, BUY]).votes[1]).toEqual({ model: 'b', version, abstained: 'model_missing' });
  });
});

describe('the stop', () => {
  test('lies at its own multiple of its own ATR, whatever the ATR of the barriers is', () => {
    expect(decide([BUY, BUY], { stopAtr: 20 })).toMatchObject({ atr: 4, stopAtr: 20, stopPrice: 970 });
    expect(decide([SELL, SELL], { stopAtr: 20 }).stopPrice).toBe(1030);
  });

  test('that would lie at or below zero holds a long', () => {
    const wide = { close: 1000, atr: 1000 / 1.5 };
    expect(decide([BUY, BUY], wide)).toMatchObject({
      action: 'HOLD',
      stopPrice: null,
      reasons: ['stop_invalid'],
    });
    expect(decide([SELL, SELL], wide)).toMatchObject({ action: 'SELL', stopPrice: 2000 });
  });

  test('that would lie on the close holds either side', () => {
    const ensemble = ensembleWith(2, { edgeThresholdBps: 0 });
    expect(decide([BUY, BUY], { atr: 0, ensemble }).reasons).toEqual(['stop_invalid']);
    expect(decide([SELL, SELL], { atr: 0, ensemble }).reasons).toEqual(['stop_invalid']);
  });

  test('is no reason where the models lean to neither side', () => {
    expect(decide([EVEN, EVEN], { atr: 0 }).reasons).not.toContain('stop_invalid');
  });
});

describe('broken invariants throw', () => {
  const votes = [
    castVote({ name: 'a', version }, answerOf(BUY)),
    castVote({ name: 'b', version }, answerOf(BUY)),
  ];
  const input = {
    symbol: 'X',
    barOpenTimeMs: 0,
    close: 1,
    atr: 1,
    stopAtr: 1,
    atrRatio: 1,
    spreadBps: 2,
    betaToBitcoin: () => null,
    votes,
    ensemble: ensembleWith(2),
  };
  const incomplete = 'the votes are not one per member of ensemble e20240728_000000';
  test.each([
    ['a close of zero', { close: 0 }, 'close of X is 0'],
    ['a close below zero', { close: -1 }, 'close of X is -1'],
    ['a close that is no number', { close: Number.NaN }, 'close of X is NaN'],
    ['an infinite close', { close: Number.POSITIVE_INFINITY }, 'close of X is Infinity'],
    ['an ATR below zero', { atr: -1 }, 'ATR of X is -1'],
    ['an ATR that is no number', { atr: Number.NaN }, 'ATR of X is NaN'],
    ['an infinite ATR', { atr: Number.POSITIVE_INFINITY }, 'ATR of X is Infinity'],
    ["a stop's ATR below zero", { stopAtr: -1 }, "the stop's ATR of X is -1"],
    ["a stop's ATR that is no number", { stopAtr: Number.NaN }, "the stop's ATR of X is NaN"],
    ["an infinite stop's ATR", { stopAtr: Number.POSITIVE_INFINITY }, "the stop's ATR of X is Infinity"],
    ['a missing vote', { votes: votes.slice(1) }, incomplete],
    ['a vote twice', { votes: [votes[0]!, votes[0]!] }, incomplete],
    ['a stranger', { votes: [votes[0]!, castVote({ name: 'z', version }, answerOf(BUY))] }, incomplete],
    [
      'a stranger beside all members',
      { votes: [...votes, castVote({ name: 'z', version }, answerOf(BUY))] },
      incomplete,
    ],
    [
      'another version',
      { votes: [votes[0]!, castVote({ name: 'b', version: 'v20200101_000000' }, answerOf(BUY))] },
      incomplete,
    ],
  ])('%s', (_, change, message) => {
    expect(() => decideSignal({ ...input, ...change })).toThrow(message);
  });

  test('votes may come in any order, and make one signal', () => {
    expect(decideSignal({ ...input, close: 100, votes: votes.toReversed() })).toEqual(
      decideSignal({ ...input, close: 100 }),
    );
  });
});

test('the beta is asked for where the signal acts, and not where it holds', () => {
  expect(decide([BUY, BUY])).toMatchObject({ action: 'BUY', betaToBitcoin: 1 });
  expect(decide([BUY, EVEN])).toMatchObject({ action: 'HOLD', betaToBitcoin: null });
});

test('a lean is the side of the expected move, whatever the probabilities say', () => {
  expect([0.5, -0.5, 0, 0.01].map(leanOf)).toEqual(['BUY', 'SELL', 'HOLD', 'BUY']);
});
