// `qt signals`: what was decided, newest bar first.
import type { Command } from 'commander';
import { CommandFailure } from '../../command-error.ts';
import { parseCount, parseSymbols } from '../../options.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';

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
    .option('--json', 'one JSON line per signal', false)
    .action(runSignals);
}

async function runSignals(options: SignalsOptions): Promise<void> {
  const { readUniverse } = await import('../../../lib/market/use-cases/active-universe.ts');
  const signals = await withSystem(options, async ({ objects, signals }) => {
    const symbols = options.symbol ?? (await readUniverse(objects)).symbols;
    return (await Promise.all(symbols.map((symbol) => signals.lastOfSymbol(symbol, options.last)))).flat();
  });
  signals.sort((a, b) => b.barOpenTimeMs - a.barOpenTimeMs || (a.symbol < b.symbol ? -1 : 1));
  if (options.json) for (const signal of signals) process.stdout.write(`${JSON.stringify(signal)}\n`);
  else if (signals.length > 0) {
    const { formatSignals } = await import('../../format/signal-table.ts');
    process.stdout.write(`${formatSignals(signals)}\n`);
  }
  if (signals.length === 0)
    throw new CommandFailure('no signal is stored: start the system with npm start, or check --symbol');
}
