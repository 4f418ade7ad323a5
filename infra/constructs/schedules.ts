// Schedules that start one function or state machine, with a role that may do just that.
import { Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';

interface SchedulesProps {
  readonly starts: {
    readonly action: 'lambda:InvokeFunction' | 'states:StartExecution';
    readonly arn: string;
  };
  /** ARN of the queue for events that could not be delivered. */
  readonly failedEvents: string;
  /** UTC */
  readonly cron: string;
  /** An event that could not be delivered for this long is given up. */
  readonly eventAgeMaxS: number;
  readonly schedules: readonly { readonly id: string; readonly name: string; readonly input: object }[];
}

export function createSchedules(
  scope: Construct,
  { starts, failedEvents, cron, eventAgeMaxS, schedules }: SchedulesProps,
): void {
  const role = new Role(scope, 'SchedulerRole', {
    assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
  });
  role.addToPolicy(new PolicyStatement({ actions: [starts.action], resources: [starts.arn] }));
  role.addToPolicy(new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [failedEvents] }));
  for (const { id, name, input } of schedules) {
    const schedule = new CfnSchedule(scope, id, {
      name,
      scheduleExpression: cron,
      scheduleExpressionTimezone: 'UTC',
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: starts.arn,
        roleArn: role.roleArn,
        input: JSON.stringify(input),
        deadLetterConfig: { arn: failedEvents },
        retryPolicy: { maximumRetryAttempts: 3, maximumEventAgeInSeconds: eventAgeMaxS },
      },
    });
    // The first call needs the role's policy in place.
    schedule.node.addDependency(role);
  }
}
