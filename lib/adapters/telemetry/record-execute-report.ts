// Log line and metrics (EMF) of an execute run.
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { SECOND_MS } from '../../core/units.ts';
import type { DecisionOutcome, ExecuteReport } from '../../execution/execute-report.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { Telemetry } from './powertools-telemetry.ts';

/** By its number in the metric. */
const MODES: readonly ExecuteReport['mode'][] = ['OFF', 'PAPER', 'LIVE'];

/** Decisions that could not be carried out as intended. */
const PROBLEMS: ReadonlySet<DecisionOutcome> = new Set([
  'entry_rejected',
  'entry_unknown',
  'entry_unsent',
  'exit_rejected',
  'exit_unsent',
  'exit_unknown',
  'exchange_unavailable',
  'feature_set_mismatch',
  'ensemble_unavailable',
]);

export function recordExecuteReport({ logger, metrics }: Telemetry, report: ExecuteReport): void {
  const outcomes = report.decisions.flatMap((decision) => decision.outcomes);
  const problems = outcomes.filter((outcome) => PROBLEMS.has(outcome)).length;
  const versionsDiffer = report.versionDifferences.length > 0;
  const missing = report.missingSignals.length;
  logger[problems > 0 || versionsDiffer || missing > 0 ? 'warn' : 'info']('execute run', { report });
  const count = (wanted: DecisionOutcome) => outcomes.filter((outcome) => outcome === wanted).length;
  metrics.addMetric('ActingSignals', MetricUnit.Count, report.decisions.length);
  metrics.addMetric('Entries', MetricUnit.Count, count('entered'));
  metrics.addMetric('EntriesUnknown', MetricUnit.Count, count('entry_unknown'));
  metrics.addMetric('OrderProblems', MetricUnit.Count, problems);
  metrics.addMetric('VersionsDiffer', MetricUnit.Count, versionsDiffer ? 1 : 0);
  metrics.addMetric('SignalsMissing', MetricUnit.Count, missing);
  metrics.addMetric('Mode', MetricUnit.NoUnit, MODES.indexOf(report.mode));
  const closedMs = report.barOpenTimeMs + BAR_MS;
  metrics.addMetric('BarAge', MetricUnit.Seconds, Math.max(0, report.atMs - closedMs) / SECOND_MS);
  metrics.publishStoredMetrics();
}
