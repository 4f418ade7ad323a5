// Decides one symbol's signal from the votes of the models. The only place where probabilities become an action; live,
// paper and backtest all come through here. A model that abstained never counts, in either direction.
import { invariant } from '../core/invariant.ts';
import type { Ensemble } from '../models/ensemble.ts';
import { OUTPUT_WIDTH } from '../models/model-output.ts';
import { profitProbability } from '../models/profit-probability.ts';
import { ACTIONS, type Vote } from '../models/vote.ts';
import { allHoldBits, decideVotes, entryStop, HOLD, holdReasonsOf, VoteOutcome } from './decide-votes.ts';
import type { Signal } from './signal.ts';

export interface DecisionInput {
  readonly symbol: string;
  readonly barOpenTimeMs: number;
  /** Close of the bar, > 0, in the quote asset. */
  readonly close: number;
  /** Wilder ATR, 14 bars, ≥ 0, in the quote asset. */
  readonly atr: number;
  /** Average true range of the ensemble's stop timeframe, ≥ 0, in the quote asset. */
  readonly stopAtr: number;
  /** Passed on to the signal: ATR to its own mean, and the spread that highs and lows imply, basis points. */
  readonly atrRatio: number;
  readonly spreadBps: number;
  /** Beta of the symbol to Bitcoin at this bar, null where it cannot be told. Asked for where the signal acts. */
  readonly betaToBitcoin: () => number | null;
  /** One vote per member of the ensemble, in any order. */
  readonly votes: readonly Vote[];
  readonly ensemble: Ensemble;
}

/**
 * Total: every set of votes of the ensemble's members gives a signal that satisfies signalSchema. Throws only on broken
 * invariants (a vote of a model that is no member, a missing member, a close that is not positive).
 */
export function decideSignal(input: DecisionInput): Signal {
  const { symbol, barOpenTimeMs, close, atr, stopAtr, atrRatio, spreadBps, betaToBitcoin, ensemble } = input;
  invariant(Number.isFinite(close) && close > 0, () => `close of ${symbol} is ${close}`);
  invariant(Number.isFinite(atr) && atr >= 0, () => `ATR of ${symbol} is ${atr}`);
  invariant(Number.isFinite(stopAtr) && stopAtr >= 0, () => `the stop's ATR of ${symbol} is ${stopAtr}`);
  const votes = votesOfMembers(input);
  const outcome = new VoteOutcome();
  decideVotes(outcome, columnsOf(votes), { row: 0, close, atr }, ensemble);
  const { lean, activeModels, hasProbabilities } = outcome;
  const probabilities = hasProbabilities
    ? { sell: outcome.sell, hold: outcome.hold, buy: outcome.buy }
    : null;
  const stopPrice = entryStop(lean, { close, stopAtr }, ensemble.stopAtrMultiple);
  const holdBits = allHoldBits(outcome, stopPrice, ensemble.edgeThresholdBps);
  const action = ACTIONS[holdBits === 0 ? lean : HOLD]!;
  return {
    symbol,
    barOpenTimeMs,
    action,
    confidence: hasProbabilities ? profitProbability(ensemble.confidence, outcome.score) : 0,
    probabilities,
    expectedMoveBps: hasProbabilities ? outcome.moveBps : null,
    moveDeviationBps: hasProbabilities ? outcome.deviationBps : null,
    expectedEdgeBps: hasProbabilities ? outcome.edgeBps : null,
    votes,
    consensusFraction: activeModels === 0 ? 0 : outcome.onSide / activeModels,
    activeModels,
    close,
    atr,
    stopAtr,
    atrRatio,
    spreadBps,
    betaToBitcoin: action === 'HOLD' ? null : betaToBitcoin(),
    stopPrice: action === 'HOLD' ? null : stopPrice,
    ensembleId: ensemble.id,
    featureSetHash: ensemble.featureSetHash,
    reasons: holdReasonsOf(holdBits),
  };
}

function columnsOf(votes: readonly Vote[]) {
  const answers = new Float64Array(votes.length * OUTPUT_WIDTH);
  votes.forEach((vote, member) => {
    if ('abstained' in vote) return;
    const { sell, hold, buy } = vote.probabilities;
    const { expected, deviation } = vote.move;
    answers.set([sell, hold, buy, expected, deviation], member * OUTPUT_WIDTH);
  });
  return { answers, abstentions: Uint8Array.from(votes, (vote) => ('abstained' in vote ? 1 : 0)) };
}

/** The votes by model name: sums then have one order, and the signal one text, however the votes arrived. */
function votesOfMembers({ votes, ensemble }: DecisionInput): Vote[] {
  const sorted = [...votes].sort((a, b) => (a.model < b.model ? -1 : 1));
  const members = [...ensemble.members].sort((a, b) => (a.name < b.name ? -1 : 1));
  const complete =
    sorted.length === members.length &&
    members.every(
      ({ name, version }, index) => sorted[index]!.model === name && sorted[index]!.version === version,
    );
  invariant(complete, `the votes are not one per member of ensemble ${ensemble.id}`);
  return sorted;
}
