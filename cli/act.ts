// How commands act in a person's name. On this machine a name is what was typed, and nothing proves it; on AWS the credentials say
// who it is, and the stage's functions act.
import type { ActAnswer, OperatorAct } from '../lib/api/operator/operator-acts.ts';
import { liveRefusal } from '../lib/runtime/config/venue.ts';
import { CommandFailure, UsageError } from './command-error.ts';
import { print } from './output.ts';
import { type SystemOptions, withSystem } from './system.ts';
import { typedOperator } from './typed-operator.ts';

export interface ActOptions extends SystemOptions {
  readonly by?: string;
}

/** For --by: a typed name has no place where credentials prove one. */
export function refuseTypedName({ stage, by }: ActOptions): void {
  if (stage !== undefined && by !== undefined)
    throw new UsageError('--by is for the local system: with --stage your AWS credentials say who you are');
}

/** Prints what was done. Throws CommandFailure for a refusal, and for what could not be done. */
export async function act(options: ActOptions, asked: OperatorAct): Promise<void> {
  refuseTypedName(options);
  report(
    options.stage === undefined ? await actLocally(options, asked) : await actOnStage(options.stage, asked),
  );
}

function report({ done, refused, failures }: ActAnswer): void {
  if (refused !== null) throw new CommandFailure(refused);
  for (const line of done) print(line);
  if (failures.length > 0) throw new CommandFailure(failures.join('; '));
}

async function actLocally(options: ActOptions, asked: OperatorAct): Promise<ActAnswer> {
  const { performAct } = await import('../lib/api/operator/perform-act.ts');
  const { BREAKER_LIMITS } = await import('../lib/risk/breaker/limits.ts');
  const by = typedOperator(options.by);
  return withSystem(options, async (system) => {
    const [clock, shards, exchange] = await Promise.all([
      system.readClock(),
      system.readShards(),
      system.readExchange(),
    ]);
    const venueRefusal = exchange === undefined ? undefined : liveRefusal(exchange);
    return performAct({ ...system, clock, shards, venueRefusal, limits: BREAKER_LIMITS }, asked, by);
  });
}

async function actOnStage(stage: string, asked: OperatorAct): Promise<ActAnswer> {
  const { callOperator, closeStage } = await import('../lib/runtime/compose/people/call-operator.ts');
  const answer = await callOperator(stage, asked);
  if (answer.ok) return answer.value;
  if (asked.act !== 'trip') throw new CommandFailure(answer.error);
  const closed = await closeStage(stage, { scopes: [asked.scope], kind: 'trip' });
  for (const line of closed.done) print(line);
  const missing = [...closed.failures, 'no person and no reason is recorded'];
  throw new CommandFailure(`the operate function did not act: ${answer.error}; ${missing.join('; ')}`);
}
