// How one model stands among the others.
import { expect, test } from 'vitest';
import { DAY_MS } from '../../../lib/core/units.ts';
import type { Vote } from '../../../lib/models/vote.ts';
import { abstain, castVote } from '../../../lib/models/vote.ts';
import { ActedEdgeTally } from '../../../lib/research/metrics/acted-edge.ts';
import { VoteTally } from '../../../lib/research/metrics/vote-tally.ts';
import { answerOf } from '../../support/models/answer.ts';

const VERSION = 'v20240728_000000';
const buy = (name: string): Vote =>
  castVote({ name, version: VERSION }, answerOf({ sell: 0.1, hold: 0.3, buy: 0.6 }));
const sell = (name: string): Vote =>
  castVote({ name, version: VERSION }, answerOf({ sell: 0.7, hold: 0.2, buy: 0.1 }));

test('counts sides, confidence and standing with the majority', () => {
  const tally = new VoteTally('a');
  tally.add({ votes: [buy('a'), buy('b'), sell('c')], consensusFraction: 2 / 3, activeModels: 3 });
  tally.add({ votes: [sell('a'), buy('b'), buy('c')], consensusFraction: 2 / 3, activeModels: 3 });
  tally.add({ votes: [buy('a'), sell('b')], consensusFraction: 0.5, activeModels: 2 });
  const silent = abstain({ name: 'a', version: VERSION }, 'sequence_incomplete');
  tally.add({ votes: [silent, buy('b'), buy('c')], consensusFraction: 1, activeModels: 2 });
  expect(tally.summary()).toEqual({
    votes: 3,
    actions: { SELL: 1, HOLD: 0, BUY: 2 },
    meanConfidence: (0.6 + 0.7 + 0.6) / 3,
    consensusRate: 1 / 3,
    abstentions: { sequence_incomplete: 1 },
  });
});

test('a model alone has a side but no consensus', () => {
  const tally = new VoteTally('a');
  tally.add({ votes: [buy('a')], consensusFraction: 1, activeModels: 1 });
  expect(tally.summary()).toMatchObject({ votes: 1, consensusRate: undefined });
});

test('says undefined where it saw nothing', () => {
  expect(new VoteTally('a').summary()).toMatchObject({
    votes: 0,
    meanConfidence: undefined,
    consensusRate: undefined,
  });
});

test('the edge of acted-on signals is side × move, before and after costs', () => {
  const tally = new ActedEdgeTally();
  const up = Math.log(1.01);
  tally.add({ side: 'BUY', barOpenTimeMs: 0, forwardReturn: up });
  tally.add({ side: 'SELL', barOpenTimeMs: 0, forwardReturn: up });
  tally.add({ side: 'BUY', barOpenTimeMs: DAY_MS, forwardReturn: up });
  const summary = tally.summary({ costsBps: 14, drawIndex: () => 0 });
  expect(summary).toMatchObject({ signals: 3, days: 2, costsBps: 14, netBpsInterval: undefined });
  expect(summary.grossBps).toBeCloseTo(100 / 3, 10);
  expect(summary.netBps).toBeCloseTo(100 / 3 - 14, 10);
});

test('the interval of the edge comes from days drawn together', () => {
  const tally = new ActedEdgeTally();
  for (let day = 0; day < 6; day++)
    tally.add({ side: 'BUY', barOpenTimeMs: day * DAY_MS, forwardReturn: Math.log(1 + day / 1_000) });
  // Always the same day is drawn: an interval of one point, that day's 30 bps less the costs.
  const { netBpsInterval } = tally.summary({ costsBps: 14, drawIndex: () => 3 });
  expect(netBpsInterval!.low).toBeCloseTo(16, 8);
  expect(netBpsInterval!.high).toBeCloseTo(16, 8);
});

test('the day with most signals is told apart from the others', () => {
  const tally = new ActedEdgeTally();
  const add = (day: number, bps: number) =>
    tally.add({ side: 'BUY', barOpenTimeMs: day * DAY_MS, forwardReturn: Math.log(1 + bps / 10_000) });
  for (let signal = 0; signal < 10; signal++) add(3, 1_000);
  for (const day of [9, 8, 7, 5, 4]) add(day, 24);
  const summary = tally.summary({ costsBps: 14, drawIndex: () => 0 });
  expect(summary.busiestDay).toEqual({ startMs: 3 * DAY_MS, signals: 10 });
  expect(summary.otherDaysNetBps).toBeCloseTo(10, 8);
  expect(summary.otherDaysNetBpsInterval!.low).toBeCloseTo(10, 8);
  expect(summary.netBps).toBeGreaterThan(600);
});

test('no signal acted on is no edge, not an edge of 0', () => {
  const summary = new ActedEdgeTally().summary({ costsBps: 14, drawIndex: () => 0 });
  expect(summary).toMatchObject({
    signals: 0,
    grossBps: undefined,
    netBps: undefined,
    busiestDay: undefined,
  });
});
