// `qtrader local`: rehearsals that only the local system allows.
import { type Command, InvalidArgumentError } from 'commander';
import { formatUsdt } from '../../../lib/core/format-figure.ts';
import { CommandFailure } from '../../command-error.ts';
import { print } from '../../output.ts';
import { withSystem } from '../../system.ts';

export function addLocalCommand(program: Command): void {
  const local = program.command('local').description('rehearsals on the local system');
  local
    .command('shock')
    .description('charge the paper account, so that equity falls this far below its high-water mark')
    .requiredOption('--equity <percent>', 'such as -12%', parseLoss)
    .option('--state <dir>', 'state folder of the local system', '.qt')
    .action(runShock);
}

async function runShock(options: { readonly equity: number; readonly state: string }): Promise<void> {
  const { shockPaperAccount } = await import('../../../lib/execution/use-cases/shock-paper-account.ts');
  const shock = await withSystem({ state: options.state }, async ({ risk, readClock }) =>
    shockPaperAccount({ risk, clock: await readClock() }, { fraction: options.equity }),
  );
  if (!shock.ok) throw new CommandFailure(shock.error);
  const { chargedMicroUsdt, equityMicroUsdt, highWaterMicroUsdt } = shock.value;
  print(
    `charged ${formatUsdt(chargedMicroUsdt)}: the paper equity falls to ${formatUsdt(equityMicroUsdt)}, high-water mark ${formatUsdt(highWaterMicroUsdt)}\n` +
      'the next two equity snapshots confirm it to the circuit breaker: qtrader status',
  );
}

/** `-12%` as 0.12. */
function parseLoss(text: string): number {
  const match = /^-(\d{1,2}(?:\.\d{1,4})?)%$/.exec(text);
  const percent = Number(match?.[1]);
  if (!(percent > 0 && percent < 100)) throw new InvalidArgumentError('It must be a loss such as -12%.');
  return percent / 100;
}
