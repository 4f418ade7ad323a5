// `qtrader breaker`: the state of the circuit breaker, and an operator's trip and reset.
import { type Command, Option } from 'commander';
import { describeActor } from '../../../lib/core/actor.ts';
import { formatSecond } from '../../../lib/core/format-figure.ts';
import type { BreakerState } from '../../../lib/risk/breaker/state.ts';
import type { GateItem, Scope } from '../../../lib/risk/gate.ts';
import type { BreakerOutcome } from '../../../lib/risk/use-cases/circuit-breaker.ts';
import type { OperatorSystem } from '../../../lib/runtime/compose/operator.ts';
import { CommandFailure, UsageError } from '../../command-error.ts';
import { print, printJson } from '../../output.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';
import { typedOperator } from '../../typed-operator.ts';

interface BreakerOptions extends SystemOptions {
  readonly scope: Scope;
}
interface TripOptions extends BreakerOptions {
  readonly reason: string;
  readonly by?: string;
}
interface ResetOptions extends BreakerOptions {
  readonly reason?: string;
  readonly approve: boolean;
  readonly by?: string;
}

export function addBreakerCommand(program: Command): void {
  const breaker = program.command('breaker').description('the circuit breaker: status, trip, reset');
  const command = (name: string) =>
    addSystemOptions(breaker.command(name)).addOption(
      new Option('--scope <name>', 'scope of the breaker').choices(['paper', 'live']).default('paper'),
    );
  command('status')
    .description('latch, epoch, causes, and what a reset still needs')
    .option('--json', 'print JSON', false)
    .action(runStatus);
  command('trip')
    .description('stop new exposure now')
    .requiredOption('--reason <text>', 'why')
    .option('--by <name>', 'who you are (default: your login name)')
    .action(runTrip);
  command('reset')
    .description('request a reset with --reason; another operator approves it with --approve')
    .option('--reason <text>', 'why trading may resume')
    .option('--approve', 'approve the request of another operator', false)
    .option('--by <name>', 'who you are (default: your login name)')
    .action(runReset);
}

async function runStatus(options: BreakerOptions & { readonly json: boolean }): Promise<void> {
  const gate = await withSystem(options, ({ risk }) => risk.readGate(options.scope));
  if (options.json) return printJson(gate === undefined ? null : describeGate(gate));
  if (gate === undefined)
    throw new CommandFailure(`the ${options.scope} scope has no gate yet: its circuit breaker has never run`);
  const { breaker, epoch, leaseUntilMs } = gate;
  print(`${options.scope}: ${breaker.latch}, epoch ${epoch}, lease until ${formatSecond(leaseUntilMs)} UTC`);
  if (breaker.latch === 'ARMED') return;
  const { BREAKER_LIMITS } = await import('../../../lib/risk/breaker/limits.ts');
  for (const { code, message } of breaker.causes) print(`  ${code}: ${message}`);
  print(
    `tripped at ${formatSecond(breaker.trippedAtMs)} UTC; can be reset from ${formatSecond(breaker.trippedAtMs + BREAKER_LIMITS.cooldownMs)} UTC on, once every cause is cleared`,
  );
  print(
    breaker.resetRequest === null
      ? 'no reset requested: qtrader breaker reset --reason TEXT'
      : `${describeActor(breaker.resetRequest.operator)} requested a reset (${breaker.resetRequest.reason}); another operator approves it: qtrader breaker reset --approve`,
  );
}

const describeGate = ({ breaker, epoch, leaseUntilMs }: GateItem) => ({ ...breaker, epoch, leaseUntilMs });

async function runTrip(options: TripOptions): Promise<void> {
  const { tripBreaker } = await import('../../../lib/risk/use-cases/circuit-breaker.ts');
  const operator = typedOperator(options.by);
  if (options.reason.trim() === '') throw new UsageError('--reason must not be empty');
  const request = { scope: options.scope, operator, reason: options.reason };
  const outcome = await withSystem(options, async (system) =>
    tripBreaker(await breakerOf(system, 1), request),
  );
  report(outcome);
}

async function runReset(options: ResetOptions): Promise<void> {
  if (options.approve === (options.reason !== undefined))
    throw new UsageError('give either --reason TEXT to request a reset, or --approve to approve one');
  const { approveBreakerReset, requestBreakerReset } = await import(
    '../../../lib/risk/use-cases/circuit-breaker.ts'
  );
  const request = { scope: options.scope, operator: typedOperator(options.by), reason: options.reason ?? '' };
  const outcome = await withSystem(options, async (system) => {
    const breaker = await breakerOf(system, await system.readShards());
    return options.approve ? approveBreakerReset(breaker, request) : requestBreakerReset(breaker, request);
  });
  report(outcome);
  const { current } = outcome.transition!;
  if (current.latch === 'ARMED')
    print(
      'the flags stay closed; re-enable them manually, such as qtrader flags set CIRCUIT_BREAKER_TRIGGERED false',
    );
  else print('another operator must approve it within the hour: qtrader breaker reset --approve');
}

async function breakerOf(system: OperatorSystem, shards: number) {
  const { BREAKER_LIMITS } = await import('../../../lib/risk/breaker/limits.ts');
  return { ...system, clock: await system.readClock(), shards, limits: BREAKER_LIMITS };
}

/** Throws CommandFailure for a refusal and for every problem. */
function report({ scope, transition, failures }: BreakerOutcome): void {
  if (transition?.refusal)
    throw new CommandFailure(`${transition.refusal.code}: ${transition.refusal.message}`);
  if (transition !== undefined) print(`${scope}: ${describeState(transition.current)}`);
  if (failures.length > 0) throw new CommandFailure(failures.join('; '));
}

function describeState(state: BreakerState): string {
  const asked =
    state.latch === 'TRIPPED' && state.resetRequest !== null
      ? `, reset requested by ${describeActor(state.resetRequest.operator)}`
      : '';
  return `${state.latch}, epoch ${state.epoch}${asked}`;
}
