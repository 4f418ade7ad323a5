// The emergency stop in a person's name: carried out, and recorded in the audit trail of every account that it stops.
import { type Actor, describeActor } from '../../core/actor.ts';
import { messageOf } from '../../core/message-of.ts';
import {
  type EmergencyStep,
  type EmergencyStopDependencies,
  emergencyStop,
} from '../../execution/use-cases/emergency-stop.ts';
import { sortable } from '../../risk/record-kind.ts';
import { watchedScopes } from '../../risk/use-cases/circuit-breaker.ts';
import { riskRecords } from '../../risk/use-cases/risk-records.ts';
import type { ActAnswer, StopAct } from './operator-acts.ts';

/** Never rejects. */
export async function performStop(
  dependencies: EmergencyStopDependencies,
  { reason, keepPositions }: StopAct,
  by: Actor,
): Promise<ActAnswer> {
  const scopes = watchedScopes(dependencies);
  const steps = await emergencyStop(dependencies, { scopes, operator: by, reason, keepPositions });
  const failures = steps.flatMap((step) => step.failures.map((why) => `${nameOf(step)}: ${why}`));
  const atMs = dependencies.clock.nowMs();
  const { audit } = riskRecords(dependencies.risk);
  const outcome = failures.length === 0 ? 'complete' : `not complete: ${failures.length} failures`;
  const record = { atMs, what: 'emergency_stop', by, message: `${reason}; ${outcome}` };
  const written = await Promise.allSettled(
    (await scopes).map((scope) => audit.add(scope, `operator#${sortable(atMs)}#emergency_stop`, record)),
  );
  for (const each of written)
    if (each.status === 'rejected') failures.push(`audit: ${messageOf(each.reason)}`);
  const done = steps.flatMap((step) => [
    `${nameOf(step)}: ${step.failures.length === 0 ? 'done' : 'INCOMPLETE'} in ${Math.round(step.tookMs)} ms`,
    ...step.done.map((line) => `  ${line}`),
  ]);
  return { by, done: [`stopped by ${describeActor(by)}`, ...done], refused: null, failures };
}

const nameOf = ({ step, scope }: EmergencyStep): string =>
  scope === undefined ? step : `${step} (${scope})`;
