// Composes the notify function.

import { createRecordClients } from '../../adapters/aws/create-record-clients.ts';
import { readTextParameter } from '../../adapters/aws/ssm/read-text-parameter.ts';
import { createSsmFlagStore } from '../../adapters/aws/ssm/ssm-flag-store.ts';
import { recordNotifications } from '../../adapters/telemetry/record-notifications.ts';
import { type NotifyReport, notifyReceivers } from '../../notification/use-cases/notify-receivers.ts';
import type { NotifySettings } from '../config/function-settings.ts';
import { dashboardParameter } from '../config/stage.ts';
import { openFunctionRuntime, type RuntimeOverrides, SYSTEM_CLOCK } from './function-runtime.ts';
import { openNotifier } from './notifier.ts';
import { openReceiverStore, openReceivers } from './receivers.ts';
import { openRiskStore, openSignalStore } from './stores.ts';

export interface NotifyComposition {
  /** One run. Rejects with StoreError when settings or state cannot be read. */
  notify(): Promise<NotifyReport>;
  /** Writes the report to logs and metrics. */
  record(report: NotifyReport): void;
  close(): Promise<void>;
}

/** @param dashboard its address. @default the one that the deploy has left */
export function composeNotify(
  settings: NotifySettings,
  overrides?: RuntimeOverrides,
  dashboard?: string,
): NotifyComposition {
  const { stage, shards, notify } = settings;
  const runtime = openFunctionRuntime(createRecordClients, 'notify', stage, overrides);
  const { clients, clock } = runtime;
  const dependencies = {
    stage,
    shards,
    clock,
    wallClock: SYSTEM_CLOCK,
    risk: openRiskStore(runtime, settings),
    signals: openSignalStore(runtime, settings),
    flags: createSsmFlagStore({ client: clients.ssm, stage }),
    receivers: openReceiverStore(clients, stage),
    open: openReceivers(openNotifier(notify, clock)),
    readDashboard: async () => dashboard ?? readTextParameter(clients.ssm, dashboardParameter(stage)),
  };
  return {
    notify: () => notifyReceivers(dependencies),
    record: (report) => recordNotifications(runtime.telemetry, report),
    close: runtime.close,
  };
}
