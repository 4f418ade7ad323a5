// Log line and metrics (EMF) of a collection of candles.
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import type { CollectionReport } from '../../market/use-cases/collect-candles.ts';
import type { Telemetry } from './powertools-telemetry.ts';

export function recordCollection({ logger, metrics }: Telemetry, report: CollectionReport): void {
  const { symbols, archive, window } = report;
  const behind = symbols.filter(({ outcome }) => outcome !== 'complete');
  const damaged = symbols.flatMap(({ symbol, damaged }) => damaged.map((file) => `${symbol} ${file}`));
  const level = behind.length + damaged.length > 0 ? 'warn' : 'info';
  logger[level]('candles collected', { window, symbols: symbols.length, behind, damaged, archive });
  const { Count } = MetricUnit;
  metrics.addMetric('SymbolsCollected', Count, symbols.length - behind.length);
  metrics.addMetric('SymbolsBehind', Count, behind.length);
  metrics.addMetric(
    'CandlesAdded',
    Count,
    symbols.reduce((sum, { added }) => sum + added, 0),
  );
  metrics.addMetric('CandleFilesDamaged', Count, damaged.length);
  metrics.addMetric('ArchiveFilesRefused', Count, archive.refused);
  metrics.publishStoredMetrics();
}
