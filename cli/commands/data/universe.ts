// `qt universe`: which symbols are traded and why, and choosing them anew by hand.
import type { Command } from 'commander';
import type { ChosenUniverse } from '../../../lib/market/choose-universe.ts';
import type { UniverseRefresh } from '../../../lib/market/use-cases/refresh-universe.ts';
import { CommandFailure } from '../../command-error.ts';
import { parseCount } from '../../options.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';

interface UniverseOptions extends SystemOptions {
  readonly json: boolean;
}

interface RefreshOptions extends UniverseOptions {
  readonly symbols?: number;
  readonly afresh: boolean;
}

export function addUniverseCommand(program: Command): void {
  const universe = program.command('universe').description('which symbols are traded');
  addSystemOptions(universe.command('show'))
    .description('the symbols in force, and the newest change with its reasons')
    .option('--json', 'print JSON', false)
    .action(showUniverse);
  addSystemOptions(universe.command('refresh'))
    .description('choose the symbols now, as the system does once a day')
    .option(
      '--symbols <n>',
      "how many (default: the stage's setting; of the local system, as many as now)",
      parseCount,
    )
    .option('--afresh', 'without regard to the symbols in force, however much changes', false)
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
  if (options.json) return print(JSON.stringify({ universe, change: change ?? null }));
  print(`${universe.symbols.length} symbols, chosen or confirmed on ${universe.asOf}:`);
  for (let index = 0; index < universe.symbols.length; index += SYMBOLS_PER_LINE)
    print(`  ${universe.symbols.slice(index, index + SYMBOLS_PER_LINE).join(' ')}`);
  if (change === undefined) return print('no refresh has changed them');
  print(`newest change: ${change.asOf}`);
  printChange(change);
  if ((change.unconfirmed ?? []).length > 0)
    print(`not among the largest coins by market cap: ${change.unconfirmed!.join(' ')}`);
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
  if (options.json) print(JSON.stringify(refreshed));
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

const print = (line: string) => void process.stdout.write(`${line}\n`);
