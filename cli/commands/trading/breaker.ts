// `qt breaker`: the circuit breaker's state, and the two things that an operator may do with it.
import { type Command, Option } from 'commander';
import type { BreakerState } from '../../../lib/risk/breaker/state.ts';
import type { GateItem, Scope } from '../../../lib/risk/gate.ts';
import type { BreakerOutcome } from '../../../lib/risk/use-cases/circuit-breaker.ts';
import type { OperatorSystem } from '../../../lib/runtime/compose/operator.ts';
import { CommandFailure, UsageError } from '../../command-error.ts';
import { operatorName } from '../../operator-name.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';

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
  const breaker = program.command('breaker').description('the circuit breaker');
  const command = (name: string) =>
    addSystemOptions(breaker.command(name)).addOption(
      new Option('--scope <name>', 'whose breaker').choices(['paper', 'live']).default('paper'),
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
    .description('ask for a reset with --reason; another operator then gives it with --approve')
    .option('--reason <text>', 'why it may trade again')
    .option('--approve', 'approve what another operator has asked for', false)
    .option('--by <name>', 'who you are (default: your login name)')
    .action(runReset);
}

async function runStatus(options: BreakerOptions & { readonly json: boolean }): Promise<void> {
  const gate = await withSystem(options, ({ risk }) => risk.readGate(options.scope));
  if (options.json) return print(JSON.stringify(gate === undefined ? null : describeGate(gate)));
  if (gate === undefined)
    throw new CommandFailure(`the ${options.scope} scope has no gate: its breaker has never ticked`);
  const { breaker, epoch, leaseUntilMs } = gate;
  print(`${options.scope}: ${breaker.latch}, epoch ${epoch}, lease until ${instant(leaseUntilMs)}`);
  if (breaker.latch === 'ARMED') return;
  const { BREAKER_LIMITS } = await import('../../../lib/risk/breaker/limits.ts');
  for (const { code, message } of breaker.causes) print(`  ${code}: ${message}`);
  print(
    `tripped at ${instant(breaker.trippedAtMs)}; may be reset from ${instant(breaker.trippedAtMs + BREAKER_LIMITS.cooldownMs)} on, with every cause gone`,
  );
  print(
    breaker.resetRequest === null
      ? 'no reset is asked for: qt breaker reset --reason TEXT'
      : `${breaker.resetRequest.operator} asks for a reset (${breaker.resetRequest.reason}): another operator approves it with qt breaker reset --approve`,
  );
}

const describeGate = ({ breaker, epoch, leaseUntilMs }: GateItem) => ({ ...breaker, epoch, leaseUntilMs });

async function runTrip(options: TripOptions): Promise<void> {
  const { tripBreaker } = await import('../../../lib/risk/use-cases/circuit-breaker.ts');
  const operator = operatorName(options.by);
  if (options.reason.trim() === '') throw new UsageError('--reason must say why');
  const request = { scope: options.scope, operator, reason: options.reason };
  const outcome = await withSystem(options, async (system) =>
    tripBreaker(await breakerOf(system, 1), request),
  );
  report(outcome);
}

async function runReset(options: ResetOptions): Promise<void> {
  if (options.approve === (options.reason !== undefined))
    throw new UsageError('give either --reason TEXT, to ask, or --approve, to approve');
  const { approveBreakerReset, requestBreakerReset } = await import(
    '../../../lib/risk/use-cases/circuit-breaker.ts'
  );
  const request = { scope: options.scope, operator: operatorName(options.by), reason: options.reason ?? '' };
  const outcome = await withSystem(options, async (system) => {
    const breaker = await breakerOf(system, await system.readShards());
    return options.approve ? approveBreakerReset(breaker, request) : requestBreakerReset(breaker, request);
  });
  report(outcome);
  const { current } = outcome.transition!;
  if (current.latch === 'ARMED')
    print(
      'the flags stay closed: open those that you want, e.g. qt flags set CIRCUIT_BREAKER_TRIGGERED false',
    );
  else print('another operator approves it within the hour: qt breaker reset --approve');
}

async function breakerOf(system: OperatorSystem, shards: number) {
  const { BREAKER_LIMITS } = await import('../../../lib/risk/breaker/limits.ts');
  return { ...system, clock: await system.readClock(), shards, limits: BREAKER_LIMITS };
}

/** Throws CommandFailure for a refusal, and for whatever could not be done. */
function report({ scope, transition, failures }: BreakerOutcome): void {
  if (transition?.refusal)
    throw new CommandFailure(`${transition.refusal.code}: ${transition.refusal.message}`);
  if (transition !== undefined) print(`${scope}: ${describeState(transition.current)}`);
  if (failures.length > 0) throw new CommandFailure(failures.join('; '));
}

function describeState(state: BreakerState): string {
  const asked =
    state.latch === 'TRIPPED' && state.resetRequest !== null
      ? `, reset asked for by ${state.resetRequest.operator}`
      : '';
  return `${state.latch}, epoch ${state.epoch}${asked}`;
}

const instant = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 19)}Z`;
const print = (line: string) => void process.stdout.write(`${line}\n`);
