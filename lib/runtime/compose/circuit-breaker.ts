// Composes the circuit-breaker function.
import { createRecordClients, type RecordClients } from '../../adapters/aws/create-record-clients.ts';
import { createSsmFlagStore } from '../../adapters/aws/ssm/ssm-flag-store.ts';
import { recordBreakerTick } from '../../adapters/telemetry/record-breaker-tick.ts';
import { BREAKER_LIMITS } from '../../risk/breaker/limits.ts';
import {
  type BreakerOutcome,
  tickBreaker,
  type UnlatchedTrips,
  watchedScopes,
} from '../../risk/use-cases/circuit-breaker.ts';
import type { CircuitBreakerSettings } from '../config/function-settings.ts';
import { type FunctionRuntime, openFunctionRuntime, type RuntimeOverrides } from './function-runtime.ts';
import { openNotifier } from './notifier.ts';
import { openRiskStore, openSignalStore } from './stores.ts';

export interface CircuitBreakerComposition {
  /** One tick of every watched scope, each on its own. */
  tick(): Promise<readonly BreakerOutcome[]>;
  /** Writes an outcome to logs and metrics. */
  record(outcome: BreakerOutcome): void;
  close(): Promise<void>;
}

export function composeCircuitBreaker(
  settings: CircuitBreakerSettings,
  overrides?: RuntimeOverrides,
): CircuitBreakerComposition {
  const runtime = openFunctionRuntime(createRecordClients, 'circuit-breaker', settings.stage, overrides);
  const dependencies = openBreaker(runtime, settings);
  return {
    async tick() {
      const scopes = await watchedScopes(dependencies);
      return Promise.all(scopes.map((scope) => tickBreaker(dependencies, scope)));
    },
    record: (outcome) => recordBreakerTick(runtime.telemetry, outcome),
    close: runtime.close,
  };
}

/** What the use cases of the circuit breaker need, in whichever function they run. */
export function openBreaker(runtime: FunctionRuntime<RecordClients>, settings: CircuitBreakerSettings) {
  const { stage, shards, notify } = settings;
  const { clients, clock, codeVersion } = runtime;
  return {
    risk: openRiskStore(runtime, settings),
    signals: openSignalStore(runtime, settings),
    flags: createSsmFlagStore({ client: clients.ssm, stage }),
    notifier: openNotifier(notify, clock),
    clock,
    codeVersion,
    shards,
    limits: BREAKER_LIMITS,
    unlatched: new Map() satisfies UnlatchedTrips,
  };
}
