// `qtrader emergency-stop`: everything off, now. It does what still works and reports what it could not do.
import type { Command } from 'commander';
import type { EmergencyStep } from '../../../lib/execution/use-cases/emergency-stop.ts';
import { type ActOptions, refuseTypedName } from '../../act.ts';
import { CommandFailure, UsageError } from '../../command-error.ts';
import { print, printJson } from '../../output.ts';
import { addSystemOptions, withSystem } from '../../system.ts';
import { typedOperator } from '../../typed-operator.ts';

interface EmergencyStopOptions extends ActOptions {
  readonly reason: string;
  readonly keepPositions: boolean;
  readonly drill: boolean;
  readonly json: boolean;
}

const AFTERWARDS = `To resume trading:
1. Reset the circuit breaker after its cooldown: qtrader breaker reset --reason TEXT,
   then qtrader breaker reset --approve --by OTHER (--scope live for the real account).
2. Re-enable the flags with qtrader flags set: EMERGENCY_MODE false,
   CIRCUIT_BREAKER_TRIGGERED false, QT_ENABLE_AI_TRADING true, and for the real
   account QT_ENABLE_EXECUTION true.`;

export function addEmergencyStopCommand(program: Command): void {
  addSystemOptions(program.command('emergency-stop'))
    .description('stop everything: latch, flags, open orders, positions; exit code 1 if incomplete')
    .requiredOption('--reason <text>', 'why')
    .option('--keep-positions', 'keep positions open, with their stops', false)
    .option('--drill', 'rehearse on the paper account of the local system', false)
    .option('--by <name>', 'who you are, on the local system (default: your login name)')
    .option('--json', 'print JSON', false)
    .action(runEmergencyStop);
}

async function runEmergencyStop(options: EmergencyStopOptions): Promise<void> {
  if (options.reason.trim() === '') throw new UsageError('--reason must not be empty');
  if (options.drill && options.stage !== undefined)
    throw new UsageError('--drill is for the local system only: leave out --stage');
  refuseTypedName(options);
  if (options.stage !== undefined) return stopStage(options.stage, options);
  const { emergencyStop } = await import('../../../lib/execution/use-cases/emergency-stop.ts');
  const { watchedScopes } = await import('../../../lib/risk/use-cases/circuit-breaker.ts');
  const { BREAKER_LIMITS } = await import('../../../lib/risk/breaker/limits.ts');
  const { PROCESS_TIMERS } = await import('../../../lib/runtime/timers.ts');
  const operator = typedOperator(options.by);
  const steps = await withSystem(
    options,
    async (system) => {
      const clock = await system.readClock().catch(() => ({ nowMs: Date.now }));
      const scopes = options.drill ? (['paper'] as const) : watchedScopes(system);
      const { reason, keepPositions } = options;
      // A trip evaluates no evidence, so the number of shards does not matter.
      return emergencyStop(
        { ...system, clock, shards: 1, limits: BREAKER_LIMITS, ...PROCESS_TIMERS },
        { scopes, operator, reason: options.drill ? `drill: ${reason}` : reason, keepPositions },
      );
    },
    { checked: false },
  );
  if (options.json) printJson(steps);
  else print(`${steps.map(format).join('')}${AFTERWARDS}`);
  requireComplete(steps.flatMap((step) => step.failures));
}

async function stopStage(
  stage: string,
  { reason, keepPositions, json }: EmergencyStopOptions,
): Promise<void> {
  const { callOperator, closeStage } = await import('../../../lib/runtime/compose/people/call-operator.ts');
  const answer = await callOperator(stage, { act: 'emergency_stop', reason, keepPositions });
  if (answer.ok) {
    if (json) printJson(answer.value);
    else for (const line of [...answer.value.done, AFTERWARDS]) print(line);
    requireComplete([
      ...(answer.value.refused === null ? [] : [answer.value.refused]),
      ...answer.value.failures,
    ]);
    return;
  }
  const closed = await closeStage(stage, { scopes: ['paper', 'live'], kind: 'stop' });
  const failures = [
    `the emergency-stop function did not act: ${answer.error}`,
    ...closed.failures,
    "orders and positions were not touched: use the HTTP API's stop, or close them at the exchange",
  ];
  if (json) printJson({ by: null, done: closed.done, refused: null, failures });
  else for (const line of closed.done) print(line);
  requireComplete(failures);
}

function requireComplete(failures: readonly string[]): void {
  if (failures.length > 0) throw new CommandFailure(`incomplete, do this manually: ${failures.join('; ')}`);
}

function format({ step, scope, done, failures, tookMs }: EmergencyStep): string {
  const name = scope === undefined ? step : `${step} (${scope})`;
  const verdict = failures.length === 0 ? 'done' : 'INCOMPLETE';
  const lines = [...done, ...failures.map((why) => `NOT done: ${why}`)];
  return [`${name}: ${verdict} in ${Math.round(tookMs)} ms`, ...lines.map((line) => `  ${line}`), ''].join(
    '\n',
  );
}
