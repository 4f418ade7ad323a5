// One call of an operator's function: who called, whether the call is fresh and new, and what came of it. Refusals write nothing.
import * as z from 'zod';
import { type Actor, unproven } from '../../core/actor.ts';
import { messageOf } from '../../core/message-of.ts';
import type { Clock } from '../../core/ports.ts';
import { DAY_MS, MINUTE_MS } from '../../core/units.ts';
import type { RecordStore } from '../../risk/ports.ts';
import type { RecordKind } from '../../risk/record-kind.ts';
import { NamedRecords } from '../../risk/use-cases/typed-records.ts';
import type { ActAnswer } from './operator-acts.ts';
import { readCaller } from './read-caller.ts';

export interface OperatorCall {
  /** The principal that AWS has verified; undefined when there is none. */
  readonly userArn: string | undefined;
  readonly body: string;
}

export interface OperatorReply {
  readonly status: 200 | 400 | 403 | 409 | 500;
  readonly answer: ActAnswer;
}

interface OperatorDoor<Act> {
  readonly risk: RecordStore;
  readonly clock: Clock;
  /** Whose principals are believed. */
  readonly account: string;
  readonly acts: z.ZodType<Act>;
  readonly perform: (act: Act, by: Actor) => Promise<ActAnswer>;
  /** Whether a call whose id cannot be recorded is carried out all the same: for what may be repeated without harm. */
  readonly isSafeToRepeat: boolean;
}

/** AWS accepts a signature for as long. */
const CALL_AGE_MS_MAX = 5 * MINUTE_MS;

const envelopeSchema = z.strictObject({ id: z.uuid(), atMs: z.int(), act: z.unknown() });
const callRecordSchema = z.strictObject({ atMs: z.int(), by: z.string() });

/** Calls that were let in, by their id: none is carried out twice. Of the scope `paper`. */
const OPERATOR_CALLS: RecordKind<z.infer<typeof callRecordSchema>> = {
  name: 'operator-call',
  schema: callRecordSchema,
  keptMs: DAY_MS,
};

export async function answerOperator<Act>(
  door: OperatorDoor<Act>,
  { userArn, body }: OperatorCall,
): Promise<OperatorReply> {
  const refuse = (status: 400 | 403 | 409, why: string, by: Actor = unproven('nobody')): OperatorReply => ({
    status,
    answer: { by, done: [], refused: why, failures: [] },
  });
  if (userArn === undefined) return refuse(403, 'the call carries no identity that AWS has verified');
  const caller = readCaller(userArn, door.account);
  if (!caller.ok) return refuse(403, caller.error);
  const by = caller.value;
  const envelope = envelopeSchema.safeParse(parseJson(body));
  const act = door.acts.safeParse(envelope.data?.act);
  if (!envelope.success || !act.success)
    return refuse(
      400,
      `the call is malformed, or not for this function: ${z.prettifyError(envelope.error ?? act.error!).split('\n')[0]}`,
      by,
    );
  const { id, atMs } = envelope.data;
  if (!(Math.abs(door.clock.nowMs() - atMs) <= CALL_AGE_MS_MAX))
    return refuse(403, 'the call was made more than 5 minutes ago, or its clock is wrong', by);
  const admitted = await admit(door, { id, by });
  if (admitted === 'repeated') return refuse(409, 'this call was carried out before', by);
  if (admitted !== 'new' && !door.isSafeToRepeat)
    return { status: 500, answer: { by, done: [], refused: null, failures: [admitted.failed] } };
  const answer = await door.perform(act.data, by);
  const status = answer.refused !== null ? 409 : answer.failures.length > 0 ? 500 : 200;
  return { status, answer };
}

async function admit(
  { risk, clock }: Pick<OperatorDoor<unknown>, 'risk' | 'clock'>,
  { id, by }: { readonly id: string; readonly by: Actor },
): Promise<'new' | 'repeated' | { readonly failed: string }> {
  try {
    const record = { atMs: clock.nowMs(), by: by.via ?? by.name };
    const written = await new NamedRecords(risk, OPERATOR_CALLS).add('paper', id, record);
    return written === 'written' ? 'new' : 'repeated';
  } catch (error) {
    return { failed: messageOf(error) };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
