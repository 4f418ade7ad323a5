// The rule of a decision on bare numbers: from the votes of the models to a side, an expected edge and the reasons to hold. Serving
// decides one bar by it, a backtest millions; neither has another.
import { invariant } from '../core/invariant.ts';
import type { Ensemble } from '../models/ensemble.ts';
import { barrierFraction } from '../models/label-definition.ts';
import { OUTPUT_WIDTH } from '../models/model-output.ts';
import { edgeScore } from '../models/profit-probability.ts';
import { ACTIONS, type ExpectedMove } from '../models/vote.ts';
import type { HoldReason } from './signal.ts';

const ACTIVE_MODELS_MIN = 2;

/** Index into ACTIONS. */
const SELL = ACTIONS.indexOf('SELL');
export const HOLD = ACTIONS.indexOf('HOLD');
const BUY = ACTIONS.indexOf('BUY');

/** In the order in which a signal tells them; a set of them is a number with one bit for each. */
const HOLD_REASONS_IN_ORDER: readonly HoldReason[] = [
  'insufficient_models',
  'no_consensus',
  'ensemble_disagrees',
  'edge_below_threshold',
  'stop_invalid',
];
const bitOf = (reason: HoldReason): number => 1 << HOLD_REASONS_IN_ORDER.indexOf(reason);
const INSUFFICIENT_MODELS = bitOf('insufficient_models');
const NO_CONSENSUS = bitOf('no_consensus');
const ENSEMBLE_DISAGREES = bitOf('ensemble_disagrees');
const EDGE_BELOW_THRESHOLD = bitOf('edge_below_threshold');
const STOP_INVALID = bitOf('stop_invalid');

export const holdReasonsOf = (bits: number): HoldReason[] =>
  HOLD_REASONS_IN_ORDER.filter((reason) => (bits & bitOf(reason)) !== 0);

/** Votes of many bars as columns, members by name. */
export interface VoteColumns {
  /** [rows, members, 5] as `OUTPUT_COLUMNS` says. */
  readonly answers: Float64Array;
  /** [rows, members]: 0 where the member answered. */
  readonly abstentions: Uint8Array;
}

export interface VotedBar {
  readonly row: number;
  readonly close: number;
  readonly atr: number;
}

/** What the votes come to, whatever threshold and stop; written in place, so that deciding a million bars allocates nothing. */
export class VoteOutcome {
  activeModels = 0;
  /** Active models on the side that most of them lean to. */
  onSide = 0;
  side = HOLD;
  /** Probabilities, lean, move and edge say nothing when it holds for lack of models. */
  sell = 0;
  hold = 0;
  buy = 0;
  lean = HOLD;
  moveBps = 0;
  deviationBps = 0;
  edgeBps = 0;
  /** Edge in units of its deviation: what the confidence is read off. */
  score = 0;
  /** Reasons that no threshold or stop changes. */
  holdBits = 0;

  get hasProbabilities(): boolean {
    return (this.holdBits & INSUFFICIENT_MODELS) === 0;
  }
}

/** The side of an expected move. */
const leanOf = (move: number): number => (move > 0 ? BUY : move < 0 ? SELL : HOLD);

const weightsByEnsemble = new WeakMap<Ensemble, Float64Array>();

/** Of the members by name. */
function weightsOf(ensemble: Ensemble): Float64Array {
  const known = weightsByEnsemble.get(ensemble);
  if (known !== undefined) return known;
  const byName = [...ensemble.members].sort((a, b) => (a.name < b.name ? -1 : 1));
  const weights = Float64Array.from(byName, ({ weight }) => weight);
  weightsByEnsemble.set(ensemble, weights);
  return weights;
}

export function decideVotes(
  outcome: VoteOutcome,
  { answers, abstentions }: VoteColumns,
  bar: VotedBar,
  ensemble: Ensemble,
): void {
  const weights = weightsOf(ensemble);
  const members = weights.length;
  let [active, buys, sells] = [0, 0, 0];
  let [sell, hold, buy, weightSum] = [0, 0, 0, 0];
  let [expected, square] = [0, 0];
  for (let member = 0; member < members; member++) {
    const position = bar.row * members + member;
    if (abstentions[position] !== 0) continue;
    const start = position * OUTPUT_WIDTH;
    const move = answers[start + 3]!;
    const deviation = answers[start + 4]!;
    const lean = leanOf(move);
    if (lean === BUY) buys++;
    else if (lean === SELL) sells++;
    const weight = weights[member]!;
    sell += weight * answers[start]!;
    hold += weight * answers[start + 1]!;
    buy += weight * answers[start + 2]!;
    expected += weight * move;
    square += weight * (deviation * deviation + move * move);
    weightSum += weight;
    active++;
  }
  outcome.activeModels = active;
  outcome.onSide = Math.max(buys, sells);
  outcome.side = buys === sells ? HOLD : buys > sells ? BUY : SELL;
  if (active < ACTIVE_MODELS_MIN) {
    outcome.holdBits = INSUFFICIENT_MODELS;
    outcome.lean = HOLD;
    outcome.edgeBps = Number.NaN;
    return;
  }
  outcome.sell = sell / weightSum;
  outcome.hold = hold / weightSum;
  outcome.buy = buy / weightSum;
  const mean = expected / weightSum;
  outcome.lean = leanOf(mean);
  // Of the mixture: what the models differ by adds to what each is uncertain of.
  const deviation = Math.sqrt(Math.max(0, square / weightSum - mean * mean));
  priceMove(outcome, { expected: mean, deviation }, bar, ensemble);
  // In integers: 2 of 3 must pass exactly.
  const isAgreed = 3 * outcome.onSide >= 2 * active;
  const isDivided = outcome.lean === HOLD || outcome.lean !== outcome.side;
  outcome.holdBits = (isAgreed ? 0 : NO_CONSENSUS) | (isDivided ? ENSEMBLE_DISAGREES : 0);
}

/** Below it what the models expect has no spread to speak of, and would be as good as certain. */
const DEVIATION_MIN = 1e-6;

function priceMove(
  outcome: VoteOutcome,
  { expected, deviation }: ExpectedMove,
  { close, atr }: VotedBar,
  ensemble: Ensemble,
): void {
  const { feeBps, slippageBps } = ensemble.costs;
  const barrierBps = 10_000 * barrierFraction(atr / close, ensemble.label);
  invariant(Number.isFinite(barrierBps), () => `ATR ${atr} at a close of ${close} is no distance`);
  // Entry and exit each pay fee and slippage.
  const costsBps = 2 * (feeBps + slippageBps);
  const certain = { expected, deviation: Math.max(deviation, DEVIATION_MIN) };
  outcome.moveBps = expected * barrierBps;
  outcome.deviationBps = deviation * barrierBps;
  outcome.edgeBps = Math.abs(expected) * barrierBps - costsBps;
  outcome.score = edgeScore(certain, costsBps / barrierBps);
}

/** Protective stop for an entry at the close; NaN where none can stand. */
export function entryStop(
  lean: number,
  { close, stopAtr }: { readonly close: number; readonly stopAtr: number },
  stopAtrMultiple: number,
): number {
  const distance = stopAtrMultiple * stopAtr;
  const stopPrice = lean === BUY ? close - distance : close + distance;
  const protects = lean === BUY ? stopPrice < close : stopPrice > close;
  return protects && stopPrice > 0 && Number.isFinite(stopPrice) ? stopPrice : Number.NaN;
}

/**
 * All reasons to hold; 0 means that the signal acts, on the side that it leans to.
 * @param holdBits of the outcome
 */
export function allHoldBits(
  { holdBits, lean, edgeBps }: Pick<VoteOutcome, 'holdBits' | 'lean' | 'edgeBps'>,
  stopPrice: number,
  edgeThresholdBps: number,
): number {
  if ((holdBits & INSUFFICIENT_MODELS) !== 0) return holdBits;
  // Negated, so that an edge that is not a number holds.
  const isBelow = !(edgeBps > edgeThresholdBps);
  const isUnstoppable = lean !== HOLD && Number.isNaN(stopPrice);
  return holdBits | (isBelow ? EDGE_BELOW_THRESHOLD : 0) | (isUnstoppable ? STOP_INVALID : 0);
}
