// `qt local`: what can be done to the local run only, to see how the system takes it.
import { type Command, InvalidArgumentError } from 'commander';
import { CommandFailure } from '../../command-error.ts';
import { withSystem } from '../../system.ts';

const MICRO = 1_000_000;

export function addLocalCommand(program: Command): void {
  const local = program.command('local').description('rehearsals on the local system');
  local
    .command('shock')
    .description('take paper money away: the equity falls to this much below its high-water mark')
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
  const usdt = (microUsdt: number) => `${(microUsdt / MICRO).toFixed(2)} USDT`;
  const { chargedMicroUsdt, equityMicroUsdt, highWaterMicroUsdt } = shock.value;
  process.stdout.write(
    `charged ${usdt(chargedMicroUsdt)}: the paper equity falls to ${usdt(equityMicroUsdt)}, high-water mark ${usdt(highWaterMicroUsdt)}\n` +
      'the next two marks of the guard confirm it to the breaker: qt status\n',
  );
}

/** `-12%` as 0.12. */
function parseLoss(text: string): number {
  const match = /^-(\d{1,2}(?:\.\d{1,4})?)%$/.exec(text);
  const percent = Number(match?.[1]);
  if (!(percent > 0 && percent < 100)) throw new InvalidArgumentError('It must be a loss such as -12%.');
  return percent / 100;
}
