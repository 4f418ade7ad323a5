// Actions over HTTP, through the same use cases as the commands, in the name that the token was issued to. Each is logged before it
// begins and recorded in the audit trail with its reason; what opens anything is recorded first.
import type { Actor } from '../../core/actor.ts';
import { messageOf } from '../../core/message-of.ts';
import { setQuarantine } from '../../models/use-cases/release-quarantine.ts';
import { type FlagName, opensLive, parseFlag } from '../../risk/flags.ts';
import { sortable } from '../../risk/record-kind.ts';
import { riskRecords } from '../../risk/use-cases/risk-records.ts';
import { refusesToDrop } from '../../risk/use-cases/unlatched-trip.ts';
import { type ApiAnswer, type ApiCall, type ApiRequest, answerJson } from '../api-call.ts';
import type { OperatorAct } from '../operator/operator-acts.ts';
import { type ActDependencies, performAct } from '../operator/perform-act.ts';
import type { ActionAnswer, ActionRequest } from './action-schema.ts';

export interface ActionDependencies extends ActDependencies {
  readonly note: (call: ApiCall) => void;
}

interface ActionCall {
  readonly request: ApiRequest;
  readonly by: Actor;
  readonly input: ActionRequest;
}

type Outcome = Pick<ActionAnswer, 'done' | 'refused' | 'failures'>;

const STATUS = { done: 200, refused: 409, unknown: 500 } as const;

/** Never rejects: what could not be done is in the answer. */
export async function serveAction(
  dependencies: ActionDependencies,
  { request, by, input }: ActionCall,
): Promise<ApiAnswer> {
  const { requestId, sourceIp, method, path } = request;
  dependencies.note({
    ...{ requestId, sourceIp, method, path, who: by.name, status: 'begun', tookMs: 0, isRepeated: false },
    message: JSON.stringify(input),
  });
  const audit = async () => {
    const { clock, risk } = dependencies;
    const atMs = clock.nowMs();
    const record = {
      atMs,
      what: input.act,
      by,
      message: `${describe(input)}; from ${sourceIp}, request ${requestId}`,
    };
    const scope = 'scope' in input ? input.scope : 'paper';
    await riskRecords(risk).audit.add(scope, `api#${sortable(atMs)}#${requestId}`, record);
  };
  const { done, refused, failures } = await attempt(dependencies, { by, input, audit });
  const outcome = refused !== null ? 'refused' : failures.length > 0 ? 'unknown' : 'done';
  const answer: ActionAnswer = { outcome, by: by.name, done: [...done], refused, failures: [...failures] };
  return answerJson(STATUS[outcome], answer);
}

function describe(input: ActionRequest): string {
  const { act: _, reason, ...parts } = input;
  return [Object.values(parts).join(' '), reason].filter((text) => text !== '').join(': ');
}

interface Attempt {
  readonly by: Actor;
  readonly input: ActionRequest;
  readonly audit: () => Promise<void>;
}

async function attempt(dependencies: ActionDependencies, { by, input, audit }: Attempt): Promise<Outcome> {
  const closes = isClosing(input);
  try {
    if (!closes) await audit();
  } catch (error) {
    return refusal(`it could not be recorded in the audit trail: ${messageOf(error)}`);
  }
  const outcome = await perform(dependencies, input, by).catch((error: unknown) => ({
    done: [],
    refused: null,
    failures: [messageOf(error)],
  }));
  if (!closes) return outcome;
  // What lowers the risk waits for nothing.
  const unrecorded = await audit().then(
    () => [],
    (error: unknown) => [`audit: ${messageOf(error)}`],
  );
  return { ...outcome, failures: [...outcome.failures, ...unrecorded] };
}

/** Values that only ever lower the risk. */
const CLOSING: Partial<Record<FlagName, string>> = {
  QT_ENABLE_EXECUTION: 'false',
  QT_ENABLE_AI_TRADING: 'false',
  QT_PAPER_TRADING: 'true',
  EMERGENCY_MODE: 'true',
  CIRCUIT_BREAKER_TRIGGERED: 'true',
  QT_MAX_CAPITAL_ALLOCATION: '0',
  QT_MAX_POSITIONS: '0',
};

function isClosing(input: ActionRequest): boolean {
  if (input.act === 'set_flag') return CLOSING[input.name] === input.value;
  return input.act === 'trip' || input.act === 'step_down' || input.act === 'quarantine';
}

async function perform(dependencies: ActionDependencies, input: ActionRequest, by: Actor): Promise<Outcome> {
  switch (input.act) {
    case 'set_flag':
      return setFlag(dependencies, input);
    case 'quarantine':
    case 'lift_quarantine':
      return quarantine(dependencies, input, by);
    default:
      return performAct(dependencies, actOf(input), by);
  }
}

type RiskAction = Exclude<ActionRequest, { act: 'set_flag' | 'quarantine' | 'lift_quarantine' }>;

function actOf(input: RiskAction): OperatorAct {
  switch (input.act) {
    case 'approve_reset':
      return { act: input.act, scope: input.scope };
    case 'sign_off':
      return { act: input.act, role: input.role };
    case 'advance':
      return { act: input.act };
    default:
      return input;
  }
}

const refusal = (refused: string): Outcome => ({ done: [], refused, failures: [] });

async function setFlag(
  { flags, risk, venueRefusal }: ActionDependencies,
  { name, value }: Extract<ActionRequest, { act: 'set_flag' }>,
): Promise<Outcome> {
  const parsed = parseFlag(name, value);
  if (!parsed.ok) return refusal(parsed.error);
  if (opensLive(name, value) && venueRefusal !== undefined) return refusal(venueRefusal);
  const before = (await flags.read([name])).get(name);
  const refused = await refusesToDrop(risk, name, before);
  if (refused !== undefined) return refusal(refused);
  await flags.write(name, value);
  const was = before?.kind === 'text' ? before.text : (before?.kind ?? 'missing');
  return { done: [`${name}: ${was} -> ${value}`], refused: null, failures: [] };
}

async function quarantine(
  { objects, clock }: ActionDependencies,
  input: Extract<ActionRequest, { act: 'quarantine' | 'lift_quarantine' }>,
  by: Actor,
): Promise<Outcome> {
  const { act, model: name, version, reason } = input;
  const state = act === 'quarantine' ? 'quarantined' : 'lifted';
  const actor = { by: by.name, reason, atMs: clock.nowMs() };
  const set = await setQuarantine(objects, { name, version }, { state, actor });
  if (set.ok)
    return {
      done: [`${name} ${version}: quarantine ${state === 'lifted' ? 'ends' : 'begins'} at the next bar`],
      refused: null,
      failures: [],
    };
  const { code, message } = set.error;
  // A write whose answer was lost may have taken effect.
  if (code === 'store_unavailable') return { done: [], refused: null, failures: [message] };
  return refusal(`${code}: ${message}`);
}
