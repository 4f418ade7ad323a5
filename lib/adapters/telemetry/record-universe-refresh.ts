// Log line and metrics (EMF) of a universe refresh.
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import type { UniverseRefresh } from '../../market/use-cases/refresh-universe.ts';
import type { Telemetry } from './powertools-telemetry.ts';

export function recordUniverseRefresh({ logger, metrics }: Telemetry, refresh: UniverseRefresh): void {
  const isKept = refresh.outcome === 'kept';
  logger[isKept ? 'warn' : 'info']('universe refreshed', { refresh });
  const { Count } = MetricUnit;
  metrics.addMetric('UniverseRefreshed', Count, isKept ? 0 : 1);
  metrics.addMetric('UniverseKept', Count, isKept ? 1 : 0);
  metrics.addMetric('UniverseSymbols', Count, refresh.universe?.symbols.length ?? 0);
  if (!isKept) {
    const { chosen } = refresh;
    metrics.addMetric('UniverseEntering', Count, chosen.entering.length);
    metrics.addMetric('UniverseLeaving', Count, chosen.leaving.length);
  }
  metrics.publishStoredMetrics();
}
