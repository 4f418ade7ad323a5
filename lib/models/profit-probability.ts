// How likely a decision ends with a net profit: a curve from the expected edge in units of its uncertainty to the share of past decisions
// that earned more than their costs. It is fitted out of sample by training/confidence.py and belongs to the ensemble.
import * as z from 'zod';
import type { ExpectedMove } from './vote.ts';

const ascending = (values: readonly number[]): boolean =>
  values.every((value, index) => index === 0 || value >= values[index - 1]!);

export const profitCurveSchema = z
  .strictObject({
    /** Expected edge net of costs ÷ its standard deviation, ascending. */
    scores: z.array(z.number()).min(2).max(64),
    /** Share of decisions with that score that ended with a net profit; never falls. */
    probabilities: z.array(z.number().min(0).max(1)).min(2).max(64),
    /** What the curve was fitted on: rows that no model had been trained on. */
    rows: z.int().positive(),
    days: z.int().positive(),
  })
  .refine(({ scores, probabilities }) => scores.length === probabilities.length, {
    error: 'has scores without a probability, or probabilities without a score',
  })
  .refine(({ scores, probabilities }) => ascending(scores) && ascending(probabilities), {
    error: 'must rise: a larger edge cannot be less likely to pay',
  });
export type ProfitCurve = z.infer<typeof profitCurveSchema>;

/** Of entering at the side of an expected move. @param costs round trip, in barriers like the move */
export function edgeScore({ expected, deviation }: ExpectedMove, costs: number): number {
  return (Math.abs(expected) - costs) / deviation;
}

/** Between two points of the curve on the line that joins them; beyond its ends what its ends say, for nothing more was ever seen. */
export function profitProbability(curve: ProfitCurve, score: number): number {
  const { scores, probabilities } = curve;
  const last = scores.length - 1;
  if (!(score > scores[0]!)) return probabilities[0]!;
  if (score >= scores[last]!) return probabilities[last]!;
  const next = scores.findIndex((at) => at > score);
  const [from, to] = [scores[next - 1]!, scores[next]!];
  const share = (score - from) / (to - from);
  return probabilities[next - 1]! + share * (probabilities[next]! - probabilities[next - 1]!);
}
