// The guard function, composed: adapters from settings, one use case per scope, and its logs and metrics.
import { createClients } from '../../adapters/aws/create-clients.ts';
import { createDynamoRiskStore } from '../../adapters/aws/dynamodb/dynamo-risk-store.ts';
import { createSsmFlagStore } from '../../adapters/aws/ssm/ssm-flag-store.ts';
import { createTelemetry } from '../../adapters/telemetry/powertools-telemetry.ts';
import { recordGuardReport } from '../../adapters/telemetry/record-guard-report.ts';
import { type GuardReport, guard } from '../../execution/use-cases/manage-positions.ts';
import type { Scope } from '../../risk/gate.ts';
import { watchedScopes } from '../../risk/use-cases/circuit-breaker.ts';
import { CODE_VERSION } from '../config/code-version.ts';
import type { GuardConfiguration } from '../config/configuration.ts';
import type { Surroundings } from '../config/runtime-overrides.ts';
import { openedBrokers } from './brokers.ts';

/** A scope whose guard could not even begin has one line of why instead of a report. */
export type GuardOutcome = GuardReport | { readonly scope: Scope; readonly failed: string };

export interface GuardComposition {
  /** One run of every watched scope, each on its own. Never rejects. */
  guardScopes(): Promise<readonly GuardOutcome[]>;
  /** Writes an outcome to logs and metrics. */
  record(outcome: GuardOutcome): void;
  close(): Promise<void>;
}

export function composeGuard(
  configuration: GuardConfiguration,
  {
    endpoints,
    clock = { nowMs: Date.now },
    codeVersion = CODE_VERSION,
    logOutput,
    unlimitedRequests = false,
  }: Surroundings = {},
): GuardComposition {
  const { stage, riskTable, exchange, exchangeUrl } = configuration;
  const clients = createClients(endpoints);
  const telemetry = createTelemetry({ service: 'guard', stage, ...(logOutput && { output: logOutput }) });
  const risk = createDynamoRiskStore({ client: clients.dynamodb, table: riskTable, clock });
  const flags = createSsmFlagStore({ client: clients.ssm, stage });
  const brokerOf = openedBrokers({ stage, clients, risk, exchange, exchangeUrl, clock, unlimitedRequests });
  const guardScope = async (scope: Scope): Promise<GuardOutcome> => {
    try {
      return await guard({ risk, broker: await brokerOf(scope), clock, codeVersion });
    } catch (error) {
      return { scope, failed: error instanceof Error ? error.message : String(error) };
    }
  };
  return {
    async guardScopes() {
      const scopes = await watchedScopes({ risk, flags });
      return Promise.all(scopes.map(guardScope));
    },
    record: (outcome) => recordGuardReport(telemetry, outcome),
    async close() {
      clients.close();
    },
  };
}
