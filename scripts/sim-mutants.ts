// Breaks the product in ways that somebody could, one at a time, and shows that the simulation notices each, in a run that the product
// itself gets through.
//
//   npm run sim:mutants [-- NAME-PART…]
//   npm run sim:mutants -- --search [--seed N] [--runs N] [NAME-PART…]   the first seeds that would do, when the kept ones do not
//
// Exit codes: 0 every mutant was noticed, 1 one was not, or its place was not found, 2 wrong usage.
import { parseArgs } from 'node:util';
import { SIM_MUTANTS, type SimMutant } from '../test/support/sim/mutants/mutants.ts';
import { bundle } from '../test/support/sim/run/bundle.ts';
import type { AskedRun, ProcessRun } from '../test/support/sim/run/process-protocol.ts';
import { carryOut, runOnce } from '../test/support/sim/run/processes.ts';

const { values, positionals } = parseArgs({
  options: {
    search: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '12' },
  },
  allowPositionals: true,
});
const [firstSeed, runs] = [Number(values.seed), Number(values.runs)];
const chosen = SIM_MUTANTS.filter(
  ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
);
if (!Number.isInteger(firstSeed) || !Number.isInteger(runs) || chosen.length === 0) {
  console.error('usage: npm run sim:mutants [-- [--search] [--seed N] [--runs N] NAME-PART…]');
  process.exit(2);
}

const tell = ({ run, violations, cpuMs }: ProcessRun) =>
  `${violations[0]!.invariant}, seed ${run.seed}, ${Math.round(cpuMs / 1_000)} s of CPU: ${violations[0]!.message.slice(0, 160)}`;

/** The kept runs without a mutant: what fails there notices nothing. */
async function checkProduct(): Promise<boolean> {
  const program = await bundle('product');
  const kept = new Map(chosen.map(({ run }) => [JSON.stringify(run), run]));
  let holds = true;
  await carryOut([...kept.values()], {
    ...{ program, workers: 2 },
    onRun: (told) => {
      if (told.violations.length === 0) return false;
      holds = false;
      console.info(`the product itself: ${tell(told)}`);
      return false;
    },
  });
  return holds;
}

async function tryMutant({ run, mutations }: SimMutant): Promise<ProcessRun | undefined> {
  const told = await runOnce(await bundle('mutant', mutations), run);
  return told.violations.length > 0 ? told : undefined;
}

/** The first run of its kind that notices it, and that the product gets through. */
async function search({ run, mutations }: SimMutant): Promise<ProcessRun | undefined> {
  const [product, mutant] = [await bundle('product'), await bundle('mutant', mutations)];
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    const asked: AskedRun = { ...run, seed };
    const told = await runOnce(mutant, asked);
    if (told.violations.length > 0 && (await runOnce(product, asked)).violations.length === 0) return told;
  }
  return undefined;
}

const holds = values.search || (await checkProduct());
let missed = 0;
for (const mutant of chosen) {
  try {
    const noticed = await (values.search ? search(mutant) : tryMutant(mutant));
    if (noticed === undefined) missed++;
    console.info(`${mutant.name}: ${noticed === undefined ? 'NOT noticed' : tell(noticed)}`);
  } catch (error) {
    missed++;
    console.info(`${mutant.name}: ${(error as Error).message.split('\n')[0]}`);
  }
}
console.info(`${chosen.length - missed} of ${chosen.length} noticed`);
process.exitCode = missed === 0 && holds ? 0 : 1;
