// Composes the execute function.

import { createClients } from '../../adapters/aws/create-clients.ts';
import { createS3ObjectStore } from '../../adapters/aws/s3/s3-object-store.ts';
import { createSsmFlagStore } from '../../adapters/aws/ssm/ssm-flag-store.ts';
import { createLazyModelRuntime } from '../../adapters/onnx/lazy-model-runtime.ts';
import { recordExecuteReport } from '../../adapters/telemetry/record-execute-report.ts';
import type { ExecuteReport } from '../../execution/execute-report.ts';
import { FULL_SIZE } from '../../execution/use-cases/enter-position.ts';
import { type ExecuteDependencies, type ExecuteRequest, execute } from '../../execution/use-cases/execute.ts';
import { createSizingPolicies } from '../../models/use-cases/sizing-policies.ts';
import type { ExecuteSettings } from '../config/function-settings.ts';
import { PROCESS_TIMERS } from '../timers.ts';
import { openedBrokers } from './exchange/brokers.ts';
import { openFunctionRuntime, type RuntimeOverrides } from './function-runtime.ts';
import { openRiskStore, openSignalStore } from './stores.ts';

export interface ExecuteComposition {
  executeBar(request: ExecuteRequest): Promise<ExecuteReport>;
  /** Writes the report to logs and metrics. */
  record(report: ExecuteReport): void;
  close(): Promise<void>;
}

export function composeExecute(settings: ExecuteSettings, overrides?: RuntimeOverrides): ExecuteComposition {
  const { stage, bucket } = settings;
  const runtime = openFunctionRuntime(createClients, 'execute', stage, overrides);
  const { clients, clock, codeVersion } = runtime;
  const risk = openRiskStore(runtime, settings);
  const objects = createS3ObjectStore({ client: clients.s3, bucket });
  const policies = createSizingPolicies({ store: objects, runtime: createLazyModelRuntime() });
  const dependencies: ExecuteDependencies = {
    signals: openSignalStore(runtime, settings),
    objects,
    flags: createSsmFlagStore({ client: clients.ssm, stage }),
    risk,
    clock,
    brokerOf: openedBrokers({ ...settings, ...runtime, risk }),
    policy: FULL_SIZE,
    policies,
    codeVersion,
    stopwatchMs: PROCESS_TIMERS.stopwatchMs,
    sleep: PROCESS_TIMERS.pause,
  };
  return {
    executeBar: (request) => execute(dependencies, request),
    record: (report) => recordExecuteReport(runtime.telemetry, report),
    async close() {
      await policies.close();
      await runtime.close();
    },
  };
}
