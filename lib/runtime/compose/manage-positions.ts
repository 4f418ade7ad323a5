// Composes the manage-positions function.
import { createRecordClients } from '../../adapters/aws/create-record-clients.ts';
import { createSsmFlagStore } from '../../adapters/aws/ssm/ssm-flag-store.ts';
import { recordPositionManagerReport } from '../../adapters/telemetry/record-position-manager-report.ts';
import { messageOf } from '../../core/message-of.ts';
import { managePositions, type PositionManagerReport } from '../../execution/use-cases/manage-positions.ts';
import type { Scope } from '../../risk/gate.ts';
import { watchedScopes } from '../../risk/use-cases/circuit-breaker.ts';
import type { ManagePositionsSettings } from '../config/function-settings.ts';
import { PROCESS_TIMERS } from '../timers.ts';
import { openedBrokers } from './exchange/brokers.ts';
import { openFunctionRuntime, type RuntimeOverrides } from './function-runtime.ts';
import { openRiskStore } from './stores.ts';

/** Instead of a report, a scope that could not start has the reason in one line. */
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
  settings: ManagePositionsSettings,
  overrides?: RuntimeOverrides,
): ManagePositionsComposition {
  const runtime = openFunctionRuntime(createRecordClients, 'manage-positions', settings.stage, overrides);
  const { clients, clock, codeVersion } = runtime;
  const risk = openRiskStore(runtime, settings);
  const flags = createSsmFlagStore({ client: clients.ssm, stage: settings.stage });
  const brokerOf = openedBrokers({ ...settings, ...runtime, risk });
  const { externalPositions } = settings;
  const { pause } = PROCESS_TIMERS;
  const manageScope = async (scope: Scope): Promise<ManagePositionsOutcome> => {
    try {
      const broker = await brokerOf(scope);
      return await managePositions({ risk, broker, clock, codeVersion, externalPositions, pause });
    } catch (error) {
      return { scope, failed: messageOf(error) };
    }
  };
  return {
    async manageScopes() {
      const scopes = await watchedScopes({ risk, flags });
      return Promise.all(scopes.map(manageScope));
    },
    record: (outcome) => recordPositionManagerReport(runtime.telemetry, outcome),
    close: runtime.close,
  };
}
