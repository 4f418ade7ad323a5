// How people are notified: through a topic on AWS, through a file in the local run.
import { createSnsNotifier } from '../../adapters/aws/sns/sns-notifier.ts';
import { createFileNotifier } from '../../adapters/files/file-notifier.ts';
import type { Clock } from '../../core/ports.ts';
import type { Notifier } from '../../risk/ports.ts';
import type { NotificationTarget } from '../config/function-settings.ts';

export const openNotifier = (target: NotificationTarget, clock: Clock): Notifier =>
  'topicArn' in target ? createSnsNotifier(target) : createFileNotifier({ path: target.file, clock });
