// Log line and metrics (EMF) of a run of notifying. Addresses and tokens are in none of it.
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import type { NotifyReport } from '../../notification/use-cases/notify-receivers.ts';
import type { Telemetry } from './powertools-telemetry.ts';

export function recordNotifications({ logger, metrics }: Telemetry, report: NotifyReport): void {
  const { receivers, problems } = report;
  const failed = receivers.filter((receiver) => receiver.failed !== undefined).length + problems.length;
  const lost = receivers.reduce((sum, receiver) => sum + receiver.lost, 0);
  const told = receivers.reduce((sum, receiver) => sum + receiver.told, 0);
  const hasNews = told + lost + failed > 0;
  if (hasNews) logger[failed + lost > 0 ? 'warn' : 'info']('notified', { notified: report });
  metrics.addMetric('NotificationsTold', MetricUnit.Count, told);
  metrics.addMetric('NotificationsFailed', MetricUnit.Count, failed);
  metrics.addMetric('NotificationsLost', MetricUnit.Count, lost);
  metrics.publishStoredMetrics();
}
