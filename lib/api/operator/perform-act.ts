// Carries out what a person asks for, in that person's name.
import { type Actor, describeActor } from '../../core/actor.ts';
import { messageOf } from '../../core/message-of.ts';
import type { ObjectStore } from '../../core/ports.ts';
import type { Result } from '../../core/result.ts';
import { MICRO } from '../../core/units.ts';
import { declareTransfer } from '../../execution/use-cases/declare-transfer.ts';
import { SIGN_OFF_ROLES } from '../../risk/level.ts';
import {
  approveBreakerReset,
  type BreakerDependencies,
  type BreakerOutcome,
  requestBreakerReset,
  tripBreaker,
} from '../../risk/use-cases/circuit-breaker.ts';
import type { RolloutTransition } from '../../rollout/transition-rollout.ts';
import {
  advanceRollout,
  type RolloutRefusal,
  readRollout,
  signOffRollout,
  stepDownRollout,
} from '../../rollout/use-cases/move-rollout.ts';
import type { ActAnswer, OperatorAct } from './operator-acts.ts';

export interface ActDependencies extends BreakerDependencies {
  readonly objects: ObjectStore;
  /** Why this stage may not trade live; undefined when it may. */
  readonly venueRefusal: string | undefined;
}

type Outcome = Omit<ActAnswer, 'by'>;

/** Never rejects: what the stores cannot do is a failure in the answer. */
export async function performAct(
  dependencies: ActDependencies,
  act: OperatorAct,
  by: Actor,
): Promise<ActAnswer> {
  try {
    return { by, ...(await perform(dependencies, act, by)) };
  } catch (error) {
    return { by, done: [], refused: null, failures: [messageOf(error)] };
  }
}

async function perform(dependencies: ActDependencies, act: OperatorAct, by: Actor): Promise<Outcome> {
  const { risk, clock, venueRefusal } = dependencies;
  const nowMs = clock.nowMs();
  switch (act.act) {
    case 'trip':
      return ofBreaker(await tripBreaker(dependencies, { ...act, operator: by }));
    case 'request_reset':
      return ofBreaker(
        await requestBreakerReset(dependencies, { ...act, operator: by }),
        'another operator must approve it within the hour: qtrader breaker reset --approve',
      );
    case 'approve_reset':
      return ofBreaker(
        await approveBreakerReset(dependencies, { ...act, operator: by }),
        'the flags stay closed; re-enable them manually, such as qtrader flags set CIRCUIT_BREAKER_TRIGGERED false',
      );
    case 'declare_transfer': {
      const { scope, amountMicroUsdt, reason } = act;
      if (amountMicroUsdt === 0) return refused('a transfer of nothing needs no word');
      const declared = await declareTransfer(risk, { scope, amountMicroUsdt, reason, by, nowMs });
      if (!declared.ok) return refused(declared.error);
      return done(`${scope}: ${amountMicroUsdt / MICRO} USDT declared by ${describeActor(by)}`);
    }
    case 'sign_off': {
      if (venueRefusal !== undefined) return refused(venueRefusal);
      await readRollout(risk, nowMs);
      return ofSignOff(await signOffRollout(risk, { role: act.role, by, nowMs }), act.role, by);
    }
    case 'advance':
      if (venueRefusal !== undefined) return refused(venueRefusal);
      return ofMove(await advanceRollout(dependencies, { by, nowMs }));
    case 'step_down': {
      const asked = { kind: 'step_down', by, reason: act.reason, nowMs } as const;
      return done(describeMove(await stepDownRollout(risk, asked)));
    }
  }
}

const done = (...lines: string[]): Outcome => ({ done: lines, refused: null, failures: [] });
const refused = (why: string): Outcome => ({ done: [], refused: why, failures: [] });

function ofBreaker({ scope, transition, failures }: BreakerOutcome, next?: string): Outcome {
  if (transition === undefined) return { done: [], refused: null, failures: [...failures] };
  const { refusal, current } = transition;
  if (refusal !== undefined) return refused(`${refusal.code}: ${refusal.message}`);
  const request = current.latch === 'TRIPPED' ? current.resetRequest : null;
  const asked = request === null ? '' : `, reset requested by ${describeActor(request.operator)}`;
  const lines = [`${scope}: ${current.latch}, epoch ${current.epoch}${asked}`];
  if (next !== undefined) lines.push(next);
  return { done: lines, refused: null, failures: [...failures] };
}

type Moved = Result<RolloutTransition, readonly RolloutRefusal[]>;

const ofRefusals = (refusals: readonly RolloutRefusal[]): Outcome =>
  refused(refusals.map(({ code, message }) => `${code}: ${message}`).join('; '));

function ofSignOff(moved: Moved, role: string, by: Actor): Outcome {
  if (!moved.ok) return ofRefusals(moved.error);
  const { level, signOffs } = moved.value.current;
  const missing = SIGN_OFF_ROLES.filter((each) => signOffs[each] === null);
  return done(
    `${role} ${describeActor(by)} signed off the step from ${level}`,
    ...(missing.length > 0 ? [`still missing: ${missing.join(', ')}`] : []),
  );
}

const ofMove = (moved: Moved): Outcome =>
  moved.ok ? done(describeMove(moved.value)) : ofRefusals(moved.error);

const describeMove = ({ previous, current, outcome }: RolloutTransition): string =>
  `${outcome}: ${previous.level} -> ${current.level}`;
