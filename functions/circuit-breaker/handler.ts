// The circuit-breaker function: one tick, started every minute by EventBridge Scheduler. An incomplete tick fails the invocation,
// which raises the alarm on its errors; the next tick retries.
import type { BreakerOutcome } from '../../lib/risk/use-cases/circuit-breaker.ts';
import {
  type CircuitBreakerComposition,
  composeCircuitBreaker,
} from '../../lib/runtime/compose/circuit-breaker.ts';
import { circuitBreakerSettings } from '../../lib/runtime/config/function-settings.ts';
import { onLambda } from '../../lib/runtime/lambda.ts';

export interface CircuitBreakerResult {
  readonly scopes: readonly {
    readonly scope: BreakerOutcome['scope'];
    /** NOT_STARTED: closed, and not tripped; the causes are what the first arming waits for. */
    readonly latch: 'ARMED' | 'TRIPPED' | 'NOT_STARTED';
    readonly epoch: number;
    readonly causes: readonly string[];
  }[];
}

/** The handler over a composition; `handler` below is the one that Lambda calls. Rejects after every scope had its tick. */
export function createCircuitBreakerHandler({ tick, record }: CircuitBreakerComposition) {
  return async (): Promise<CircuitBreakerResult> => {
    const outcomes = await tick();
    for (const outcome of outcomes) record(outcome);
    const failures = outcomes.flatMap(({ scope, failures }) => failures.map((why) => `${scope}: ${why}`));
    if (failures.length > 0) throw new Error(`the tick is not complete: ${failures.join('; ')}`);
    return { scopes: outcomes.map(describe) };
  };
}

function describe({ scope, transition, notStarted }: BreakerOutcome): CircuitBreakerResult['scopes'][number] {
  if (notStarted.length > 0) return { scope, latch: 'NOT_STARTED', epoch: 0, causes: notStarted };
  const { latch, epoch, ...state } = transition!.current;
  const causes = 'causes' in state ? state.causes.map(({ code }) => code) : [];
  return { scope, latch, epoch, causes };
}

export const handler = onLambda(() =>
  createCircuitBreakerHandler(composeCircuitBreaker(circuitBreakerSettings.read())),
);
