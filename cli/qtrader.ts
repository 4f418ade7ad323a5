// The `qtrader` command. Each command has its own file and loads its dependencies only when it runs, so that help is instant.
import { Command, CommanderError } from 'commander';
import { z } from 'zod';
import { printable } from '../lib/core/printable.ts';
import { isDebugging } from '../lib/runtime/config/process-environment.ts';
import packageJson from '../package.json' with { type: 'json' };
import { CommandFailure, UsageError } from './command-error.ts';
import { addEquityCommand } from './commands/account/equity.ts';
import { addOrdersCommand } from './commands/account/orders.ts';
import { addTradesCommand } from './commands/account/trades.ts';
import { addCollectCommand } from './commands/data/collect.ts';
import { addDatasetCommand } from './commands/data/dataset.ts';
import { addFeaturesCommand } from './commands/data/features.ts';
import { addUniverseCommand } from './commands/data/universe.ts';
import { addDriftCommand } from './commands/models/drift.ts';
import { addModelsCommand } from './commands/models/models.ts';
import { addBacktestCommand } from './commands/research/backtest.ts';
import { addEvaluateCommand } from './commands/research/evaluate.ts';
import { addInferCommand } from './commands/research/infer.ts';
import { addStudyCommand } from './commands/research/study.ts';
import { addApiTokenCommand } from './commands/stage/api-token.ts';
import { addCompletionCommand } from './commands/stage/completion.ts';
import { addCostCommand } from './commands/stage/cost.ts';
import { addDemoCommand } from './commands/stage/demo.ts';
import { addDoctorCommand } from './commands/stage/doctor.ts';
import { addLocalCommand } from './commands/stage/local.ts';
import { addLogsCommand } from './commands/stage/logs.ts';
import { addNotifyCommand } from './commands/stage/notify.ts';
import { addStartCommand } from './commands/stage/start.ts';
import { addBreakerCommand } from './commands/trading/breaker.ts';
import { addEmergencyStopCommand } from './commands/trading/emergency-stop.ts';
import { addFlagsCommand } from './commands/trading/flags.ts';
import { addGoNoGoCommand } from './commands/trading/gonogo.ts';
import { addRolloutCommand } from './commands/trading/rollout.ts';
import { addSignalsCommand } from './commands/trading/signals.ts';
import { addStatusCommand } from './commands/trading/status.ts';
import { addTransferCommand } from './commands/trading/transfer.ts';
import { note } from './output.ts';

// What a file or a record lacks is told as missing, not by JavaScript's word for it.
z.config({
  customError: ({ code, input }) =>
    code === 'invalid_type' && input === undefined ? 'is missing' : undefined,
});

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/** The commands as --help groups them. */
const COMMANDS = {
  'Run a system:': [
    addStartCommand,
    addDemoCommand,
    addLocalCommand,
    addDoctorCommand,
    addApiTokenCommand,
    addNotifyCommand,
    addCostCommand,
  ],
  'Watch and control trading:': [
    addStatusCommand,
    addLogsCommand,
    addSignalsCommand,
    addTradesCommand,
    addOrdersCommand,
    addEquityCommand,
    addFlagsCommand,
    addBreakerCommand,
    addEmergencyStopCommand,
    addGoNoGoCommand,
    addRolloutCommand,
    addTransferCommand,
  ],
  'Data:': [addUniverseCommand, addCollectCommand, addFeaturesCommand, addDatasetCommand],
  'Models:': [addModelsCommand, addDriftCommand],
  'Research on recorded candles:': [addInferCommand, addEvaluateCommand, addBacktestCommand, addStudyCommand],
};

export function createProgram(): Command {
  const program = new Command('qtrader')
    .description('Quantum Trader: trading signals from verified models, behind a gate that fails closed.')
    .version(packageJson.version, '--version', 'print the version')
    .exitOverride()
    .addHelpText(
      'after',
      `
Commands that read or change a system use the one started by \`npm start\` (its
state is in .qt/) or, with --stage NAME, the one deployed on AWS.
Exit codes: 0 done, 1 failed, 2 wrong usage.`,
    );
  for (const [group, commands] of Object.entries(COMMANDS)) {
    program.commandsGroup(group);
    for (const add of commands) add(program);
  }
  program.commandsGroup('This command:').helpCommand('help [command]', 'how to use a command');
  addCompletionCommand(program);
  tellErrorsInOneLine(program, program.name());
  return program;
}

/** With what was probably meant, or where to read on. */
function tellErrorsInOneLine(command: Command, name: string): void {
  command.configureOutput({
    outputError(text, write) {
      const line = printable(text.trim().replaceAll(/\s*\n/g, ' '));
      write(line.includes('(Did you mean') ? `${line}\n` : `${line} (see ${name} --help)\n`);
    },
  });
  for (const child of command.commands) tellErrorsInOneLine(child, `${name} ${child.name()}`);
}

/** @param args as typed behind `qtrader`. @returns the exit code */
export async function runCommand(args: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (error instanceof UsageError) return report(error.message, EXIT_USAGE);
    if (error instanceof CommandFailure) return report(error.message, EXIT_FAILURE);
    return report(describeUnexpected(error), EXIT_FAILURE);
  }
}

function report(message: string, exitCode: number): number {
  note(`error: ${message}`);
  return exitCode;
}

function describeUnexpected(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isDebugging() ? (error.stack ?? error.message) : error.message;
}

/** The process of the command: ends with its exit code, also when its output finds no reader. */
export async function runProcess(): Promise<void> {
  let isOutputLost = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that stops early (`qtrader signals | head`) is not a failure.
    if (error.code === 'EPIPE') process.exit(0);
    // The work itself, such as a running system, continues; but a command whose output is lost has failed.
    if (!isOutputLost) report(`standard output: ${error.message}`, EXIT_FAILURE);
    isOutputLost = true;
  });
  const exitCode = await runCommand(process.argv.slice(2));
  process.exitCode = exitCode === 0 && isOutputLost ? EXIT_FAILURE : exitCode;
}
