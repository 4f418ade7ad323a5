// The circuit-breaker function, composed: adapters from settings, one use case, and its logs and metrics.
import { createClients } from '../../adapters/aws/create-clients.ts';
import { createDynamoRiskStore } from '../../adapters/aws/dynamodb/dynamo-risk-store.ts';
import { createDynamoSignalStore } from '../../adapters/aws/dynamodb/dynamo-signal-store.ts';
import { createSnsNotifier } from '../../adapters/aws/sns/sns-notifier.ts';
import { createSsmFlagStore } from '../../adapters/aws/ssm/ssm-flag-store.ts';
import { createFileNotifier } from '../../adapters/files/file-notifier.ts';
import { createTelemetry } from '../../adapters/telemetry/powertools-telemetry.ts';
import { recordBreakerTick } from '../../adapters/telemetry/record-breaker-tick.ts';
import { type BreakerOutcome, tickBreaker, watchedScopes } from '../../risk/use-cases/circuit-breaker.ts';
import { CODE_VERSION } from '../config/code-version.ts';
import type { CircuitBreakerConfiguration } from '../config/configuration.ts';
import type { RuntimeOverrides } from '../config/runtime-overrides.ts';

export interface CircuitBreakerComposition {
  /** One tick of every watched scope, each on its own. */
  tick(): Promise<readonly BreakerOutcome[]>;
  /** Writes an outcome to logs and metrics. */
  record(outcome: BreakerOutcome): void;
  close(): Promise<void>;
}

export function composeCircuitBreaker(
  configuration: CircuitBreakerConfiguration,
  { endpoints, clock = { nowMs: Date.now }, codeVersion = CODE_VERSION, logOutput }: RuntimeOverrides = {},
): CircuitBreakerComposition {
  const { stage, riskTable, signalsTable, signalRetentionDays, shards, limits, notify } = configuration;
  const clients = createClients(endpoints);
  const telemetry = createTelemetry({
    service: 'circuit-breaker',
    stage,
    ...(logOutput && { output: logOutput }),
  });
  const dependencies = {
    risk: createDynamoRiskStore({ client: clients.dynamodb, table: riskTable, clock }),
    signals: createDynamoSignalStore({
      client: clients.dynamodb,
      table: signalsTable,
      retentionDays: signalRetentionDays,
      clock,
    }),
    flags: createSsmFlagStore({ client: clients.ssm, stage }),
    notifier:
      'topicArn' in notify ? createSnsNotifier(notify) : createFileNotifier({ path: notify.file, clock }),
    clock,
    codeVersion,
    shards,
    limits,
  };
  return {
    async tick() {
      const scopes = await watchedScopes(dependencies);
      return Promise.all(scopes.map((scope) => tickBreaker(dependencies, scope)));
    },
    record: (outcome) => recordBreakerTick(telemetry, outcome),
    async close() {
      clients.close();
    },
  };
}
