// The queue of events whose last attempt failed, with the error. An alarm sounds while it is not empty.
import { Duration, Validations } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { failedEventsNameOf } from '../catalog/shared-resources.ts';

/** @param name of the function or state machine that the events are for */
export function createFailedEvents(scope: Construct, stage: string, name: string): Queue {
  const queue = new Queue(scope, 'FailedEvents', {
    queueName: failedEventsNameOf(stage, name),
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(14),
  });
  Validations.of(queue).acknowledge({
    id: 'AwsSolutions-SQS3',
    reason: 'It is itself a dead-letter queue, and an alarm sounds when it is not empty.',
  });
  return queue;
}
