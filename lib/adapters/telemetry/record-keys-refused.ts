// That the exchange refuses the account's keys: nothing live can then be entered, protected or closed, and only people can help.
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Telemetry } from './powertools-telemetry.ts';

export function recordKeysRefused({ logger, metrics }: Telemetry, message: string): void {
  logger.error('exchange keys refused', { code: 'exchange_keys_refused', reason: message });
  metrics.addMetric('ExchangeKeysRefused', MetricUnit.Count, 1);
  metrics.publishStoredMetrics();
}
