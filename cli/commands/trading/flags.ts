// `qtrader flags`: the operator's switches. A value that the gate would not accept is refused before it is written.
import { Argument, type Command } from 'commander';
import { FLAG_NAMES, type FlagName, opensLive, parseFlag, parseFlags } from '../../../lib/risk/flags.ts';
import { refusesToDrop } from '../../../lib/risk/use-cases/unlatched-trip.ts';
import { CommandFailure, UsageError } from '../../command-error.ts';
import { print, printJson } from '../../output.ts';
import { addSystemOptions, requireLiveVenue, type SystemOptions, withSystem } from '../../system.ts';

export function addFlagsCommand(program: Command): void {
  const flags = program.command('flags').description("the operator's flags: get, set");
  addSystemOptions(flags.command('get'))
    .addArgument(new Argument('[name]', 'one flag (default: all)').choices(FLAG_NAMES))
    .description('print the current flags')
    .option('--json', 'print JSON', false)
    .action(getFlags);
  addSystemOptions(flags.command('set'))
    .addArgument(new Argument('<name>', 'which flag').choices(FLAG_NAMES))
    .argument('<value>', 'true or false, or a number')
    .description('set one flag; takes effect at the next decision')
    .action(setFlag);
}

async function getFlags(
  name: FlagName | undefined,
  options: SystemOptions & { readonly json: boolean },
): Promise<void> {
  const names = name === undefined ? FLAG_NAMES : [name];
  const readings = await withSystem(options, ({ flags }) => flags.read(names));
  const states = parseFlags(readings);
  const rows = names.map((flag) => ({ name: flag, ...states[flag] }));
  if (options.json) return printJson(rows);
  const width = Math.max(...names.map((flag) => flag.length));
  for (const row of rows)
    print(`${row.name.padEnd(width)}  ${row.state === 'value' ? row.value : `${row.state}: ${row.message}`}`);
}

async function setFlag(flag: FlagName, value: string, options: SystemOptions): Promise<void> {
  const parsed = parseFlag(flag, value);
  if (!parsed.ok) throw new UsageError(parsed.error);
  const before = await withSystem(options, async (system) => {
    const { flags, risk } = system;
    // Only what opens is refused: closing needs to know nothing.
    if (opensLive(flag, value)) await requireLiveVenue(system);
    const reading = (await flags.read([flag])).get(flag);
    const refused = await refusesToDrop(risk, flag, reading);
    if (refused !== undefined) throw new CommandFailure(refused);
    await flags.write(flag, value);
    return reading?.kind === 'text' ? reading.text : reading?.kind;
  });
  print(`${flag}: ${before ?? 'missing'} -> ${value}`);
}
