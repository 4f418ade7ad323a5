// `qtrader transfer`: an operator's word that money moves into or out of the account, so that the transfer does not trip the breaker.
import { type Command, Option } from 'commander';
import { MICRO } from '../../../lib/core/units.ts';
import type { Scope } from '../../../lib/risk/gate.ts';
import { type ActOptions, act } from '../../act.ts';
import { UsageError } from '../../command-error.ts';
import { addSystemOptions } from '../../system.ts';

interface DeclareOptions extends ActOptions {
  readonly scope: Scope;
  readonly usdt: string;
  readonly reason: string;
}

export function addTransferCommand(program: Command): void {
  const transfer = program.command('transfer').description('transfers of the exchange account: declare');
  addSystemOptions(transfer.command('declare'))
    .description('explain one transfer of USDT, up to 24 hours before it or any time after')
    .requiredOption('--usdt <amount>', 'exactly what moves: into the account, or out of it (--usdt=-500)')
    .requiredOption('--reason <text>', 'why')
    .addOption(new Option('--scope <name>', 'whose account').choices(['paper', 'live']).default('live'))
    .option('--by <name>', 'who you are, on the local system (default: your login name)')
    .action(declare);
}

async function declare({ scope, usdt, reason, ...options }: DeclareOptions): Promise<void> {
  const amount = usdt.trim() === '' ? Number.NaN : Number(usdt);
  const amountMicroUsdt = Math.round(amount * MICRO);
  if (!Number.isSafeInteger(amountMicroUsdt) || amountMicroUsdt === 0)
    throw new UsageError(`--usdt must be an amount other than 0, not ${usdt === '' ? 'nothing' : usdt}`);
  if (reason.trim() === '') throw new UsageError('--reason must not be empty');
  await act(options, { act: 'declare_transfer', scope, amountMicroUsdt, reason });
}
