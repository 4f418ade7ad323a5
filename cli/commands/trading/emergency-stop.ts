// `qtrader emergency-stop`: everything off, now. It does what still works and reports what it could not do.
import type { Command } from 'commander';
import type { EmergencyStep } from '../../../lib/execution/use-cases/emergency-stop.ts';
import { CommandFailure, UsageError } from '../../command-error.ts';
import { print, printJson } from '../../output.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';
import { typedOperator } from '../../typed-operator.ts';

interface EmergencyStopOptions extends SystemOptions {
  readonly reason: string;
  readonly keepPositions: boolean;
  readonly drill: boolean;
  readonly by?: string;
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
    .option('--by <name>', 'who you are (default: your login name)')
    .option('--json', 'print JSON', false)
    .action(runEmergencyStop);
}

async function runEmergencyStop(options: EmergencyStopOptions): Promise<void> {
  if (options.reason.trim() === '') throw new UsageError('--reason must not be empty');
  if (options.drill && options.stage !== undefined)
    throw new UsageError('--drill is for the local system only: leave out --stage');
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
  const failures = steps.flatMap((step) => step.failures);
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
