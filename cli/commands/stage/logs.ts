// `qtrader logs`: what the functions of the local system have logged, and what people were notified of, in one order of time.
import { type Command, Option } from 'commander';
import { CommandFailure, UsageError } from '../../command-error.ts';
import { parseCount } from '../../options.ts';
import { note, print } from '../../output.ts';
import { addSystemOptions, type SystemOptions } from '../../system.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof LEVELS)[number];

interface LogsOptions extends SystemOptions {
  readonly follow: boolean;
  readonly function?: string;
  readonly level: Level;
  readonly last: number;
  readonly json: boolean;
}

const LAST_DEFAULT = 50;
const NOTIFICATIONS = 'notifications';

export function addLogsCommand(program: Command): void {
  addSystemOptions(program.command('logs'))
    .description('log lines of all functions and notifications, the newest last; of a stage, where they are')
    .option('-f, --follow', 'go on with new lines as they come', false)
    .option('--function <name>', 'only of this one, such as execute or notifications')
    .addOption(new Option('--level <name>', 'only of this level or above').choices(LEVELS).default('info'))
    .option('--last <n>', 'begin with so many lines', parseCount, LAST_DEFAULT)
    .option('--json', 'print the lines as they are logged', false)
    .action(runLogs);
}

async function runLogs(options: LogsOptions): Promise<void> {
  if (options.stage !== undefined) return tellWhere(options.stage, options);
  const { followLogs, listLogs, readLogs } = await import('../../../local/run/log-files.ts');
  const files = listLogs(options.state);
  const chosen = files.filter(({ name }) => options.function === undefined || name === options.function);
  if (files.length === 0)
    throw new CommandFailure(`no logs in ${options.state}: start the system with npm start`);
  if (chosen.length === 0)
    throw new UsageError(
      `nothing called ${options.function} logs; these do: ${files.map(({ name }) => name).join(', ')}`,
    );
  const { formatLogLine } = await import('../../format/log-line.ts');
  const minimum = LEVELS.indexOf(options.level);
  const isWanted = ({ level }: { readonly level: string }) => LEVELS.indexOf(level as Level) >= minimum;
  const show = (line: Parameters<typeof formatLogLine>[0]) =>
    print(options.json ? line.text : formatLogLine(line));
  // Of a replay they bear its time, and would stand among lines of another: together they are told as they come.
  const isApart = ({ name }: { readonly name: string }) =>
    name === NOTIFICATIONS && options.function !== name;
  const { lines, ends } = readLogs(chosen);
  lines
    .filter((line) => isWanted(line) && !isApart(line))
    .slice(-options.last)
    .forEach(show);
  if (options.follow) await followLogs(chosen, ends, (line) => isWanted(line) && show(line));
}

/** CloudWatch has them, and AWS's own command follows them better than another could. */
async function tellWhere(stage: string, { function: only, follow }: LogsOptions): Promise<void> {
  const { FUNCTIONS } = await import('../../../infra/catalog/functions.ts');
  const { functionNameOf } = await import('../../../infra/catalog/shared-resources.ts');
  const names = Object.keys(FUNCTIONS).filter((name) => only === undefined || name === only);
  if (names.length === 0)
    throw new UsageError(`there is no function ${only}; these are: ${Object.keys(FUNCTIONS).join(', ')}`);
  note(`the logs of stage ${stage} are in CloudWatch; this command of AWS shows them:`);
  for (const name of names)
    print(
      `aws logs tail /aws/lambda/${functionNameOf(stage, name)} --format short${follow ? ' --follow' : ''}`,
    );
}
