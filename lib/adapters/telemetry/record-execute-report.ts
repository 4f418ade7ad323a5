// What a run of execute tells the outside: one log line with everything, and the metrics that alarms watch (EMF).
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import type { DecisionOutcome, ExecuteReport } from '../../execution/execute-report.ts';
import type { Telemetry } from './powertools-telemetry.ts';

/** What the exchange did not do as it was asked. */
const TROUBLES: ReadonlySet<DecisionOutcome> = new Set([
  'entry_rejected',
  'entry_unknown',
  'entry_too_late',
  'exit_rejected',
  'exit_unknown',
  'exchange_unavailable',
  'feature_set_mismatch',
  'ensemble_unavailable',
]);

export function recordExecuteReport({ logger, metrics }: Telemetry, report: ExecuteReport): void {
  const outcomes = report.decisions.flatMap((decision) => decision.outcomes);
  const troubles = outcomes.filter((outcome) => TROUBLES.has(outcome)).length;
  const versionsDiffer = report.versionDifferences.length > 0;
  logger[troubles > 0 || versionsDiffer ? 'warn' : 'info']('execute run', { report });
  const count = (wanted: DecisionOutcome) => outcomes.filter((outcome) => outcome === wanted).length;
  metrics.addMetric('ActingSignals', MetricUnit.Count, report.decisions.length);
  metrics.addMetric('Entries', MetricUnit.Count, count('entered'));
  metrics.addMetric('EntriesUnknown', MetricUnit.Count, count('entry_unknown'));
  metrics.addMetric('OrderTroubles', MetricUnit.Count, troubles);
  metrics.addMetric('VersionsDiffer', MetricUnit.Count, versionsDiffer ? 1 : 0);
  metrics.publishStoredMetrics();
}
