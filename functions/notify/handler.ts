// The notify function: tells people of what has happened, every minute, from the records. It is apart from the functions that trade, so
// that nobody who does not answer can hold one of them up. A receiver that fails is asked again by the next run.
import type { NotifyReport } from '../../lib/notification/use-cases/notify-receivers.ts';
import { composeNotify, type NotifyComposition } from '../../lib/runtime/compose/notify.ts';
import { notifySettings } from '../../lib/runtime/config/function-settings.ts';
import { onLambda } from '../../lib/runtime/lambda.ts';

/** The handler over a composition; `handler` below is the one that Lambda calls. */
export function createNotifyHandler({ notify, record }: Pick<NotifyComposition, 'notify' | 'record'>) {
  return async (): Promise<NotifyReport> => {
    const report = await notify();
    record(report);
    return report;
  };
}

export const handler = onLambda(() => createNotifyHandler(composeNotify(notifySettings.read())));
