// Who watches: the alarms, sent to the topic of the stage when they begin and when they end, and one dashboard to look at then.
import { Duration, Stack, type StackProps } from 'aws-cdk-lib';
import {
  Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  Stats,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import {
  type AlarmDefinition,
  alarmDefinitions,
  lambdaMetric,
  missingDataOf,
  recordedMetric,
} from './alarms.ts';
import { FUNCTION_NAMES, type FunctionName } from './functions.ts';
import { sharedArns } from './shared-resources.ts';
import type { StageSettings } from './stage-settings.ts';

const WIDTH = 24;
const THIRD = 8;
const PERIOD = Duration.minutes(5);

export class MonitoringStack extends Stack {
  private readonly stage: string;

  constructor(scope: Construct, id: string, props: StackProps & { readonly settings: StageSettings }) {
    super(scope, id, props);
    const { settings } = props;
    this.stage = settings.stage;
    const { topic } = sharedArns(this, this.stage);
    const action = new SnsAction(Topic.fromTopicArn(this, 'Topic', topic));
    const alarms = alarmDefinitions(settings).map((definition) => {
      const alarm = this.createAlarm(definition);
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
      return alarm;
    });
    this.createDashboard(alarms);
  }

  private createAlarm(definition: AlarmDefinition): Alarm {
    const { runbook, of, meaning, metric, threshold, comparison, periods = 1 } = definition;
    const id = of === undefined ? runbook : `${runbook}-${of}`;
    return new Alarm(this, id, {
      alarmName: `qt-${this.stage}-${id}`,
      alarmDescription: `${meaning}. Runbook: docs/OPERATIONS.md#${runbook}`,
      metric,
      threshold,
      comparisonOperator: comparison,
      evaluationPeriods: periods,
      datapointsToAlarm: periods,
      treatMissingData: missingDataOf(definition),
    });
  }

  private createDashboard(alarms: readonly Alarm[]): void {
    const recorded = (service: FunctionName, name: string, statistic: string, scope?: string) =>
      recordedMetric(this.stage, {
        service,
        name,
        statistic,
        period: PERIOD,
        ...(scope && { dimensions: { scope } }),
      });
    const infer = (name: string, statistic: string = Stats.SUM) => recorded('infer', name, statistic);
    const bothScopes = (service: FunctionName, name: string, statistic: string) =>
      (['paper', 'live'] as const).map((scope) =>
        recorded(service, name, statistic, scope).with({ label: `${name}, ${scope}` }),
      );
    const ofFunctions = (name: string, statistic: string) =>
      FUNCTION_NAMES.map((service) =>
        lambdaMetric(this.stage, { service, name, statistic, period: PERIOD }).with({ label: service }),
      );
    const graph = (title: string, left: readonly IMetric[]) =>
      new GraphWidget({ title, left: [...left], width: THIRD, period: PERIOD });
    const dashboard = new Dashboard(this, 'Dashboard', { dashboardName: `qt-${this.stage}` });
    dashboard.addWidgets(
      new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms], width: WIDTH, height: 6 }),
    );
    dashboard.addWidgets(
      graph('Equity, USDT', bothScopes('guard', 'EquityUsdt', Stats.AVERAGE)),
      graph('Open positions', bothScopes('guard', 'OpenPositions', Stats.MAXIMUM)),
      graph('Breaker tripped', bothScopes('circuit-breaker', 'BreakerTripped', Stats.MAXIMUM)),
    );
    dashboard.addWidgets(
      graph('Signals per bar', [infer('SignalsWritten'), infer('Abstentions'), infer('SignalsUnwritten')]),
      graph('Consensus and confidence', [
        infer('Consensus', Stats.AVERAGE),
        infer('Confidence', Stats.AVERAGE),
      ]),
      graph(
        'Orders',
        ['ActingSignals', 'Entries', 'OrderTroubles'].map((name) => recorded('execute', name, Stats.SUM)),
      ),
    );
    dashboard.addWidgets(
      graph('Models not serving', [infer('ModelLoadFailures'), infer('FeatureMismatches')]),
      graph('Latency per symbol, ms', [infer('LatencyPerSymbol', Stats.MAXIMUM)]),
      graph('Memory of infer, MB', [infer('ResidentMemory', Stats.MAXIMUM)]),
    );
    dashboard.addWidgets(
      graph('Rollout stage and verdict', [
        recorded('evaluate', 'RolloutStage', Stats.MAXIMUM),
        recorded('evaluate', 'Go', Stats.MINIMUM),
      ]),
      graph('Failed runs', ofFunctions('Errors', Stats.SUM)),
      graph('Duration, ms', ofFunctions('Duration', Stats.MAXIMUM)),
    );
  }
}
