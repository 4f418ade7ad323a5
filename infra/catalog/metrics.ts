// The metrics that alarms and dashboards read: those that the functions record, and those that AWS keeps of them.
import type { Duration } from 'aws-cdk-lib';
import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { FunctionName } from '../../lib/runtime/config/function-settings.ts';
import { functionNameOf } from './shared-resources.ts';

const NAMESPACE = 'QuantumTrader';

interface MetricQuery {
  readonly service: FunctionName;
  readonly name: string;
  readonly statistic: string;
  readonly period: Duration;
}

/** A metric that a function records, with the dimensions that Powertools gives it. */
export const recordedMetric = (
  stage: string,
  {
    service,
    name,
    statistic,
    period,
    dimensions,
  }: MetricQuery & { readonly dimensions?: Readonly<Record<string, string>> | undefined },
): Metric =>
  new Metric({
    namespace: NAMESPACE,
    metricName: name,
    statistic,
    period,
    dimensionsMap: { service, stage, ...dimensions },
  });

/** A metric that Lambda keeps of a function. */
export const lambdaMetric = (stage: string, { service, name, statistic, period }: MetricQuery): Metric =>
  new Metric({
    namespace: 'AWS/Lambda',
    metricName: name,
    statistic,
    period,
    dimensionsMap: { FunctionName: functionNameOf(stage, service) },
  });

/** The recorded metrics of one function over one period, by statistic and name. */
export function recordedBy(
  stage: string,
  service: FunctionName,
  {
    period,
    dimensions,
  }: { readonly period: Duration; readonly dimensions?: Readonly<Record<string, string>> },
) {
  const read = (statistic: string) => (name: string) =>
    recordedMetric(stage, { service, name, statistic, period, dimensions });
  return {
    sum: read(Stats.SUM),
    maximum: read(Stats.MAXIMUM),
    average: read(Stats.AVERAGE),
    samples: read(Stats.SAMPLE_COUNT),
  };
}
