// The execute function, composed: adapters from settings, one use case, and its logs and metrics.
import { createClients } from '../../adapters/aws/create-clients.ts';
import { createDynamoRiskStore } from '../../adapters/aws/dynamodb/dynamo-risk-store.ts';
import { createDynamoSignalStore } from '../../adapters/aws/dynamodb/dynamo-signal-store.ts';
import { createS3ObjectStore } from '../../adapters/aws/s3/s3-object-store.ts';
import { createSsmFlagStore } from '../../adapters/aws/ssm/ssm-flag-store.ts';
import { createTelemetry } from '../../adapters/telemetry/powertools-telemetry.ts';
import { recordExecuteReport } from '../../adapters/telemetry/record-execute-report.ts';
import { recordKeysRefused } from '../../adapters/telemetry/record-keys-refused.ts';
import type { ExecuteReport } from '../../execution/execute-report.ts';
import { FULL_SIZE } from '../../execution/use-cases/enter-position.ts';
import { type ExecuteDependencies, type ExecuteRequest, execute } from '../../execution/use-cases/execute.ts';
import { CODE_VERSION } from '../config/code-version.ts';
import type { ExecuteConfiguration } from '../config/configuration.ts';
import type { RuntimeOverrides } from '../config/runtime-overrides.ts';
import { openedBrokers } from './brokers.ts';

export interface ExecuteComposition {
  executeBar(request: ExecuteRequest): Promise<ExecuteReport>;
  /** Writes the report to logs and metrics. */
  record(report: ExecuteReport): void;
  close(): Promise<void>;
}

export function composeExecute(
  configuration: ExecuteConfiguration,
  {
    endpoints,
    clock = { nowMs: Date.now },
    codeVersion = CODE_VERSION,
    logOutput,
    unlimitedRequests = false,
  }: RuntimeOverrides = {},
): ExecuteComposition {
  const { stage, bucket, signalsTable, signalRetentionDays, riskTable } = configuration;
  const { exchange, exchangeUrl } = configuration;
  const clients = createClients(endpoints);
  const telemetry = createTelemetry({ service: 'execute', stage, ...(logOutput && { output: logOutput }) });
  const risk = createDynamoRiskStore({ client: clients.dynamodb, table: riskTable, clock });
  const dependencies: ExecuteDependencies = {
    signals: createDynamoSignalStore({
      client: clients.dynamodb,
      table: signalsTable,
      retentionDays: signalRetentionDays,
      clock,
    }),
    objects: createS3ObjectStore({ client: clients.s3, bucket }),
    flags: createSsmFlagStore({ client: clients.ssm, stage }),
    risk,
    clock,
    brokerOf: openedBrokers({
      stage,
      clients,
      risk,
      exchange,
      exchangeUrl,
      clock,
      unlimitedRequests,
      onKeysRefused: (message) => recordKeysRefused(telemetry, message),
    }),
    policy: FULL_SIZE,
    codeVersion,
  };
  return {
    executeBar: (request) => execute(dependencies, request),
    record: (report) => recordExecuteReport(telemetry, report),
    async close() {
      clients.close();
    },
  };
}
