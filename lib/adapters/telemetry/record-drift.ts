// Log line, with the most drifted features, and metrics (EMF) of a drift measurement.
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import type { DriftRecord } from '../../models/drift-record.ts';
import type { Telemetry } from './powertools-telemetry.ts';

export function recordDrift({ logger, metrics }: Telemetry, drift: DriftRecord): void {
  const isMeasured = drift.outcome === 'measured';
  logger[isMeasured && drift.drifted === 0 ? 'info' : 'warn']('drift measured', { drift });

  metrics.addMetric('DriftUnmeasured', MetricUnit.Count, isMeasured ? 0 : 1);
  // Without a measurement there is no figure: it is not 0.
  if (isMeasured) metrics.addMetric('DriftedFeatures', MetricUnit.Count, drift.drifted);
  metrics.publishStoredMetrics();
}
