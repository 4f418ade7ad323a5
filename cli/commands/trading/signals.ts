// `qtrader signals`: the newest signals, newest bar first.
import type { Command } from 'commander';
import { CommandFailure } from '../../command-error.ts';
import { parseCount, parseSymbols } from '../../options.ts';
import { print, printJson } from '../../output.ts';
import { addSystemOptions, noteSavedState, type SystemOptions, withSystem } from '../../system.ts';

interface SignalsOptions extends SystemOptions {
  readonly symbol?: string[];
  readonly last: number;
  readonly json: boolean;
}

export function addSignalsCommand(program: Command): void {
  addSystemOptions(program.command('signals'))
    .description('the newest signals')
    .option('--symbol <list>', 'only these symbols (default: the universe)', parseSymbols)
    .option('--last <n>', 'signals per symbol', parseCount, 1)
    .option('--json', 'print one JSON object per line and signal', false)
    .action(runSignals);
}

async function runSignals(options: SignalsOptions): Promise<void> {
  const { readUniverse } = await import('../../../lib/market/use-cases/active-universe.ts');
  const signals = await withSystem(options, async ({ objects, signals }, origin) => {
    if (!options.json) noteSavedState(origin);
    const symbols = options.symbol ?? (await readUniverse(objects)).symbols;
    return (await Promise.all(symbols.map((symbol) => signals.lastOfSymbol(symbol, options.last)))).flat();
  });
  signals.sort((a, b) => b.barOpenTimeMs - a.barOpenTimeMs || (a.symbol < b.symbol ? -1 : 1));
  if (signals.length === 0)
    throw new CommandFailure('no signals stored: start the system with npm start, or check --symbol');
  if (options.json) return signals.forEach(printJson);
  const { formatSignals } = await import('../../format/signal-table.ts');
  print(formatSignals(signals));
}
