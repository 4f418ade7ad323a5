// The emergency stop over HTTP. It is logged before it begins and recorded in the audit trail of every account that it stops.
import type * as z from 'zod';
import type { Actor } from '../core/actor.ts';
import { messageOf } from '../core/message-of.ts';
import {
  type EmergencyStep,
  type EmergencyStopDependencies,
  emergencyStop,
} from '../execution/use-cases/emergency-stop.ts';
import type { Scope } from '../risk/gate.ts';
import { sortable } from '../risk/record-kind.ts';
import { watchedScopes } from '../risk/use-cases/circuit-breaker.ts';
import { riskRecords } from '../risk/use-cases/risk-records.ts';
import { type ApiAnswer, type ApiCall, type ApiRequest, answerJson } from './api-call.ts';
import { ApiRefusal } from './api-error.ts';
import type { StopRequest, stopAnswerSchema } from './stop-schema.ts';

export interface StopDependencies extends EmergencyStopDependencies {
  /** Drills are for this machine only. */
  readonly isLocal: boolean;
  readonly note: (call: ApiCall) => void;
}

export interface StopCall {
  readonly request: ApiRequest;
  readonly by: Actor;
  readonly input: StopRequest;
}

/** Throws ApiRefusal for a drill that would stop a deployed stage; what the stop itself cannot do is in the answer. */
export async function serveStop(
  dependencies: StopDependencies,
  { request, by, input }: StopCall,
): Promise<ApiAnswer> {
  const { reason, keepPositions, drill } = input;
  if (drill && !dependencies.isLocal) throw new ApiRefusal('bad_request', 'drill: for the local system only');
  const { requestId, sourceIp, method, path } = request;
  dependencies.note({
    ...{ requestId, sourceIp, method, path, who: by.name, status: 'begun', tookMs: 0, isRepeated: false },
    message: JSON.stringify(input),
  });
  const scopes: Promise<readonly Scope[]> = drill ? Promise.resolve(['paper']) : watchedScopes(dependencies);
  const stop = { scopes, operator: by, reason: drill ? `drill: ${reason}` : reason, keepPositions };
  const steps = await emergencyStop(dependencies, stop);
  const failures = [
    ...steps.flatMap(({ step, scope, failures }) =>
      failures.map((why) => `${step}${scope === undefined ? '' : ` (${scope})`}: ${why}`),
    ),
    ...(await auditStop(dependencies, { ...stop, scopes: await scopes, steps, request })),
  ];
  const answer: z.infer<typeof stopAnswerSchema> = {
    complete: failures.length === 0,
    failures,
    steps: steps.map((step) => ({ ...step, done: [...step.done], failures: [...step.failures] })),
  };
  return answerJson(statusOfStop(steps, failures), answer);
}

/** Latch and flags close the gate each on its own: 500 only when neither is known to. */
function statusOfStop(steps: readonly EmergencyStep[], failures: readonly string[]): 200 | 207 | 500 {
  if (failures.length === 0) return 200;
  const latches = steps.filter(({ step }) => step === 'latch');
  const isLatched = latches.length > 0 && latches.every(({ done }) => done.length > 0);
  const areFlagsClosed = steps.some(({ step, failures }) => step === 'flags' && failures.length === 0);
  return isLatched || areFlagsClosed ? 207 : 500;
}

/** @returns one line for each scope whose audit trail could not be written */
async function auditStop(
  { risk, clock }: StopDependencies,
  stop: {
    readonly operator: Actor;
    readonly reason: string;
    readonly scopes: readonly Scope[];
    readonly steps: readonly EmergencyStep[];
    readonly request: ApiRequest;
  },
): Promise<string[]> {
  const { operator, reason, scopes, steps, request } = stop;
  const incomplete = steps.filter(({ failures }) => failures.length > 0).map(({ step }) => step);
  const outcome =
    incomplete.length === 0 ? 'complete' : `not complete: ${[...new Set(incomplete)].join(', ')}`;
  const atMs = clock.nowMs();
  const record = {
    atMs,
    what: 'emergency_stop',
    by: operator,
    message: `${reason}; from ${request.sourceIp}, request ${request.requestId}; ${outcome}`,
  };
  const { audit } = riskRecords(risk);
  const id = `api#${sortable(atMs)}#${request.requestId}`;
  const written = await Promise.allSettled(scopes.map((scope) => audit.add(scope, id, record)));
  return written.flatMap((each) => (each.status === 'rejected' ? [`audit: ${messageOf(each.reason)}`] : []));
}
