// Reads a model's output: a row is a probability vector and a move that can be, or it does not count as an answer.
import { invariant } from '../core/invariant.ts';
import type { Answer, Probabilities } from './vote.ts';

/** Columns of every model's output: the classes' probabilities, then the move over the horizon in barriers. */
export const OUTPUT_COLUMNS = ['sell', 'hold', 'buy', 'expected_move', 'move_deviation'] as const;
export const OUTPUT_WIDTH = OUTPUT_COLUMNS.length;

const RANGE_TOLERANCE = 1e-6;
const SUM_TOLERANCE = 1e-4;
/** In barriers. Models learn from moves of at most 4. */
const MOVE_MAX = 100;

/**
 * @param output float32 [rows, 5]
 * @returns one entry per row; undefined where a value is not finite, a probability lies outside [0,1] (±1e-6), their sum is not 1
 * (±1e-4), the deviation is not above 0, or the move is beyond reason. Probabilities are rescaled to add up to 1 in float64, as
 * float32 cannot.
 */
export function readAnswers(output: Float32Array, rows: number): (Answer | undefined)[] {
  invariant(output.length === rows * OUTPUT_WIDTH, `${output.length} outputs for ${rows} rows`);
  return Array.from({ length: rows }, (_, row) => {
    const at = row * OUTPUT_WIDTH;
    const probabilities = normalise(output[at]!, output[at + 1]!, output[at + 2]!);
    const expected = output[at + 3]!;
    const deviation = output[at + 4]!;
    // Negated, so that NaN is no answer.
    const isMove = Math.abs(expected) <= MOVE_MAX && deviation > 0 && deviation <= MOVE_MAX;
    if (probabilities === undefined || !isMove) return undefined;
    return { probabilities, move: { expected, deviation } };
  });
}

function normalise(rawSell: number, rawHold: number, rawBuy: number): Probabilities | undefined {
  if (!isShare(rawSell) || !isShare(rawHold) || !isShare(rawBuy)) return undefined;
  if (Math.abs(rawSell + rawHold + rawBuy - 1) > SUM_TOLERANCE) return undefined;
  const sell = Math.max(0, rawSell);
  const hold = Math.max(0, rawHold);
  const buy = Math.max(0, rawBuy);
  // In this order the sum is the same when sell and buy change places.
  const sum = sell + buy + hold;
  return { sell: sell / sum, hold: hold / sum, buy: buy / sum };
}

const isShare = (value: number): boolean => value >= -RANGE_TOLERANCE && value <= 1 + RANGE_TOLERANCE;
