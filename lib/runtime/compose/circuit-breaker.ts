// Composes the circuit-breaker function.
import { createSsmFlagStore } from '../../adapters/aws/ssm/ssm-flag-store.ts';
import { recordBreakerTick } from '../../adapters/telemetry/record-breaker-tick.ts';
import { BREAKER_LIMITS } from '../../risk/breaker/limits.ts';
import { type BreakerOutcome, tickBreaker, watchedScopes } from '../../risk/use-cases/circuit-breaker.ts';
import type { CircuitBreakerSettings } from '../config/function-settings.ts';
import { openFunctionRuntime, type RuntimeOverrides } from './function-runtime.ts';
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
  const { stage, shards, notify } = settings;
  const runtime = openFunctionRuntime('circuit-breaker', stage, overrides);
  const { clients, clock, codeVersion } = runtime;
  const dependencies = {
    risk: openRiskStore(runtime, settings),
    signals: openSignalStore(runtime, settings),
    flags: createSsmFlagStore({ client: clients.ssm, stage }),
    notifier: openNotifier(notify, clock),
    clock,
    codeVersion,
    shards,
    limits: BREAKER_LIMITS,
  };
  return {
    async tick() {
      const scopes = await watchedScopes(dependencies);
      return Promise.all(scopes.map((scope) => tickBreaker(dependencies, scope)));
    },
    record: (outcome) => recordBreakerTick(runtime.telemetry, outcome),
    close: runtime.close,
  };
}
