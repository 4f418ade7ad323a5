// `qtrader universe`: which symbols are traded and why, and refreshing the choice.
import type { Command } from 'commander';
import type { ChosenUniverse } from '../../../lib/market/choose-universe.ts';
import type { UniverseRefresh } from '../../../lib/market/use-cases/refresh-universe.ts';
import { CommandFailure } from '../../command-error.ts';
import { parseCount } from '../../options.ts';
import { print, printJson } from '../../output.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';

interface UniverseOptions extends SystemOptions {
  readonly json: boolean;
}

interface RefreshOptions extends UniverseOptions {
  readonly symbols?: number;
  readonly afresh: boolean;
}

export function addUniverseCommand(program: Command): void {
  const universe = program.command('universe').description('the symbols that are traded: show, refresh');
  addSystemOptions(universe.command('show'))
    .description('the active universe, and its newest change with reasons')
    .option('--json', 'print JSON', false)
    .action(showUniverse);
  addSystemOptions(universe.command('refresh'))
    .description('refresh the universe now, as the system does once a day')
    .option(
      '--symbols <n>',
      "how many (default: the stage's setting; of the local system, as many as now)",
      parseCount,
    )
    .option('--afresh', 'ignore the active universe, however much changes', false)
    .option('--json', 'print JSON', false)
    .action(refresh);
}

async function showUniverse(options: UniverseOptions): Promise<void> {
  const { readUniverse, readUniverseChange } = await import(
    '../../../lib/market/use-cases/active-universe.ts'
  );
  const { universe, change } = await withSystem(options, async ({ objects }) => {
    const universe = await readUniverse(objects);
    return { universe, change: await readUniverseChange(objects, universe) };
  });
  if (options.json) return printJson({ universe, change });
  print(`${universe.symbols.length} symbols, chosen or confirmed on ${universe.asOf}:`);
  for (let index = 0; index < universe.symbols.length; index += SYMBOLS_PER_LINE)
    print(`  ${universe.symbols.slice(index, index + SYMBOLS_PER_LINE).join(' ')}`);
  if (change === undefined) return print('no refresh has changed it');
  print(`newest change: ${change.asOf}`);
  printChange(change);
}

const SYMBOLS_PER_LINE = 8;

async function refresh(options: RefreshOptions): Promise<void> {
  const { refreshUniverse } = await import('../../../lib/market/use-cases/refresh-universe.ts');
  const refreshed = await withSystem(
    options,
    async ({ objects, openMarket, readUniverseSize, readClock }) => {
      const dependencies = { market: await openMarket(), objects, clock: await readClock() };
      const size = options.symbols ?? (await readUniverseSize());
      return refreshUniverse(dependencies, { size, afresh: options.afresh });
    },
  );
  if (options.json) printJson(refreshed);
  if (refreshed.outcome === 'kept') throw new CommandFailure(describeKept(refreshed));
  if (options.json) return;
  const { outcome, universe, chosen } = refreshed;
  print(`${outcome}: ${universe.symbols.length} symbols, ${universe.asOf}`);
  printChange(chosen);
}

function describeKept({ universe, reason }: Extract<UniverseRefresh, { outcome: 'kept' }>): string {
  const stays =
    universe === undefined ? 'no universe could be chosen' : `the universe of ${universe.asOf} stays`;
  return `${stays}: ${reason.code}: ${reason.message}`;
}

function printChange({ entering, leaving }: Pick<ChosenUniverse, 'entering' | 'leaving'>): void {
  for (const { symbol, reason, rank } of entering) print(`  + ${symbol}  ${reason}, rank ${rank}`);
  for (const { symbol, reason, rank } of leaving)
    print(`  - ${symbol}  ${reason}${rank === null ? '' : `, rank ${rank}`}`);
}
