// The alarms that every function has, and those of the retraining: silence, errors, throttles, time, and events that were given up.
import { Aws, Duration } from 'aws-cdk-lib';
import { MathExpression, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { FunctionName } from '../../lib/runtime/config/function-settings.ts';
import { type AlarmDefinition, alarm, atLeast, noneFor } from './alarm.ts';
import { EVERY_MINUTE, FUNCTIONS } from './functions.ts';
import { lambdaMetric } from './metrics.ts';
import { failedEventsNameOf, functionNameOf, RETRAINING } from './shared-resources.ts';

const MINUTE = Duration.minutes(1);
const BAR = Duration.minutes(5);
/** Share of the function's time limit. */
const DURATION_SHARE_MAX = 0.8;

/** What the silence of a function means to the operator. @default `<name>-silent` */
const SILENCE_RUNBOOKS: Partial<Record<FunctionName, string>> = {
  'manage-positions': 'position-manager-silent',
  'circuit-breaker': 'lease-expired',
};

export function functionAlarms(stage: string, service: FunctionName): AlarmDefinition[] {
  const metric = (name: string, statistic: string = Stats.SUM) =>
    lambdaMetric(stage, { service, name, period: BAR, statistic });
  const durationMaxMs = FUNCTIONS[service].timeoutS * 1000 * DURATION_SHARE_MAX;
  return [
    ...silenceAlarms(stage, service),
    alarm(['function-errors', service], `A run of ${service} failed`, metric('Errors')),
    alarm(
      ['function-throttled', service],
      `A run of ${service} could not start: too many concurrent runs`,
      metric('Throttles'),
    ),
    alarm(
      ['function-slow', service],
      `A run of ${service} came close to its time limit`,
      metric('Duration', Stats.MAXIMUM),
      atLeast(durationMaxMs),
    ),
    failedEventsAlarm(stage, service),
    ...chainAlarms(stage, service),
  ];
}

/** Of a function that starts another one when it succeeds, and of that other: nothing but these tells that the other did not start. */
function chainAlarms(stage: string, service: FunctionName): AlarmDefinition[] {
  const { onSuccess } = FUNCTIONS[service];
  const isStarted = Object.values(FUNCTIONS).some((definition) => definition.onSuccess === service);
  if (onSuccess === undefined && !isStarted) return [];
  const sumOf = (of: FunctionName) => (name: string) =>
    lambdaMetric(stage, { service: of, name, period: BAR, statistic: Stats.SUM });
  const lost = new MathExpression({
    expression: 'FILL(undelivered, 0) + FILL(dropped, 0)',
    label: `Lost events of ${service}`,
    period: BAR,
    usingMetrics: {
      undelivered: sumOf(service)('DestinationDeliveryFailures'),
      dropped: sumOf(service)('AsyncEventsDropped'),
    },
  });
  const alarms = [
    alarm(['events-lost', service], `An event for ${service}, or its result, was lost on its way`, lost),
  ];
  if (onSuccess === undefined) return alarms;
  // In whole bars: an event for the other function is dropped at the age of two minutes, so it ran by then or it never will.
  const unfollowed = new MathExpression({
    expression: '(FILL(done, 0) - FILL(doneErrors, 0)) - (FILL(following, 0) - FILL(followingErrors, 0))',
    label: `Runs of ${service} that no run of ${onSuccess} followed`,
    period: BAR,
    usingMetrics: {
      done: sumOf(service)('Invocations'),
      doneErrors: sumOf(service)('Errors'),
      following: sumOf(onSuccess)('Invocations'),
      followingErrors: sumOf(onSuccess)('Errors'),
    },
  });
  return [
    ...alarms,
    alarm(`${onSuccess}-silent`, `${service} ran, and ${onSuccess} did not follow`, unfollowed),
  ];
}

/** Of the functions that run every minute: they keep the account safe, or people informed. */
function silenceAlarms(stage: string, service: FunctionName): AlarmDefinition[] {
  if (FUNCTIONS[service].schedule !== EVERY_MINUTE) return [];
  const sum = (name: string) => lambdaMetric(stage, { service, name, period: MINUTE, statistic: Stats.SUM });
  const succeeded = new MathExpression({
    expression: 'FILL(invocations, 0) - FILL(errors, 0)',
    label: `Successful runs of ${service}`,
    period: MINUTE,
    usingMetrics: { invocations: sum('Invocations'), errors: sum('Errors') },
  });
  const runbook = SILENCE_RUNBOOKS[service] ?? `${service}-silent`;
  return [alarm(runbook, `No run of ${service} succeeded for three minutes`, succeeded, noneFor(3))];
}

export function failedEventsAlarm(stage: string, name: string): AlarmDefinition {
  const queued = new Metric({
    namespace: 'AWS/SQS',
    metricName: 'ApproximateNumberOfMessagesVisible',
    statistic: Stats.MAXIMUM,
    period: BAR,
    dimensionsMap: { QueueName: failedEventsNameOf(stage, name) },
  });
  return alarm(['failed-events', name], `An event for ${name} was given up after its last attempt`, queued);
}

export function retrainingAlarm(stage: string): AlarmDefinition {
  const machine = `arn:${Aws.PARTITION}:states:${Aws.REGION}:${Aws.ACCOUNT_ID}:stateMachine:${functionNameOf(stage, RETRAINING)}`;
  const ended = (metricName: string) =>
    new Metric({
      namespace: 'AWS/States',
      metricName,
      statistic: Stats.SUM,
      period: BAR,
      dimensionsMap: { StateMachineArn: machine },
    });
  const unsuccessful = new MathExpression({
    expression: 'FILL(failed, 0) + FILL(stopped, 0) + FILL(late, 0)',
    label: 'Unsuccessful retrainings',
    period: BAR,
    usingMetrics: {
      failed: ended('ExecutionsFailed'),
      stopped: ended('ExecutionsAborted'),
      late: ended('ExecutionsTimedOut'),
    },
  });
  return alarm('retraining-failed', 'The weekly retraining put no candidate in shadow', unsuccessful);
}
