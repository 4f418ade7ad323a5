// `qtrader rollout`: the level of live trading, what the next one needs, and the operators' sign-offs and steps.
import { type Command, Option } from 'commander';
import { describeActor } from '../../../lib/core/actor.ts';
import { formatInstant, formatPercent } from '../../../lib/core/format-figure.ts';
import { initialRollout, LEVEL_LIMITS, SIGN_OFF_ROLES, type SignOffRole } from '../../../lib/risk/level.ts';
import type { OperatorSystem } from '../../../lib/runtime/compose/operator.ts';
import { type ActOptions, act } from '../../act.ts';
import { CommandFailure, UsageError } from '../../command-error.ts';
import { print, printJson } from '../../output.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';

const BY = 'who you are, on the local system (default: your login name)';

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
    .option('--by <name>', BY)
    .action(({ role, ...options }: ActOptions & { readonly role: SignOffRole }) =>
      act(options, { act: 'sign_off', role }),
    );
  addSystemOptions(rollout.command('advance'))
    .description('step up one level: needs its time, a fresh GO and both sign-offs')
    .option('--by <name>', BY)
    .action((options: ActOptions) => act(options, { act: 'advance' }));
  addSystemOptions(rollout.command('step-down'))
    .description('step down one level at once')
    .option('--by <name>', BY)
    .requiredOption('--reason <text>', 'why')
    .action(runStepDown);
}

const nowOf = async (system: OperatorSystem): Promise<number> => (await system.readClock()).nowMs();

async function runStatus(options: SystemOptions & { readonly json: boolean }): Promise<void> {
  const { readRecord } = await import('../../../lib/risk/use-cases/read-level.ts');
  const { readDecision, findAdvanceDenials } = await import('../../../lib/rollout/use-cases/move-rollout.ts');
  const status = await withSystem(options, async (system) => {
    const nowMs = await nowOf(system);
    // Looking changes nothing: whoever looks may not be allowed to.
    const record = await readRecord(system.risk);
    if (record.kind === 'malformed')
      throw new CommandFailure('the rollout record is malformed: step down to begin on paper again');
    const state = record.kind === 'missing' ? initialRollout(nowMs) : record.state;
    const decision = await readDecision(system.risk);
    const denials = await findAdvanceDenials(system, state, nowMs);
    return { ...state, limits: LEVEL_LIMITS[state.level], decision: decision ?? null, denials };
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

async function runStepDown({ reason, ...options }: ActOptions & { readonly reason: string }): Promise<void> {
  if (reason.trim() === '') throw new UsageError('--reason must not be empty');
  await act(options, { act: 'step_down', reason });
}
