// Breaks the product in ways that somebody could, one at a time, and shows that the simulation notices each.
//
//   npm run sim:mutants [-- --days N] [--seed N] [NAME-PART…]
//
// Exit codes: 0 every mutant was noticed, 1 one was not, or its place was not found, 2 wrong usage.
import { parseArgs } from 'node:util';
import { SIM_MUTANTS, type SimMutant } from '../test/support/sim/mutants/mutants.ts';
import { bundle } from '../test/support/sim/run/bundle.ts';
import type { ProcessRun } from '../test/support/sim/run/process-protocol.ts';
import { carryOut } from '../test/support/sim/run/processes.ts';

const { values, positionals } = parseArgs({
  options: { days: { type: 'string', default: '12' }, seed: { type: 'string', default: '1' } },
  allowPositionals: true,
});
const [days, seed] = [Number(values.days), Number(values.seed)];
if (!Number.isInteger(days) || !Number.isInteger(seed)) {
  console.error('usage: npm run sim:mutants [-- --days N] [--seed N] [NAME-PART…]');
  process.exit(2);
}

/** The first run that notices it. */
async function hunt({ mutations }: SimMutant): Promise<ProcessRun | undefined> {
  const program = await bundle('mutant', mutations);
  let noticed: ProcessRun | undefined;
  const runs = Array.from({ length: days }, (_, index) => ({ seed: seed + index, days: 1 }));
  await carryOut(runs, {
    ...{ program, workers: 2 },
    onRun: (told) => {
      if (told.violations.length > 0) noticed ??= told;
      return noticed !== undefined;
    },
  });
  return noticed;
}

let missed = 0;
const chosen = SIM_MUTANTS.filter(
  ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
);
for (const mutant of chosen) {
  try {
    const noticed = await hunt(mutant);
    const [violation] = noticed?.violations ?? [];
    if (violation === undefined) missed++;
    const how =
      violation === undefined
        ? `NOT noticed in ${days} days`
        : `${violation.invariant}, seed ${noticed!.run.seed}: ${violation.message.slice(0, 160)}`;
    console.info(`${mutant.name}: ${how}`);
  } catch (error) {
    missed++;
    console.info(`${mutant.name}: ${(error as Error).message.split('\n')[0]}`);
  }
}
console.info(`${chosen.length - missed} of ${chosen.length} noticed`);
process.exitCode = missed === 0 ? 0 : 1;
