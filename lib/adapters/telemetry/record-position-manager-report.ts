// Log line and metrics (EMF) of a position manager run.
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { MICRO } from '../../core/units.ts';

import type { PositionManagerReport } from '../../execution/use-cases/manage-positions.ts';
import type { Scope } from '../../risk/gate.ts';
import type { Telemetry } from './powertools-telemetry.ts';

export function recordPositionManagerReport(
  { logger, metrics }: Telemetry,
  outcome: PositionManagerReport | { readonly scope: Scope; readonly failed: string },
): void {
  const isReport = 'outcome' in outcome;
  const isClean = isReport && outcome.outcome === 'completed' && outcome.differences.length === 0;
  logger[isClean ? 'info' : 'warn']('position manager run', { managePositions: outcome });
  const { Count, NoUnit } = MetricUnit;
  metrics.addDimension('scope', outcome.scope);
  metrics.addMetric('PositionManagerCompleted', Count, isReport && outcome.outcome === 'completed' ? 1 : 0);
  if (isReport) metrics.addMetric('ReconciliationDifferences', Count, outcome.differences.length);
  if (isReport && outcome.equity !== null) {
    metrics.addMetric('EquityUsdt', NoUnit, outcome.equity.equityMicroUsdt / MICRO);
    metrics.addMetric('OpenPositions', Count, outcome.equity.positions);
  }
  metrics.publishStoredMetrics();
  // A figure that is there before it is needed: its alarm can then be told apart from one that was never recorded.
  metrics.addMetric('ExchangeKeysRefused', Count, 0);
  metrics.publishStoredMetrics();
}
