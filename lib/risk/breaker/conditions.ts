// Every condition of the circuit breaker, and those that look for silence.

import { MINUTE_MS } from '../../core/units.ts';
import { BAR_MS } from '../../market/candle.ts';
import { CLOCK_SKEW_MS_MAX } from '../latch.ts';
import type { ConditionContext } from './condition.ts';
import { checkReading, unreadable } from './condition.ts';
import { equityCauses } from './equity-conditions.ts';
import type { BreakerEvidence } from './evidence.ts';
import { modelCauses } from './model-conditions.ts';
import { orderCauses } from './trading-conditions.ts';
import type { TripCause } from './trip-causes.ts';
import { cause } from './trip-causes.ts';

/** Signals of a bar are given this long after its close before they count as absent. */
const INFER_MS_MAX = MINUTE_MS;

/** Every cause that holds; empty when all conditions were evaluated and are fine. */
export function tripCauses(evidence: BreakerEvidence, context: ConditionContext): TripCause[] {
  const { nowMs, limits, armedAtMs } = context;
  const silentSince = (
    code: 'signals_stale' | 'position_manager_silent',
    lastMs: number,
    ageMsMax: number,
  ) => {
    if (!(lastMs <= nowMs + CLOCK_SKEW_MS_MAX))
      return unreadable(code, 'the last sign of life is in the future');
    const silentMs = nowMs - Math.max(lastMs, armedAtMs);
    return silentMs <= ageMsMax ? null : cause(code, `silent for ${Math.round(silentMs / 1000)} s`);
  };
  const signals = (barOpenTimeMs: number) =>
    silentSince('signals_stale', barOpenTimeMs + BAR_MS, limits.signalsAgeBars * BAR_MS + INFER_MS_MAX);
  const managePositions = (atMs: number) =>
    silentSince('position_manager_silent', atMs, limits.positionManagerSilentMs);
  const never = Number.NEGATIVE_INFINITY;
  return [
    ...equityCauses(evidence, context),
    ...orderCauses(evidence, context),
    ...modelCauses(evidence, limits),
    ...checkReading('signals', evidence.newestSignalBarMs, signals, signals(never)),
    ...checkReading(
      'manage-positions',
      evidence.positionManagerAtMs,
      managePositions,
      managePositions(never),
    ),
  ];
}
