// The schedules of all functions, deployed last: nothing runs before everything that it needs is there, and the circuit breaker does
// not count the minutes of a first deploy as silence.
import { Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { FunctionName } from '../../lib/runtime/config/function-settings.ts';
import { FUNCTION_NAMES, FUNCTIONS, type FunctionDefinition } from '../catalog/functions.ts';
import { functionNameOf, sharedArns } from '../catalog/shared-resources.ts';
import type { StageStackProps } from '../constructs/function-stack.ts';
import { createSchedules } from '../constructs/schedules.ts';

/** Scheduler accepts no shorter age. */
const EVENT_AGE_MIN_S = 60;

export class ScheduleStack extends Stack {
  constructor(scope: Construct, id: string, props: StageStackProps) {
    super(scope, id, props);
    const { stage, shards } = props.settings;
    const arns = sharedArns(this, stage);
    for (const name of FUNCTION_NAMES) {
      const { schedule, retry } = FUNCTIONS[name];
      if (schedule === undefined) continue;
      createSchedules(new Construct(this, name), {
        starts: { action: 'lambda:InvokeFunction', arn: arns.function(name) },
        failedEvents: arns.failedEvents(name),
        cron: schedule.cron,
        eventAgeMaxS: Math.max(EVENT_AGE_MIN_S, retry.ageMaxS),
        schedules: startsOf(name, { stage, shards, times: schedule.times }),
      });
    }
  }
}

function startsOf(
  name: FunctionName,
  {
    stage,
    shards,
    times,
  }: { stage: string; shards: number } & Pick<NonNullable<FunctionDefinition['schedule']>, 'times'>,
) {
  const functionName = functionNameOf(stage, name);
  if (times === 'once') return [{ id: 'Schedule', name: functionName, input: {} }];
  return Array.from({ length: shards }, (_, shard) => {
    const suffix = `-${shard}-of-${shards}`;
    return {
      id: `Schedule${suffix}`,
      name: functionName + suffix,
      input: { shard, shardCount: shards },
    };
  });
}
