// Laws of the decision, over arbitrary ensembles, votes and markets.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DecisionInput, decideSignal } from '../../lib/inference/decide-signal.ts';
import { type Signal, signalSchema } from '../../lib/inference/signal.ts';
import {
  abstain,
  castVote,
  MODEL_ABSTENTION_REASONS,
  type ModelAbstentionReason,
  type Probabilities,
  type Vote,
} from '../../lib/models/vote.ts';
import { answerOf } from '../support/models/answer.ts';
import { ensembleOf, memberOf, MODEL_VERSION as version } from '../support/models/sample-ensemble.ts';

const probabilities: fc.Arbitrary<Probabilities> = fc
  .tuple(fc.nat(1000), fc.nat(1000), fc.nat(1000))
  .filter(([sell, hold, buy]) => sell + hold + buy > 0)
  .map(([sell, hold, buy]) => {
    const sum = sell + buy + hold;
    return { sell: sell / sum, hold: hold / sum, buy: buy / sum };
  });
const abstention = fc.constantFrom(...(Object.keys(MODEL_ABSTENTION_REASONS) as ModelAbstentionReason[]));

interface Member {
  readonly weight: number;
  readonly answer: Probabilities | ModelAbstentionReason;
}
const members: fc.Arbitrary<Member[]> = fc.array(
  fc.record({
    weight: fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
    answer: fc.oneof({ weight: 4, arbitrary: probabilities }, abstention),
  }),
  { minLength: 1, maxLength: 7 },
);
const market = fc.record({
  close: fc.double({ min: 1e-8, max: 1e6, noNaN: true }),
  atrPct: fc.double({ min: 0, max: 2, noNaN: true }),
  // Costs below zero do not exist, thresholds below zero do.
  feeBps: fc.double({ min: 0, max: 20, noNaN: true }),
  edgeThresholdBps: fc.double({ min: -30, max: 30, noNaN: true }),
  stopAtrMultiple: fc.double({ min: 0.1, max: 5, noNaN: true }),
});
type Market = typeof market extends fc.Arbitrary<infer M> ? M : never;

function inputOf(
  list: readonly Member[],
  { close, atrPct, feeBps, edgeThresholdBps, stopAtrMultiple }: Market,
): DecisionInput {
  const named = list.map((member, index) => ({ ...member, name: `m${index}`, version }));
  const ensemble = ensembleOf(
    named.map(({ name, weight }) => memberOf(name, weight)),
    {
      label: { kind: 'triple_barrier', horizonBars: 12, atrMultiple: 2, minBarrierBps: 20 },
      costs: { feeBps, slippageBps: 1 },
      confidence: { scores: [-1, 0, 1], probabilities: [0.2, 0.4, 0.8], rows: 1000, days: 30 },
      ...{ edgeThresholdBps, stopAtrMultiple },
    },
  );
  const votes = named.map(
    (model): Vote =>
      typeof model.answer === 'string'
        ? abstain(model, model.answer)
        : castVote(model, answerOf(model.answer)),
  );
  return {
    symbol: 'BTCUSDT',
    barOpenTimeMs: 0,
    close,
    atr: atrPct * close,
    stopAtr: atrPct * close,
    atrRatio: 1,
    spreadBps: 2,
    betaToBitcoin: () => 1,
    votes,
    ensemble,
  };
}

const mirrorOf = ({ sell, hold, buy }: Probabilities): Probabilities => ({ sell: buy, hold, buy: sell });
const decisionOf = ({ votes: _votes, ...decision }: Signal) => decision;

function check(law: (list: Member[], given: Market) => void): void {
  fc.assert(fc.property(members, market, law), { numRuns: 1000 });
}

describe('decideSignal', () => {
  test('is total, and what it gives satisfies the schema', () => {
    check((list, given) => {
      const signal = decideSignal(inputOf(list, given));
      expect(signalSchema.safeParse(signal).error).toBeUndefined();
      expect(signal.action === 'HOLD').toBe(signal.reasons.length > 0);
      expect(signal.stopPrice === null).toBe(signal.action === 'HOLD');
    });
  });

  test('does not depend on the order of votes or members, to the last bit', () => {
    check((list, given) => {
      const input = inputOf(list, given);
      const ensemble = { ...input.ensemble, members: input.ensemble.members.toReversed() };
      expect(decideSignal({ ...input, votes: input.votes.toReversed(), ensemble })).toEqual(
        decideSignal(input),
      );
    });
  });

  test('abstentions never count: without those members the decision is the same', () => {
    check((list, given) => {
      const answering = list.filter(({ answer }) => typeof answer !== 'string');
      const all = decisionOf(decideSignal(inputOf(list, given)));
      expect(all).toEqual(decisionOf(decideSignal(inputOf(answering, given))));
      expect(all.activeModels).toBe(answering.length);
    });
  });

  test('only the proportions of the weights matter', () => {
    check((list, given) => {
      // A power of two, so that scaling rounds nothing.
      const scaled = list.map((member) => ({ ...member, weight: member.weight * 8 }));
      expect(decisionOf(decideSignal(inputOf(scaled, given)))).toEqual(
        decisionOf(decideSignal(inputOf(list, given))),
      );
    });
  });

  test('is symmetric: mirrored probabilities give the mirrored signal', () => {
    check((list, given) => {
      const mirrored = list.map(({ weight, answer }) => ({
        weight,
        answer: typeof answer === 'string' ? answer : mirrorOf(answer),
      }));
      const one = decideSignal(inputOf(list, given));
      const other = decideSignal(inputOf(mirrored, given));
      expect(other.probabilities).toEqual(one.probabilities && mirrorOf(one.probabilities));
      expect(other.expectedEdgeBps).toEqual(one.expectedEdgeBps);
      expect(other.consensusFraction).toBe(one.consensusFraction);
      // A long's stop can fall to zero, a short's cannot: only there may the two differ.
      const stopped = [...one.reasons, ...other.reasons].includes('stop_invalid');
      if (!stopped) {
        expect(other.action).toBe({ BUY: 'SELL', SELL: 'BUY', HOLD: 'HOLD' }[one.action]);
        expect(other.confidence).toBe(one.confidence);
      }
    });
  });

  test('probabilities are a mean: they add up to 1 and lie within those of the models', () => {
    check((list, given) => {
      const { probabilities: merged, confidence, activeModels } = decideSignal(inputOf(list, given));
      expect(merged === null).toBe(activeModels < 2);
      if (merged === null) {
        expect(confidence).toBe(0);
        return;
      }
      expect(merged.sell + merged.hold + merged.buy).toBeCloseTo(1, 12);
      const answers = list.flatMap(({ answer }) => (typeof answer === 'string' ? [] : [answer]));
      for (const side of ['sell', 'hold', 'buy'] as const) {
        const own = answers.map((answer) => answer[side]);
        expect(merged[side]).toBeGreaterThanOrEqual(Math.min(...own) - 1e-12);
        expect(merged[side]).toBeLessThanOrEqual(Math.max(...own) + 1e-12);
      }
    });
  });

  test('acts only with two thirds of the active models, an edge above the threshold, and a stop on the losing side', () => {
    check((list, given) => {
      const signal = decideSignal(inputOf(list, given));
      if (signal.action === 'HOLD') return;
      const leaning = signal.votes.filter((vote) => 'action' in vote && vote.action === signal.action).length;
      expect(3 * leaning).toBeGreaterThanOrEqual(2 * signal.activeModels);
      expect(signal.activeModels).toBeGreaterThanOrEqual(2);
      expect(signal.expectedEdgeBps!).toBeGreaterThan(given.edgeThresholdBps);
      expect(signal.action === 'BUY' ? signal.expectedMoveBps! > 0 : signal.expectedMoveBps! < 0).toBe(true);
      expect(signal.stopPrice! < signal.close).toBe(signal.action === 'BUY');
    });
  });

  test('confidence rises with the edge: dearer costs never make a net profit more likely', () => {
    check((list, given) => {
      const cheap = decideSignal(inputOf(list, given));
      const dear = decideSignal(inputOf(list, { ...given, feeBps: given.feeBps + 5 }));
      expect(dear.confidence).toBeLessThanOrEqual(cheap.confidence);
      if (cheap.probabilities !== null) expect(cheap.confidence).toBeGreaterThanOrEqual(0.2);
    });
  });

  test('the laws above are not empty: BUY, SELL and every reason occur', () => {
    const seen = new Set<string>();
    for (const [list, given] of fc.sample(fc.tuple(members, market), 3000)) {
      const { action, reasons } = decideSignal(inputOf(list, given));
      for (const outcome of [action, ...reasons]) seen.add(outcome);
    }
    expect([...seen].sort()).toEqual([
      'BUY',
      'HOLD',
      'SELL',
      'edge_below_threshold',
      'ensemble_disagrees',
      'insufficient_models',
      'no_consensus',
      'stop_invalid',
    ]);
  });
});
