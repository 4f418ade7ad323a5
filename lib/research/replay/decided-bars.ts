// What the models' answers come to at every bar of a symbol, as columns: all that a replay needs of them, in a sixth of their memory,
// and for any threshold and stop.
import { invariant } from '../../core/invariant.ts';
import { decideVotes, type VoteColumns, VoteOutcome } from '../../inference/decide-votes.ts';
import type { CandleSeries } from '../../market/candle-series.ts';
import type { Ensemble } from '../../models/ensemble.ts';

/** One element per bar that is decided, ascending in time. The memory is shared, so that workers need no copy. */
export interface DecidedBars {
  readonly symbol: string;
  /** Index into the symbol's candles. */
  readonly candle: Uint32Array;
  /** As decideVotes gives them. */
  readonly lean: Uint8Array;
  readonly holdBits: Uint8Array;
  readonly edgeBps: Float64Array;
  readonly atr: Float64Array;
  readonly stopAtr: Float64Array;
}

interface AnsweredBars extends VoteColumns {
  readonly symbol: string;
  readonly openTimeMs: Float64Array;
  readonly close: Float64Array;
  readonly atr: Float64Array;
  readonly stopAtr: Float64Array;
}

const sharedColumn = <Column>(
  Type: new (memory: SharedArrayBuffer) => Column,
  length: number,
  bytes: number,
): Column => new Type(new SharedArrayBuffer(length * bytes));

/** @param series candles of the symbol: those of every answered bar are among them */
export function decideBars(answers: AnsweredBars, series: CandleSeries, ensemble: Ensemble): DecidedBars {
  const { symbol, openTimeMs, close, atr, stopAtr } = answers;
  const rows = openTimeMs.length;
  const decided = {
    symbol,
    candle: sharedColumn(Uint32Array, rows, 4),
    lean: sharedColumn(Uint8Array, rows, 1),
    holdBits: sharedColumn(Uint8Array, rows, 1),
    edgeBps: sharedColumn(Float64Array, rows, 8),
    atr: sharedColumn(Float64Array, rows, 8),
    stopAtr: sharedColumn(Float64Array, rows, 8),
  };
  const outcome = new VoteOutcome();
  const bar = { row: 0, close: 0, atr: 0 };
  let candle = 0;
  for (let row = 0; row < rows; row++) {
    while (candle < series.length && series.openTimeMs[candle]! < openTimeMs[row]!) candle++;
    const isThere = series.openTimeMs[candle] === openTimeMs[row] && series.close[candle] === close[row];
    invariant(isThere, () => `${symbol} has answers of a bar that is not among its candles`);
    bar.row = row;
    bar.close = close[row]!;
    bar.atr = atr[row]!;
    decideVotes(outcome, answers, bar, ensemble);
    decided.candle[row] = candle;
    decided.lean[row] = outcome.lean;
    decided.holdBits[row] = outcome.holdBits;
    decided.edgeBps[row] = outcome.edgeBps;
    decided.atr[row] = bar.atr;
    decided.stopAtr[row] = stopAtr[row]!;
  }
  return decided;
}
