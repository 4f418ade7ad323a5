// Evidence on which a circuit breaker stays armed.
import type { BreakerEvidence } from '../../../lib/risk/breaker/evidence.ts';

export const EQUITY = 10_000_000_000;

export const value = <T>(read: T) => ({ state: 'value' as const, value: read });

export const healthyEvidence = (nowMs: number): BreakerEvidence => ({
  snapshots: value([10_000, 70_000].map((agoMs) => ({ atMs: nowMs - agoMs, equityMicroUsdt: EQUITY }))),
  dayStartMicroUsdt: value(EQUITY),
  stopHitsAtMs: value([]),
  newestSignalBarMs: value(nowMs - 600_000),
  featureMismatches: value(0),
  loadedModels: value(4),
  consensusFractions: value([]),
  rejectionsAtMs: value([]),
  reconciliationDifferences: value(0),
  unprotectedSinceMs: value(null),
  positionManagerAtMs: value(nowMs - 20_000),
});
