// Reads a model's output: a row is a probability vector, or it does not count as an answer.
import { invariant } from '../core/invariant.ts';
import { CLASSES, type Probabilities } from './vote.ts';

const RANGE_TOLERANCE = 1e-6;
const SUM_TOLERANCE = 1e-4;

/**
 * @param output float32 [rows, 3]: sell, hold, buy
 * @returns one entry per row; undefined where a value is not finite, lies outside [0,1] (±1e-6), or the sum is not 1
 * (±1e-4). The rest is rescaled to add up to 1 in float64, as float32 cannot.
 */
export function readProbabilities(output: Float32Array, rows: number): (Probabilities | undefined)[] {
  invariant(output.length === rows * CLASSES.length, `${output.length} outputs for ${rows} rows`);
  return Array.from({ length: rows }, (_, row) => {
    const [sell, hold, buy] = output.subarray(row * CLASSES.length);
    return normalise({ sell: sell!, hold: hold!, buy: buy! });
  });
}

function normalise(raw: Probabilities): Probabilities | undefined {
  const values = [raw.sell, raw.hold, raw.buy];
  if (!values.every((value) => value >= -RANGE_TOLERANCE && value <= 1 + RANGE_TOLERANCE)) return undefined;
  if (Math.abs(raw.sell + raw.hold + raw.buy - 1) > SUM_TOLERANCE) return undefined;
  const sell = Math.max(0, raw.sell);
  const hold = Math.max(0, raw.hold);
  const buy = Math.max(0, raw.buy);
  // In this order the sum is the same when sell and buy change places.
  const sum = sell + buy + hold;
  return { sell: sell / sum, hold: hold / sum, buy: buy / sum };
}
