// Decides one symbol's signal from the votes of the models. The only place where probabilities become an action; live,
// paper and backtest all come through here. A model that abstained never counts, in either direction.
import { invariant } from '../core/invariant.ts';
import type { Ensemble } from '../models/ensemble.ts';
import { barrierFraction } from '../models/label-definition.ts';
import { edgeScore, profitProbability } from '../models/profit-probability.ts';
import { type Action, leanOf, type Probabilities, type Vote } from '../models/vote.ts';
import type { HoldReason, Signal } from './signal.ts';

const ACTIVE_MODELS_MIN = 2;

export interface DecisionInput {
  readonly symbol: string;
  readonly barOpenTimeMs: number;
  /** Close of the bar, > 0, in the quote asset. */
  readonly close: number;
  /** Wilder ATR, 14 bars, ≥ 0, in the quote asset. */
  readonly atr: number;
  /** Average true range of the ensemble's stop timeframe, ≥ 0, in the quote asset. */
  readonly stopAtr: number;
  /** One vote per member of the ensemble, in any order. */
  readonly votes: readonly Vote[];
  readonly ensemble: Ensemble;
}

type ActiveVote = Extract<Vote, { probabilities: Probabilities }>;
interface Consensus {
  readonly side: Action;
  /** Share of the active models on that side, 0…1. */
  readonly fraction: number;
  /** At least two thirds of the active models. */
  readonly reached: boolean;
}
interface Merged {
  readonly probabilities: Probabilities;
  /** The side that the probabilities lean to. */
  readonly lean: Action;
  readonly edgeBps: number;
  /** That an entry on that side ends with a net profit. */
  readonly confidence: number;
  /** Protective stop for an entry at the close; null where none can stand. */
  readonly stopPrice: number | null;
}

/**
 * Total: every set of votes of the ensemble's members gives a signal that satisfies signalSchema. Throws only on broken
 * invariants (a vote of a model that is no member, a missing member, a close that is not positive).
 */
export function decideSignal(input: DecisionInput): Signal {
  const { symbol, barOpenTimeMs, close, atr, stopAtr, ensemble } = input;
  invariant(Number.isFinite(close) && close > 0, `close of ${symbol} is ${close}`);
  invariant(Number.isFinite(atr) && atr >= 0, `ATR of ${symbol} is ${atr}`);
  invariant(Number.isFinite(stopAtr) && stopAtr >= 0, `the stop's ATR of ${symbol} is ${stopAtr}`);
  const votes = votesOfMembers(input);
  const active = votes.filter((vote): vote is ActiveVote => 'probabilities' in vote);
  const consensus = findConsensus(active);
  const merged = active.length < ACTIVE_MODELS_MIN ? null : merge(active, input);
  const reasons = findHoldReasons(merged, consensus, ensemble);
  const action = merged !== null && reasons.length === 0 ? merged.lean : 'HOLD';
  return {
    symbol,
    barOpenTimeMs,
    action,
    confidence: merged?.confidence ?? 0,
    probabilities: merged?.probabilities ?? null,
    expectedEdgeBps: merged?.edgeBps ?? null,
    votes,
    consensusFraction: consensus.fraction,
    activeModels: active.length,
    close,
    atr,
    stopAtr,
    stopPrice: action === 'HOLD' ? null : merged!.stopPrice,
    ensembleId: ensemble.id,
    featureSetHash: ensemble.featureSetHash,
    reasons,
  };
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

function findConsensus(active: readonly ActiveVote[]): Consensus {
  const buys = active.filter(({ probabilities }) => leanOf(probabilities) === 'BUY').length;
  const sells = active.filter(({ probabilities }) => leanOf(probabilities) === 'SELL').length;
  const most = Math.max(buys, sells);
  return {
    side: buys === sells ? 'HOLD' : buys > sells ? 'BUY' : 'SELL',
    fraction: active.length === 0 ? 0 : most / active.length,
    // In integers: 2 of 3 must pass exactly.
    reached: 3 * most >= 2 * active.length,
  };
}

function merge(active: readonly ActiveVote[], { close, atr, stopAtr, ensemble }: DecisionInput): Merged {
  const weights = new Map(ensemble.members.map(({ name, weight }) => [name, weight]));
  const weightSum = active.reduce((sum, { model }) => sum + weights.get(model)!, 0);
  const mean = (side: keyof Probabilities) =>
    active.reduce((sum, { model, probabilities }) => sum + weights.get(model)! * probabilities[side], 0) /
    weightSum;
  const probabilities = { sell: mean('sell'), hold: mean('hold'), buy: mean('buy') };

  const lean = leanOf(probabilities);
  const { feeBps, slippageBps } = ensemble.costs;
  const barrierBps = 10_000 * barrierFraction(atr / close, ensemble.label);
  invariant(Number.isFinite(barrierBps), `ATR ${atr} at a close of ${close} is no distance`);
  // Entry and exit each pay fee and slippage.
  const costsBps = 2 * (feeBps + slippageBps);
  return {
    probabilities,
    lean,
    edgeBps: Math.abs(probabilities.buy - probabilities.sell) * barrierBps - costsBps,
    confidence: profitProbability(ensemble.confidence, edgeScore(probabilities, costsBps / barrierBps)),
    stopPrice: placeStop({ lean, close, distance: ensemble.stopAtrMultiple * stopAtr }),
  };
}

function placeStop(entry: { lean: Action; close: number; distance: number }): number | null {
  const { lean, close, distance } = entry;
  const stopPrice = lean === 'BUY' ? close - distance : close + distance;
  const protects = lean === 'BUY' ? stopPrice < close : stopPrice > close;
  return protects && stopPrice > 0 && Number.isFinite(stopPrice) ? stopPrice : null;
}

/** All reasons that apply; none means that the signal acts. */
function findHoldReasons(merged: Merged | null, consensus: Consensus, ensemble: Ensemble): HoldReason[] {
  if (merged === null) return ['insufficient_models'];
  const reasons: HoldReason[] = [];
  if (!consensus.reached) reasons.push('no_consensus');
  if (merged.lean === 'HOLD' || merged.lean !== consensus.side) reasons.push('ensemble_disagrees');
  // Negated, so that an edge that is not a number holds.
  if (!(merged.edgeBps > ensemble.edgeThresholdBps)) reasons.push('edge_below_threshold');
  if (merged.lean !== 'HOLD' && merged.stopPrice === null) reasons.push('stop_invalid');
  return reasons;
}
