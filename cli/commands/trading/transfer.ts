// `qtrader transfer`: an operator's word that money moves into or out of the account, so that the transfer does not trip the breaker.
import { type Command, Option } from 'commander';
import { describeActor } from '../../../lib/core/actor.ts';
import { formatSecond } from '../../../lib/core/format-figure.ts';
import { MICRO } from '../../../lib/core/units.ts';
import type { Scope } from '../../../lib/risk/gate.ts';
import { CommandFailure, UsageError } from '../../command-error.ts';
import { print } from '../../output.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';
import { typedOperator } from '../../typed-operator.ts';

interface DeclareOptions extends SystemOptions {
  readonly scope: Scope;
  readonly usdt: string;
  readonly reason: string;
  readonly by?: string;
}

export function addTransferCommand(program: Command): void {
  const transfer = program.command('transfer').description('transfers of the exchange account: declare');
  addSystemOptions(transfer.command('declare'))
    .description('explain one transfer of USDT, up to 24 hours before it or any time after')
    .requiredOption('--usdt <amount>', 'exactly what moves: into the account, or out of it (--usdt=-500)')
    .requiredOption('--reason <text>', 'why')
    .addOption(new Option('--scope <name>', 'whose account').choices(['paper', 'live']).default('live'))
    .option('--by <name>', 'who you are (default: your login name)')
    .action(declare);
}

async function declare({ scope, usdt, reason, by, ...options }: DeclareOptions): Promise<void> {
  const amount = usdt.trim() === '' ? Number.NaN : Number(usdt);
  const amountMicroUsdt = Math.round(amount * MICRO);
  if (!Number.isSafeInteger(amountMicroUsdt) || amountMicroUsdt === 0)
    throw new UsageError(`--usdt must be an amount other than 0, not ${usdt === '' ? 'nothing' : usdt}`);
  if (reason.trim() === '') throw new UsageError('--reason must not be empty');
  const operator = typedOperator(by);
  const { declareTransfer } = await import('../../../lib/execution/use-cases/declare-transfer.ts');
  const declared = await withSystem(options, async ({ risk, readClock }) => {
    const nowMs = (await readClock()).nowMs();
    return declareTransfer(risk, { scope, amountMicroUsdt, by: operator, reason, nowMs });
  });
  if (!declared.ok) throw new CommandFailure(declared.error);
  print(
    `${scope}: ${amount} USDT declared at ${formatSecond(declared.value.atMs)} UTC by ${describeActor(operator)}`,
  );
}
