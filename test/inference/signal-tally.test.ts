import { describe, expect, it } from 'vitest';
import { SignalTally } from '../../lib/inference/signal-tally.ts';
import type { Action, Vote } from '../../lib/models/vote.ts';
import { answerOf } from '../support/models/answer.ts';

const PROBABILITIES = { sell: 0.2, hold: 0.3, buy: 0.5 };
const vote = (model: string, action: Action): Vote => ({
  model,
  version: 'v20240728_000000',
  action,
  ...answerOf(PROBABILITIES),
});
const abstention = (model: string): Vote => ({
  model,
  version: 'v20240728_000000',
  abstained: 'model_missing',
});

function signal(action: Action, confidence: number, consensusFraction: number, votes: Vote[]) {
  return { action, confidence, consensusFraction, probabilities: PROBABILITIES, votes };
}

describe('signal tally', () => {
  it('counts actions, agreement, consensus and confidence', () => {
    const tally = new SignalTally();
    tally.add(signal('BUY', 0.5, 1, [vote('xgboost', 'BUY'), vote('lightgbm', 'BUY')]));
    tally.add(signal('HOLD', 0.7, 0.5, [vote('xgboost', 'BUY'), vote('lightgbm', 'SELL')]));
    tally.add(
      signal('SELL', 0.6, 2 / 3, [vote('lightgbm', 'SELL'), vote('nhits', 'BUY'), vote('xgboost', 'SELL')]),
    );
    expect(tally.summary()).toEqual({
      signals: 3,
      abstained: 0,
      actions: { SELL: 1, HOLD: 1, BUY: 1 },
      consensusRate: 2 / 3,
      meanConsensus: (1 + 0.5 + 2 / 3) / 3,
      meanConfidence: 0.55,
      agreementXgbLgbm: 2 / 3,
      comparedXgbLgbm: 3,
    });
  });

  it('lets abstentions count towards nothing but themselves', () => {
    const tally = new SignalTally();
    tally.add({
      ...signal('HOLD', 0, 0, [abstention('xgboost'), vote('lightgbm', 'BUY')]),
      probabilities: null,
    });
    tally.add(signal('HOLD', 0.8, 1, [abstention('xgboost'), vote('lightgbm', 'BUY'), vote('nhits', 'BUY')]));
    tally.add(signal('HOLD', 0.8, 1, [vote('xgboost', 'BUY'), abstention('lightgbm'), vote('nhits', 'BUY')]));
    expect(tally.summary()).toMatchObject({
      signals: 3,
      abstained: 1,
      actions: { SELL: 0, HOLD: 3, BUY: 0 },
      consensusRate: 1,
      meanConfidence: undefined,
      agreementXgbLgbm: undefined,
      comparedXgbLgbm: 0,
    });
  });

  it('has no means of nothing', () => {
    expect(new SignalTally().summary()).toEqual({
      signals: 0,
      abstained: 0,
      actions: { SELL: 0, HOLD: 0, BUY: 0 },
      consensusRate: undefined,
      meanConsensus: undefined,
      meanConfidence: undefined,
      agreementXgbLgbm: undefined,
      comparedXgbLgbm: 0,
    });
  });
});
