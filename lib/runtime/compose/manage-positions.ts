// The guard function, composed: adapters from settings, one use case per scope, and its logs and metrics.

import { createClients } from '../../adapters/aws/create-clients.ts';
import { createDynamoRiskStore } from '../../adapters/aws/dynamodb/dynamo-risk-store.ts';
import { createSsmFlagStore } from '../../adapters/aws/ssm/ssm-flag-store.ts';
import { createTelemetry } from '../../adapters/telemetry/powertools-telemetry.ts';
import { recordPositionManagerReport } from '../../adapters/telemetry/record-position-manager-report.ts';
import { messageOf } from '../../core/message-of.ts';
import { managePositions, type PositionManagerReport } from '../../execution/use-cases/manage-positions.ts';
import type { Scope } from '../../risk/gate.ts';
import { watchedScopes } from '../../risk/use-cases/circuit-breaker.ts';
import { CODE_VERSION } from '../config/code-version.ts';
import type { ManagePositionsConfiguration } from '../config/configuration.ts';
import type { RuntimeOverrides } from '../config/runtime-overrides.ts';
import { openedBrokers } from './brokers.ts';

/** A scope whose guard could not even begin has one line of why instead of a report. */
export type ManagePositionsOutcome =
  | PositionManagerReport
  | { readonly scope: Scope; readonly failed: string };

export interface ManagePositionsComposition {
  /** One run of every watched scope, each on its own. Never rejects. */
  manageScopes(): Promise<readonly ManagePositionsOutcome[]>;
  /** Writes an outcome to logs and metrics. */
  record(outcome: ManagePositionsOutcome): void;
  close(): Promise<void>;
}

export function composeManagePositions(
  configuration: ManagePositionsConfiguration,
  {
    endpoints,
    clock = { nowMs: Date.now },
    codeVersion = CODE_VERSION,
    logOutput,
    unlimitedRequests = false,
  }: RuntimeOverrides = {},
): ManagePositionsComposition {
  const { stage, riskTable, exchange, exchangeUrl } = configuration;
  const clients = createClients(endpoints);
  const telemetry = createTelemetry({
    service: 'manage-positions',
    stage,
    ...(logOutput && { output: logOutput }),
  });
  const risk = createDynamoRiskStore({ client: clients.dynamodb, table: riskTable, clock });
  const flags = createSsmFlagStore({ client: clients.ssm, stage });
  const brokerOf = openedBrokers({ stage, clients, risk, exchange, exchangeUrl, clock, unlimitedRequests });
  const manageScope = async (scope: Scope): Promise<ManagePositionsOutcome> => {
    try {
      return await managePositions({ risk, broker: await brokerOf(scope), clock, codeVersion });
    } catch (error) {
      return { scope, failed: messageOf(error) };
    }
  };
  return {
    async manageScopes() {
      const scopes = await watchedScopes({ risk, flags });
      return Promise.all(scopes.map(manageScope));
    },
    record: (outcome) => recordPositionManagerReport(telemetry, outcome),
    async close() {
      clients.close();
    },
  };
}
