// Log line and metrics (EMF) of an infer run.
import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { InferRun } from '../../inference/infer-run.ts';
import type { Telemetry } from './powertools-telemetry.ts';

export function recordInferRun({ logger, metrics }: Telemetry, run: InferRun): void {
  const { abstentions, quarantined, unwritten } = run;
  const level = abstentions.length + quarantined.length + unwritten.length > 0 ? 'warn' : 'info';
  logger[level]('infer run', { run });

  const { Count, Milliseconds, Megabytes, NoUnit } = MetricUnit;
  metrics.addMetric('SignalsWritten', Count, run.written);
  metrics.addMetric('SignalsAlreadyDecided', Count, run.alreadyDecided);
  metrics.addMetric('SignalsUnwritten', Count, unwritten.length);
  metrics.addMetric('Abstentions', Count, abstentions.length);
  const { newest, whole, differing, revised } = run.candleWindows;
  metrics.addMetric('WindowsContinued', Count, newest);
  metrics.addMetric('WindowsReadWhole', Count, whole);
  metrics.addMetric('WindowMismatches', Count, differing.length);
  metrics.addMetric('RevisedCandles', Count, revised.length);
  metrics.addMetric('ModelLoadFailures', Count, quarantined.length);
  metrics.addMetric('FeatureMismatches', Count, countReason(quarantined, 'feature_set_mismatch'));
  metrics.addMetric('Latency', Milliseconds, run.timingsMs.total);
  const perSymbolMs = (run.timingsMs.features + run.timingsMs.inference) / Math.max(1, run.symbols);
  metrics.addMetric('LatencyPerSymbol', Milliseconds, perSymbolMs);
  metrics.addMetric('ResidentMemory', Megabytes, run.residentBytes / 2 ** 20);
  if (run.meanConsensus !== null) metrics.addMetric('Consensus', NoUnit, run.meanConsensus);
  if (run.meanConfidence !== null) metrics.addMetric('Confidence', NoUnit, run.meanConfidence);
  metrics.publishStoredMetrics();

  recordByReason(
    metrics,
    'AbstentionsByReason',
    abstentions.map((abstention) => abstention.abstained),
  );
  recordByReason(
    metrics,
    'ModelLoadFailuresByReason',
    quarantined.map((model) => model.reason),
  );
}

const countReason = (models: InferRun['quarantined'], reason: string): number =>
  models.filter((model) => model.reason === reason).length;

/** One EMF line per reason, with the reason as a dimension. */
function recordByReason(metrics: Metrics, name: string, reasons: readonly string[]): void {
  for (const reason of new Set(reasons)) {
    metrics.addDimension('reason', reason);
    metrics.addMetric(name, MetricUnit.Count, reasons.filter((each) => each === reason).length);
    metrics.publishStoredMetrics();
  }
}
