// Tells people through an SNS topic, to which mail, pager or chat subscribe.
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import type { Notifier } from '../../../risk/ports.ts';
import { traced } from '../../telemetry/open-trace.ts';
import { storeError } from '../store-failure.ts';

/** SNS takes no longer subject, and only printable ASCII in it. */
const SUBJECT_CHARS_MAX = 100;

/** Throws StoreError. Region and credentials are the environment's. */
export function createSnsNotifier(settings: { topicArn: string }): Notifier {
  const client = traced(
    new SNSClient({
      maxAttempts: 3,
      requestHandler: { connectionTimeout: 1000, requestTimeout: 3000, throwOnRequestTimeout: true },
    }),
  );
  return {
    async notify({ subject, text }) {
      const command = new PublishCommand({
        TopicArn: settings.topicArn,
        Subject: subject.replace(/[^ -~]/g, '?').slice(0, SUBJECT_CHARS_MAX),
        Message: text,
      });
      await client.send(command).catch((error: unknown) => {
        throw storeError('notifying', error);
      });
    },
  };
}
