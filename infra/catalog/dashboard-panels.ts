// What both dashboards show, CloudWatch's and Grafana's: rows of graphs of the metrics that the functions record.
import { Duration } from 'aws-cdk-lib';
import { type Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { FunctionName } from '../../lib/runtime/config/function-settings.ts';
import { FUNCTION_NAMES } from './functions.ts';
import { lambdaMetric, recordedMetric } from './metrics.ts';

export const PANEL_PERIOD = Duration.minutes(5);

export interface DashboardPanel {
  readonly title: string;
  readonly metrics: readonly Metric[];
}

/** What is so now, each by one metric. */
export const stateMetrics = (stage: string) => {
  const newest = (service: FunctionName, name: string, scope?: string) =>
    recordedMetric(stage, {
      service,
      name,
      statistic: Stats.MAXIMUM,
      period: PANEL_PERIOD,
      ...(scope && { dimensions: { scope } }),
    });
  return {
    mode: newest('execute', 'Mode'),
    barAge: newest('execute', 'BarAge'),
    breakerPaper: newest('circuit-breaker', 'BreakerTripped', 'paper'),
    breakerLive: newest('circuit-breaker', 'BreakerTripped', 'live'),
    level: newest('evaluate-rollout', 'CapitalLevel'),
    go: newest('evaluate-rollout', 'Go'),
    equityPaper: newest('manage-positions', 'EquityUsdt', 'paper'),
    equityLive: newest('manage-positions', 'EquityUsdt', 'live'),
  };
};

/** @param stage its name, or the dashboard's placeholder for it */
export function dashboardRows(stage: string): readonly (readonly DashboardPanel[])[] {
  const recorded = (service: FunctionName, name: string, statistic: string, scope?: string) =>
    recordedMetric(stage, {
      service,
      name,
      statistic,
      period: PANEL_PERIOD,
      ...(scope && { dimensions: { scope } }),
    });
  const infer = (name: string, statistic: string = Stats.SUM) => recorded('infer', name, statistic);
  const bothScopes = (service: FunctionName, name: string, statistic: string) =>
    (['paper', 'live'] as const).map((scope) =>
      recorded(service, name, statistic, scope).with({ label: `${name}, ${scope}` }),
    );
  const ofFunctions = (name: string, statistic: string) =>
    FUNCTION_NAMES.map((service) =>
      lambdaMetric(stage, { service, name, statistic, period: PANEL_PERIOD }).with({ label: service }),
    );
  const panel = (title: string, metrics: readonly Metric[]): DashboardPanel => ({ title, metrics });
  return [
    [
      panel('Equity, USDT', bothScopes('manage-positions', 'EquityUsdt', Stats.AVERAGE)),
      panel('Open positions', bothScopes('manage-positions', 'OpenPositions', Stats.MAXIMUM)),
      panel('Breaker tripped', bothScopes('circuit-breaker', 'BreakerTripped', Stats.MAXIMUM)),
    ],
    [
      panel('Signals per bar', [infer('SignalsWritten'), infer('Abstentions'), infer('SignalsUnwritten')]),
      panel('Consensus and confidence', [
        infer('Consensus', Stats.AVERAGE),
        infer('Confidence', Stats.AVERAGE),
      ]),
      panel(
        'Orders',
        ['ActingSignals', 'Entries', 'OrderProblems'].map((name) => recorded('execute', name, Stats.SUM)),
      ),
    ],
    [
      panel('Models not serving', [infer('ModelLoadFailures'), infer('FeatureMismatches')]),
      panel(
        'Candle windows',
        ['WindowsContinued', 'WindowsReadWhole', 'RevisedCandles'].map((name) => infer(name)),
      ),
      panel('Latency per symbol, ms', [infer('LatencyPerSymbol', Stats.MAXIMUM)]),
      panel('Memory of infer, MB', [infer('ResidentMemory', Stats.MAXIMUM)]),
    ],
    [
      panel('Rollout level and verdict', [
        recorded('evaluate-rollout', 'CapitalLevel', Stats.MAXIMUM),
        recorded('evaluate-rollout', 'Go', Stats.MINIMUM),
      ]),
      panel(
        'Drifted features',
        ['DriftedFeatures', 'DriftUnmeasured'].map((name) =>
          recorded('evaluate-rollout', name, Stats.MAXIMUM),
        ),
      ),
      panel('Failed runs', ofFunctions('Errors', Stats.SUM)),
      panel('Duration, ms', ofFunctions('Duration', Stats.MAXIMUM)),
    ],
  ];
}
