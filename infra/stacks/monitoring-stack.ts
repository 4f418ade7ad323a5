// Monitoring: the alarms, which notify the topic of the stage when they start and when they end, and one dashboard.
import { Stack } from 'aws-cdk-lib';
import {
  Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { AlarmDefinition } from '../catalog/alarm.ts';
import { alarmDefinitions } from '../catalog/alarms.ts';
import { dashboardRows, PANEL_PERIOD } from '../catalog/dashboard-panels.ts';
import { globalNameOf, sharedArns } from '../catalog/shared-resources.ts';
import type { StageStackProps } from '../constructs/function-stack.ts';

const WIDTH = 24;

export class MonitoringStack extends Stack {
  private readonly stage: string;

  constructor(scope: Construct, id: string, props: StageStackProps) {
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
    const { runbook, subject, meaning, metric, threshold, comparison, periods = 1 } = definition;
    const id = subject === undefined ? runbook : `${runbook}-${subject}`;
    return new Alarm(this, id, {
      alarmName: `qt-${this.stage}-${id}`,
      alarmDescription: `${meaning}. Runbook: docs/OPERATIONS.md#${runbook}`,
      metric,
      threshold,
      comparisonOperator: comparison,
      evaluationPeriods: periods,
      datapointsToAlarm: periods,
      treatMissingData: definition.missingData ?? TreatMissingData.NOT_BREACHING,
    });
  }

  private createDashboard(alarms: readonly Alarm[]): void {
    const dashboard = new Dashboard(this, 'Dashboard', {
      dashboardName: globalNameOf(this.stage, 'dashboard'),
    });
    dashboard.addWidgets(
      new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms], width: WIDTH, height: 6 }),
    );
    for (const row of dashboardRows(this.stage))
      dashboard.addWidgets(
        ...row.map(
          ({ title, metrics }) =>
            new GraphWidget({ title, left: [...metrics], width: WIDTH / row.length, period: PANEL_PERIOD }),
        ),
      );
  }
}
