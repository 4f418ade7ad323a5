// The models' answers at every past bar of a symbol, as columns of numbers: computed once in batches, then decided bar by bar by the
// function that decides in serving. A year of a hundred symbols fits into memory, and a repeated backtest does not run the models
// again.
import { createHash } from 'node:crypto';
import { invariant } from '../../core/invariant.ts';
import { type Result, success } from '../../core/result.ts';
import { decideSignal } from '../../inference/decide-signal.ts';
import type { Signal } from '../../inference/signal.ts';
import { askModels } from '../../inference/use-cases/ask-models.ts';
import type { OpenTimeRange } from '../../market/bar-range.ts';
import { type CandleSeries, countUntil, sliceSeries } from '../../market/candle-series.ts';
import { checkBars } from '../../market/grid.ts';
import type { Ensemble } from '../../models/ensemble.ts';
import { OUTPUT_WIDTH } from '../../models/model-output.ts';
import type { LoadedEnsemble } from '../../models/use-cases/loaded-ensemble.ts';
import {
  abstain,
  castVote,
  MODEL_ABSTENTION_REASONS,
  type ModelAbstentionReason,
  type Vote,
} from '../../models/vote.ts';
import { gridBefore } from '../grid-before.ts';
import { servedRows } from './served-rows.ts';

/** A batch of sequences is then 786 KB. */
const BATCH_ROWS = 256;
const REASONS = Object.keys(MODEL_ABSTENTION_REASONS) as ModelAbstentionReason[];

/** One element per bar at which serving would decide, ascending in time. Members by name. */
export interface Predictions {
  readonly symbol: string;
  readonly openTimeMs: Float64Array;
  readonly close: Float64Array;
  readonly atr: Float64Array;
  /** Of the ensemble's stop timeframe. */
  readonly stopAtr: Float64Array;
  readonly atrRatio: Float64Array;
  readonly spreadBps: Float64Array;
  /** [rows, members, 5] as `OUTPUT_COLUMNS` says; zeros where the member abstained. */
  readonly answers: Float64Array;
  /** [rows, members]: 0 where the member answered, else one more than the index of its reason. */
  readonly abstentions: Uint8Array;
}

/** Answers of earlier runs, each under a hash of everything that determines it. */
export interface PredictionCache {
  get(symbol: string, key: string): Promise<Predictions | undefined>;
  put(predictions: Predictions, key: string): Promise<void>;
}

export const allocatePredictions = (
  symbol: string,
  { rows, members }: { rows: number; members: number },
): Predictions => ({
  symbol,
  openTimeMs: new Float64Array(rows),
  close: new Float64Array(rows),
  atr: new Float64Array(rows),
  stopAtr: new Float64Array(rows),
  atrRatio: new Float64Array(rows),
  spreadBps: new Float64Array(rows),
  answers: new Float64Array(rows * members * OUTPUT_WIDTH),
  abstentions: new Uint8Array(rows * members),
});

/**
 * Asks the models at every bar of the range at which serving would not abstain. Candles before `fromMs` feed the features, none
 * from `toMs` on is read. Fails with one line when the candles span more bars than a grid may have.
 */
export async function predictSymbol(
  loaded: LoadedEnsemble,
  symbol: string,
  { candles, range }: { candles: CandleSeries; range: OpenTimeRange },
): Promise<Result<Predictions, string>> {
  const filled = gridBefore(candles, range.toMs);
  if (!filled.ok) return filled;
  const grid = filled.value;
  const verdicts = checkBars(grid);
  const first = range.fromMs === undefined ? 0 : countUntil(grid, range.fromMs - 1);
  const bars = Int32Array.from(
    verdicts.flatMap((verdict, bar) => (verdict === undefined && bar >= first ? [bar] : [])),
  );
  const withSequences = loaded.serving.some(({ input }) => input.kind === 'sequence');
  const rowOf = servedRows(symbol, grid, { bars, verdicts: withSequences ? verdicts : undefined });
  const predictions = allocatePredictions(symbol, {
    rows: bars.length,
    members: loaded.ensemble.members.length,
  });
  for (let start = 0; start < bars.length; start += BATCH_ROWS) {
    const batch = Array.from(bars.subarray(start, start + BATCH_ROWS), rowOf);
    const { signals } = await askModels(loaded, batch);
    signals.forEach((signal, offset) => {
      keepSignal(predictions, start + offset, signal);
    });
  }
  return success(predictions);
}

function keepSignal(predictions: Predictions, row: number, signal: Signal): void {
  const { votes } = signal;
  predictions.openTimeMs[row] = signal.barOpenTimeMs;
  predictions.close[row] = signal.close;
  predictions.atr[row] = signal.atr;
  predictions.stopAtr[row] = signal.stopAtr;
  predictions.atrRatio[row] = signal.atrRatio;
  predictions.spreadBps[row] = signal.spreadBps;
  votes.forEach((vote, member) => {
    const position = row * votes.length + member;
    if ('abstained' in vote) {
      predictions.abstentions[position] = REASONS.indexOf(vote.abstained) + 1;
      return;
    }
    const { probabilities, move } = vote;
    const { sell, hold, buy } = probabilities;
    predictions.answers.set([sell, hold, buy, move.expected, move.deviation], position * OUTPUT_WIDTH);
  });
}

/** `predictSymbol`, unless the cache has this symbol's answers by the same models to the same candles. */
export async function predictOnce(
  loaded: LoadedEnsemble,
  symbol: string,
  input: { candles: CandleSeries; range: OpenTimeRange; cache: PredictionCache | undefined },
): Promise<Result<Predictions, string>> {
  const key = input.cache && keyOf(loaded, symbol, input);
  const known = key === undefined ? undefined : await input.cache?.get(symbol, key);
  if (known !== undefined) return success(known);
  const predictions = await predictSymbol(loaded, symbol, input);
  if (predictions.ok && key !== undefined) await input.cache?.put(predictions.value, key);
  return predictions;
}

function keyOf(
  { ensemble, quarantined }: LoadedEnsemble,
  symbol: string,
  { candles, range }: { candles: CandleSeries; range: OpenTimeRange },
): string {
  const { id, featureSetHash, members, stopAtrTimeframe } = ensemble;
  const models = members.map(({ name, version, sha256 }) => [name, version, sha256]);
  const excluded = quarantined.map(({ model, reason }) => [model, reason]);
  const { fromMs = null, toMs = null } = range;
  const hash = createHash('sha256').update(
    JSON.stringify([id, featureSetHash, stopAtrTimeframe, models, excluded, symbol, fromMs, toMs]),
  );
  const known = toMs === null ? candles.length : countUntil(candles, toMs - 1);
  const { openTimeMs, open, high, low, close, volume } = sliceSeries(candles, 0, known);
  for (const column of [openTimeMs, open, high, low, close, volume])
    hash.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
  return hash.digest('hex');
}

/** Beta to Bitcoin of a symbol at a bar. */
export type BetaSource = (symbol: string, barOpenTimeMs: number) => number | null;

/**
 * The signal of one row, equal to the last bit to what asking the models at that bar gives.
 * @param betas needed by those who trade on it. @default not known
 */
export function signalOfRow(
  predictions: Predictions,
  row: number,
  ensemble: Ensemble,
  betas: BetaSource = () => null,
): Signal {
  const { symbol, openTimeMs, close, atr, stopAtr, atrRatio, spreadBps } = predictions;
  invariant(row >= 0 && row < openTimeMs.length, `${symbol} has no row ${row}`);
  return decideSignal({
    symbol,
    barOpenTimeMs: openTimeMs[row]!,
    close: close[row]!,
    atr: atr[row]!,
    stopAtr: stopAtr[row]!,
    atrRatio: atrRatio[row]!,
    spreadBps: spreadBps[row]!,
    betaToBitcoin: () => betas(symbol, openTimeMs[row]!),
    votes: membersByName(ensemble).map((member, index) => voteOf(predictions, row, { member, index })),
    ensemble,
  });
}

const sortedMembers = new WeakMap<Ensemble, Ensemble['members']>();

function membersByName(ensemble: Ensemble): Ensemble['members'] {
  const known = sortedMembers.get(ensemble);
  if (known !== undefined) return known;
  const sorted = [...ensemble.members].sort((a, b) => (a.name < b.name ? -1 : 1));
  sortedMembers.set(ensemble, sorted);
  return sorted;
}

function voteOf(
  { answers, abstentions, openTimeMs }: Predictions,
  row: number,
  { member, index }: { member: Ensemble['members'][number]; index: number },
): Vote {
  const position = row * (abstentions.length / openTimeMs.length) + index;
  const abstention = abstentions[position]!;
  if (abstention > 0) return abstain(member, REASONS[abstention - 1]!);
  const start = position * OUTPUT_WIDTH;
  const [sell, hold, buy, expected, deviation] = answers.subarray(start, start + OUTPUT_WIDTH);
  return castVote(member, {
    probabilities: { sell: sell!, hold: hold!, buy: buy! },
    move: { expected: expected!, deviation: deviation! },
  });
}
