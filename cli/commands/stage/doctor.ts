// `qtrader doctor`: what is wrong with this machine, its local system or a stage on AWS, and how to put it right. Changes nothing.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { type Finding, fault, hasFault } from '../../../lib/diagnosis/finding.ts';
import { CommandFailure, UsageError } from '../../command-error.ts';
import { print, printJson } from '../../output.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';

type DoctorOptions = SystemOptions & { readonly region?: string; readonly json: boolean };

export function addDoctorCommand(program: Command): void {
  addSystemOptions(program.command('doctor'))
    .description('check machine, state, models and exchange, or a stage on AWS and what is left of it')
    .option('--region <name>', 'with --stage: its region (default: that of the environment)')
    .option('--json', 'print JSON', false)
    .action(run);
}

async function run(options: DoctorOptions): Promise<void> {
  if (options.region !== undefined && options.stage === undefined)
    throw new UsageError('--region goes with --stage');
  const findings = await examine(options);
  if (options.json) printJson({ healthy: !hasFault(findings), findings });
  else for (const finding of findings) print(lineOf(finding));
  if (hasFault(findings)) process.exitCode = 1;
}

const lineOf = ({ check, verdict, message, fix }: Finding): string =>
  `${verdict.padEnd('warning'.length)}  ${check}: ${message}${fix === undefined ? '' : `; ${fix}`}`;

async function examine({ stage, state, region }: DoctorOptions): Promise<Finding[]> {
  const { examineFreshInstall, examineLocalSystem, examineMachine, examineStage } = await import(
    '../../../lib/runtime/compose/diagnosis/doctor.ts'
  );
  if (stage !== undefined) return [...(await examineMachine('.')), ...(await examineStage(stage, region))];
  if (!existsSync(state)) return [...(await examineMachine('.')), ...(await examineFreshInstall())];
  const { examineStateFolder } = await import('../../../local/run/examine-state-folder.ts');
  const { findRunningSystem } = await import('../../../local/run/running-system.ts');
  const folder = await examineStateFolder(state);
  if (hasFault(folder)) return [...(await examineMachine('.')), ...folder];
  const running = await findRunningSystem(state);
  const simulated = running?.simulatedExchange
    ? { exchange: running.exchange, url: running.simulatedExchange.url }
    : undefined;
  const system = await withSystem({ state }, (opened) => examineLocalSystem(opened, simulated)).catch(
    (error: unknown) => {
      if (error instanceof CommandFailure)
        return [fault('state', error.message, 'move the folder away to start over, or restore a backup')];
      throw error;
    },
  );
  return [...(await examineMachine(state)), ...folder, ...system];
}
