// Log line and metrics (EMF) of an hourly rollout assessment.
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { LEVELS } from '../../risk/level.ts';
import type { RolloutAssessment } from '../../rollout/use-cases/assess-rollout.ts';
import type { Telemetry } from './powertools-telemetry.ts';

export function recordRolloutAssessment({ logger, metrics }: Telemetry, assessment: RolloutAssessment): void {
  const { decision, collected, parity, steppedDown } = assessment;
  const breaches = decision.verdict === 'GO' ? [] : decision.breaches;
  const hasProblems = breaches.length + collected.unreadable.length + parity.mismatches > 0;
  logger[hasProblems ? 'warn' : 'info']('rollout assessed', { assessment });

  const { Count, NoUnit } = MetricUnit;
  metrics.addMetric('Go', Count, decision.verdict === 'GO' ? 1 : 0);
  metrics.addMetric('GoNoGoBreaches', Count, breaches.length);
  metrics.addMetric('GoNoGoUnreadable', Count, collected.unreadable.length);
  metrics.addMetric('ParityValues', Count, parity.values);
  metrics.addMetric('ParityMismatches', Count, parity.mismatches);
  metrics.addMetric('RolloutSteppedDown', Count, steppedDown?.outcome === 'stepped_down' ? 1 : 0);
  const level = steppedDown?.current.level ?? assessment.level;
  if (level !== undefined) metrics.addMetric('CapitalLevel', NoUnit, LEVELS.indexOf(level));
  metrics.publishStoredMetrics();

  for (const { criterion, value } of decision.results) {
    if (value === undefined) continue;
    metrics.addDimension('criterion', criterion);
    metrics.addMetric('GoNoGoValue', NoUnit, value);
    metrics.publishStoredMetrics();
  }
}
