// How a command acts on a stage on AWS: through the function that knows from AWS who calls. Where that does not answer, a stop still
// closes flags and latch itself.
import { randomUUID } from 'node:crypto';
import { createClients } from '../../../adapters/aws/create-clients.ts';
import { callFunctionUrl } from '../../../adapters/aws/lambda/call-function-url.ts';
import { readTextParameter } from '../../../adapters/aws/ssm/read-text-parameter.ts';
import { createSsmFlagStore } from '../../../adapters/aws/ssm/ssm-flag-store.ts';
import {
  type ActAnswer,
  actAnswerSchema,
  functionOf,
  type OperatorAct,
  type StopAct,
} from '../../../api/operator/operator-acts.ts';
import { messageOf } from '../../../core/message-of.ts';
import { failure, type Result, success } from '../../../core/result.ts';
import { MINUTE_MS } from '../../../core/units.ts';
import { EMERGENCY_FLAGS } from '../../../execution/use-cases/emergency-stop.ts';
import type { Scope } from '../../../risk/gate.ts';
import { type ClosedGate, closeGate } from '../../../risk/use-cases/close-gate.ts';
import { functionUrlParameter, resourcesOfStage } from '../../config/stage.ts';
import { SYSTEM_CLOCK } from '../function-runtime.ts';
import { openRiskStore } from '../stores.ts';

/** Longer than any of the functions takes. */
const ANSWER_MS_MAX = 2.5 * MINUTE_MS;

/** What the function answered, or one line why it did not. Never rejects. */
export async function callOperator(
  stage: string,
  act: OperatorAct | StopAct,
): Promise<Result<ActAnswer, string>> {
  const name = functionOf(act);
  const clients = createClients();
  try {
    const url = await readTextParameter(clients.ssm, functionUrlParameter(stage, name));
    const body = JSON.stringify({ id: randomUUID(), atMs: Date.now(), act });
    const reply = await callFunctionUrl({ client: clients.ssm, url, body, timeoutMs: ANSWER_MS_MAX });
    const answer = actAnswerSchema.safeParse(parseJson(reply.body));
    if (answer.success) return success(answer.data);
    return failure(
      reply.status === 403
        ? `AccessDenied: these credentials may not call ${name} of stage ${stage}; a policy of the stage allows it (docs/OPERATIONS.md)`
        : `${name} of stage ${stage} failed with HTTP ${reply.status}`,
    );
  } catch (error) {
    return failure(messageOf(error));
  } finally {
    clients.close();
  }
}

/** Never rejects. @param kind `stop` declares an emergency as well */
export async function closeStage(
  stage: string,
  { scopes, kind }: { readonly scopes: readonly Scope[]; readonly kind: 'trip' | 'stop' },
): Promise<ClosedGate> {
  const clients = createClients();
  try {
    const flags = createSsmFlagStore({ client: clients.ssm, stage });
    const risk = openRiskStore({ clients, clock: SYSTEM_CLOCK }, resourcesOfStage(stage));
    return await closeGate({ flags, risk }, scopes, kind === 'stop' ? EMERGENCY_FLAGS : {});
  } finally {
    clients.close();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
