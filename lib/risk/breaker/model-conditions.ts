// Conditions on models: feature mismatches, loaded models, consensus.
import { checkReading, percent } from './condition.ts';
import type { BreakerEvidence } from './evidence.ts';
import type { BreakerLimits } from './limits.ts';
import type { TripCause } from './trip-causes.ts';
import { cause } from './trip-causes.ts';

export function modelCauses(evidence: BreakerEvidence, limits: BreakerLimits): TripCause[] {
  return [
    ...checkReading('feature mismatches', evidence.featureMismatches, (count) =>
      count === 0 ? null : cause('feature_mismatch', `${count} mismatches`),
    ),
    // Before the first run there is none to judge; `signals_stale` sees to it that there will be one.
    ...checkReading(
      'loaded models',
      evidence.loadedModels,
      (count) => (count >= limits.models ? null : cause('too_few_models', `${count} loaded`)),
      null,
    ),
    ...checkReading('consensus', evidence.consensusFractions, (fractions) => {
      const bars = fractions.slice(0, limits.consensusBars);
      if (bars.length < limits.consensusBars) return null;
      const mean = bars.reduce((sum, fraction) => sum + fraction, 0) / bars.length;
      return mean >= limits.consensusFraction
        ? null
        : cause('low_consensus', `${percent(mean)} over ${bars.length} bars`);
    }),
  ];
}
