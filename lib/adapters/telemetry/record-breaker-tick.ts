// Log line and metrics (EMF) of a circuit breaker tick.
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import type { BreakerOutcome } from '../../risk/use-cases/circuit-breaker.ts';
import type { Telemetry } from './powertools-telemetry.ts';

export function recordBreakerTick({ logger, metrics }: Telemetry, outcome: BreakerOutcome): void {
  const { scope, transition, missedBars, notStarted, failures } = outcome;
  const current = transition?.current;
  const isTripped = current?.latch === 'TRIPPED';
  logger[isTripped || failures.length > 0 ? 'warn' : 'info']('breaker tick', {
    scope,
    failures,
    missedBars,
    notStarted,
    previousLatch: transition?.previous.latch,
    breaker: current,
  });
  metrics.addDimension('scope', scope);
  metrics.addMetric('BreakerProblems', MetricUnit.Count, failures.length);
  if (current !== undefined) metrics.addMetric('BreakerTripped', MetricUnit.Count, isTripped ? 1 : 0);
  if (missedBars !== undefined) metrics.addMetric('MissedBars', MetricUnit.Count, missedBars.length);
  metrics.publishStoredMetrics();
}
