// How likely a Sharpe ratio is skill, given how short and skewed the record is and how many strategies were tried before
// this one was shown. All Sharpe ratios here are per observation (per day), never annualised.
import { invariant } from '../../core/invariant.ts';
import { momentsOf } from '../../core/statistics/moments.ts';
import { normalCdf, normalQuantile } from '../../core/statistics/normal-distribution.ts';

const EULER_MASCHERONI = 0.5772156649015329;

export interface SharpeEvidence {
  readonly sharpe: number;
  /** Number of returns it was computed from. */
  readonly observations: number;
  /** Of the returns; kurtosis of a normal distribution is 3. */
  readonly skewness: number;
  readonly kurtosis: number;
}

/**
 * Probability that the true Sharpe ratio exceeds `benchmark`:
 * Φ((SR − SR*) √(T − 1) / √(1 − γ₃ SR + (γ₄ − 1)/4 SR²)). undefined for fewer than 2 observations, or where the
 * variance estimate is not positive.
 * Source: Bailey & López de Prado 2012, "The Sharpe Ratio Efficient Frontier", eq. 11.
 */
export function probabilisticSharpe(evidence: SharpeEvidence, benchmark: number): number | undefined {
  const { sharpe, observations, skewness, kurtosis } = evidence;
  const variance = 1 - skewness * sharpe + ((kurtosis - 1) / 4) * sharpe ** 2;
  if (observations < 2 || !(variance > 0)) return undefined;
  return normalCdf(((sharpe - benchmark) * Math.sqrt(observations - 1)) / Math.sqrt(variance));
}

/**
 * Sharpe ratio that the best of `trials` skill-less strategies is expected to show:
 * √V ((1 − γ) Φ⁻¹(1 − 1/N) + γ Φ⁻¹(1 − 1/(N e))); 0 for a single trial.
 * Source: Bailey & López de Prado 2014, "The Deflated Sharpe Ratio", eq. 1.
 * @param input.variance variance of the trials' Sharpe ratios
 */
export function expectedMaxSharpe(input: { readonly trials: number; readonly variance: number }): number {
  const { trials, variance } = input;
  invariant(Number.isInteger(trials) && trials >= 1, `trials must be a positive integer, got ${trials}`);
  invariant(variance >= 0, `a variance must not be negative, got ${variance}`);
  if (trials === 1) return 0;
  const best = normalQuantile(1 - 1 / trials);
  const beyond = normalQuantile(1 - 1 / (trials * Math.E));
  return Math.sqrt(variance) * ((1 - EULER_MASCHERONI) * best + EULER_MASCHERONI * beyond);
}

/**
 * Deflated Sharpe ratio of the strategy shown, 0…1: the probability that its true Sharpe ratio exceeds what the best of
 * all trials shows by luck. undefined when the returns have no Sharpe ratio, or no trial was logged.
 * Source: Bailey & López de Prado 2014, eq. 2.
 * @param input.returns returns per day of the strategy shown
 * @param input.trialSharpes Sharpe ratio per day of every trial logged, the strategy shown included
 */
export function deflatedSharpe(input: {
  readonly returns: ArrayLike<number>;
  readonly trialSharpes: ArrayLike<number>;
}): number | undefined {
  const moments = momentsOf(input.returns);
  if (moments?.skewness === undefined || moments.kurtosis === undefined) return undefined;
  if (input.trialSharpes.length === 0) return undefined;
  const benchmark = expectedMaxSharpe({
    trials: input.trialSharpes.length,
    variance: (momentsOf(input.trialSharpes)?.deviation ?? 0) ** 2,
  });
  const { mean, deviation, count, skewness, kurtosis } = moments;
  return probabilisticSharpe(
    { sharpe: mean / deviation, observations: count, skewness, kurtosis },
    benchmark,
  );
}
