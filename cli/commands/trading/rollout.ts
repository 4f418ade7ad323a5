// `qtrader rollout`: the level of live trading, what the next one needs, and the operators' sign-offs and steps.
import { type Command, Option } from 'commander';
import { describeActor } from '../../../lib/core/actor.ts';
import { formatInstant, formatPercent } from '../../../lib/core/format-figure.ts';
import type { Result } from '../../../lib/core/result.ts';
import { LEVEL_LIMITS, SIGN_OFF_ROLES, type SignOffRole } from '../../../lib/risk/level.ts';
import type { RolloutTransition } from '../../../lib/rollout/transition-rollout.ts';
import type { RolloutRefusal } from '../../../lib/rollout/use-cases/move-rollout.ts';
import type { OperatorSystem } from '../../../lib/runtime/compose/operator.ts';
import { CommandFailure } from '../../command-error.ts';
import { print, printJson } from '../../output.ts';
import { addSystemOptions, requireLiveVenue, type SystemOptions, withSystem } from '../../system.ts';
import { typedOperator } from '../../typed-operator.ts';

interface ByOptions extends SystemOptions {
  readonly by: string;
}

export function addRolloutCommand(program: Command): void {
  const rollout = program
    .command('rollout')
    .description('the level of live trading: status, approve, advance, step-down');
  addSystemOptions(rollout.command('status'))
    .description('the level, its sign-offs, the newest GO/NO-GO, and what the next level needs')
    .option('--json', 'print JSON', false)
    .action(runStatus);
  addSystemOptions(rollout.command('approve'))
    .description('sign off the step to the next level')
    .addOption(new Option('--role <role>', 'your role').choices(SIGN_OFF_ROLES).makeOptionMandatory())
    .requiredOption('--by <who>', 'who you are')
    .action(runApprove);
  addSystemOptions(rollout.command('advance'))
    .description('step up one level: needs its time, a fresh GO and both sign-offs')
    .requiredOption('--by <who>', 'who you are')
    .action(runAdvance);
  addSystemOptions(rollout.command('step-down'))
    .description('step down one level at once')
    .requiredOption('--by <who>', 'who you are')
    .requiredOption('--reason <text>', 'why')
    .action(runStepDown);
}

const nowOf = async (system: OperatorSystem): Promise<number> => (await system.readClock()).nowMs();

async function runStatus(options: SystemOptions & { readonly json: boolean }): Promise<void> {
  const { readRollout, readDecision, findAdvanceDenials } = await import(
    '../../../lib/rollout/use-cases/move-rollout.ts'
  );
  const status = await withSystem(options, async (system) => {
    const nowMs = await nowOf(system);
    const state = await readRollout(system.risk, nowMs);
    if (!state.ok) throw new CommandFailure(state.error.message);
    const decision = await readDecision(system.risk);
    const denials = await findAdvanceDenials(system, state.value, nowMs);
    return { ...state.value, limits: LEVEL_LIMITS[state.value.level], decision: decision ?? null, denials };
  });
  if (options.json) return printJson(status);
  const { level, enteredAtMs, limits, signOffs, decision, denials } = status;
  print(`level ${level} since ${formatInstant(enteredAtMs)} UTC`);
  print(`limits: ${formatPercent(limits.capitalFraction, 0)} of capital, ${limits.positions} positions`);
  for (const role of SIGN_OFF_ROLES) {
    const made = signOffs[role];
    print(
      `${role}: ${made ? `signed off by ${describeActor(made.operator)}, ${formatInstant(made.atMs)} UTC` : 'not signed off'}`,
    );
  }
  if (decision === null) print('no GO/NO-GO decision yet');
  else
    print(
      `newest decision: ${decision.verdict}, ${formatInstant(decision.decidedAtMs)} UTC, ${decision.evidenceKey}`,
    );
  print(denials.length === 0 ? 'ready for the next level: qtrader rollout advance' : 'the next level needs:');
  for (const { code, message } of denials) print(`  ${code}: ${message}`);
}

async function runApprove(options: ByOptions & { readonly role: SignOffRole }): Promise<void> {
  const { readRollout, signOffRollout } = await import('../../../lib/rollout/use-cases/move-rollout.ts');
  const by = typedOperator(options.by);
  const moved = await withSystem(options, async (system) => {
    await requireLiveVenue(system);
    const nowMs = await nowOf(system);
    await readRollout(system.risk, nowMs);
    return signOffRollout(system.risk, { role: options.role, by, nowMs });
  });
  const { level, signOffs } = requireMove(moved).current;
  const missing = SIGN_OFF_ROLES.filter((role) => signOffs[role] === null);
  print(`${options.role} ${describeActor(by)} signed off the step from ${level}`);
  if (missing.length > 0) print(`still missing: ${missing.join(', ')}`);
}

async function runAdvance(options: ByOptions): Promise<void> {
  const { advanceRollout } = await import('../../../lib/rollout/use-cases/move-rollout.ts');
  const moved = await withSystem(options, async (system) => {
    await requireLiveVenue(system);
    return advanceRollout(system, { by: typedOperator(options.by), nowMs: await nowOf(system) });
  });
  printMove(requireMove(moved));
}

async function runStepDown(options: ByOptions & { readonly reason: string }): Promise<void> {
  const { stepDownRollout } = await import('../../../lib/rollout/use-cases/move-rollout.ts');
  const { reason } = options;
  const by = typedOperator(options.by);
  const moved = await withSystem(options, async (system) =>
    stepDownRollout(system.risk, { kind: 'step_down', by, reason, nowMs: await nowOf(system) }),
  );
  printMove(moved);
}

function requireMove(moved: Result<RolloutTransition, readonly RolloutRefusal[]>): RolloutTransition {
  if (moved.ok) return moved.value;
  throw new CommandFailure(moved.error.map(({ code, message }) => `${code}: ${message}`).join('; '));
}

const printMove = ({ previous, current, outcome }: RolloutTransition) =>
  print(`${outcome}: ${previous.level} -> ${current.level}`);
