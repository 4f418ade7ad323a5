// What a measurement of drift tells the outside: one log line with the most drifted features, and the metrics that an alarm watches.
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import type { DriftRecord } from '../../models/drift-record.ts';
import type { Telemetry } from './powertools-telemetry.ts';

export function recordDrift({ logger, metrics }: Telemetry, drift: DriftRecord): void {
  const isMeasured = drift.outcome === 'measured';
  logger[isMeasured && drift.drifted === 0 ? 'info' : 'warn']('drift watched', { drift });

  metrics.addMetric('DriftUnmeasured', MetricUnit.Count, isMeasured ? 0 : 1);
  // Not measured is not 0: there is no figure then.
  if (isMeasured) metrics.addMetric('DriftedFeatures', MetricUnit.Count, drift.drifted);
  metrics.publishStoredMetrics();
}
