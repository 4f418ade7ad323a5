// Log line and metrics (EMF) of an HTTP API call. The log line is the audit trail of everything but emergency stops.
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import type { ApiCall } from '../../api/api-call.ts';
import type { Telemetry } from './powertools-telemetry.ts';

const REFUSED = new Set<ApiCall['status']>([401, 403, 429]);
const INCOMPLETE = 207;

export function recordApiCall({ logger, metrics }: Telemetry, call: ApiCall): void {
  const { status, isRepeated, ...about } = call;
  const isFailed = status === INCOMPLETE || (status !== 'begun' && status >= 500);
  if (!isRepeated)
    logger[isFailed || status === 'begun' ? 'warn' : 'info']('api call', { call: { ...about, status } });
  if (status === 'begun') return;
  metrics.addMetric('ApiCalls', MetricUnit.Count, 1);
  metrics.addMetric('ApiRefused', MetricUnit.Count, REFUSED.has(status) ? 1 : 0);
  metrics.addMetric('ApiFailures', MetricUnit.Count, isFailed ? 1 : 0);
  metrics.publishStoredMetrics();
}
