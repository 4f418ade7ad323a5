// Simulates days of the product under faults, by a seed, and checks what must always hold. See docs/RELIABILITY.md.
//
//   npm run sim -- [--seed N] [--days D] [--runs R] [--faults LIST] [--scenario NAME] [--kept] [--workers N] [--replay FILE] [--trace]
//
// Exit codes: 0 all held, 1 something did not, 2 wrong usage.
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../lib/core/message-of.ts';
import { FAULT_GROUPS, type FaultGroup } from '../test/support/sim/kernel/fault-plan.ts';
import { BUNDLE_FOLDER, bundle } from '../test/support/sim/run/bundle.ts';
import type { AskedRun, ProcessRun } from '../test/support/sim/run/process-protocol.ts';
import { carryOut, runOnce } from '../test/support/sim/run/processes.ts';
import { SCENARIOS, type Scenario } from '../test/support/sim/run/scenarios.ts';
import { shrink } from '../test/support/sim/run/shrink.ts';
import { printTotals, Totals } from '../test/support/sim/run/totals.ts';

const SEEDS = resolve(import.meta.dirname, '../test/sim/seeds');
const SEED_MAX = 2 ** 31;
const SHRINK_TRIES = 150;

interface Asked {
  readonly runs: readonly AskedRun[];
  readonly workers: number;
  readonly trace: boolean;
}

function asked(): Asked {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      days: { type: 'string', default: '1' },
      runs: { type: 'string', default: '1' },
      faults: { type: 'string' },
      scenario: { type: 'string' },
      kept: { type: 'boolean', default: false },
      workers: { type: 'string', default: '2' },
      replay: { type: 'string' },
      trace: { type: 'boolean', default: false },
    },
  });
  const numbers = { days: Number(values.days), runs: Number(values.runs), workers: Number(values.workers) };
  const seed = values.seed === undefined ? randomInt(SEED_MAX) : Number(values.seed);
  for (const [name, number] of Object.entries({ ...numbers, seed }))
    if (!Number.isInteger(number) || number < 0) throw new UsageError(`--${name} must be a whole number`);
  const groups = values.faults?.split(',').map(groupOf);
  const scenario = values.scenario === undefined ? undefined : scenarioOf(values.scenario);
  const about = { days: numbers.days, ...(groups && { groups }), ...(scenario && { scenario }) };
  const drawn = Array.from({ length: numbers.runs }, (_, index) => ({
    seed: (seed + index) % SEED_MAX,
    ...about,
  }));
  const runs =
    values.replay === undefined ? [...(values.kept ? keptRuns() : []), ...drawn] : [readRun(values.replay)];
  if (values.replay === undefined)
    console.info(`seed ${seed}: npm run sim -- --seed ${seed} --days ${numbers.days} --runs ${numbers.runs}`);
  return { runs, workers: numbers.workers, trace: values.trace };
}

class UsageError extends Error {}

function groupOf(name: string): FaultGroup {
  if (FAULT_GROUPS.includes(name as FaultGroup)) return name as FaultGroup;
  throw new UsageError(`--faults knows ${FAULT_GROUPS.join(', ')}, not ${name}`);
}

function scenarioOf(name: string): Scenario {
  if (name in SCENARIOS) return name as Scenario;
  throw new UsageError(`--scenario knows ${Object.keys(SCENARIOS).join(', ')}, not ${name}`);
}

function readRun(path: string): AskedRun {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${messageOf(error)}`);
  }
  try {
    const run = JSON.parse(text) as AskedRun;
    if (Number.isInteger(run?.seed) && run.days > 0) return run;
  } catch {}
  throw new UsageError(`${path} is no run: it needs a whole number as "seed", and "days" above 0`);
}
/** Recorded days only where the candles are. */
function keptRuns(): AskedRun[] {
  const kept = readdirSync(SEEDS)
    .filter((name) => name.endsWith('.json'))
    .map((name) => readRun(join(SEEDS, name)));
  const possible = kept.filter(
    ({ scenario }) => scenario === undefined || existsSync(SCENARIOS[scenario].folder),
  );
  if (possible.length < kept.length)
    console.info(`${kept.length - possible.length} kept runs need recorded candles, which are not here`);
  return possible;
}

function commit(): string {
  const git = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' });
  return git.status === 0 ? git.stdout.trim() : 'unknown';
}

async function tellFailure(program: string, failed: ProcessRun): Promise<void> {
  const [violation] = failed.violations;
  console.error(
    `\n${violation!.invariant} at ${new Date(violation!.atMs).toISOString()}: ${violation!.message}`,
  );
  console.error(
    `seed ${failed.run.seed}, commit ${commit()}, after ${failed.faults.length} faults; looking for fewer`,
  );
  const attempt = (run: AskedRun) => runOnce(program, run);
  const shrunk = await shrink(failed, { attempt, triesMax: SHRINK_TRIES });
  const path = join(BUNDLE_FOLDER, `failed-${failed.run.seed}.json`);
  writeFileSync(path, `${JSON.stringify(shrunk.run, null, 2)}\n`);
  console.error(`${shrunk.report.faults.length} faults break it too (${shrunk.tried} tries):`);
  for (const { atMs, kind, key } of shrunk.report.faults)
    console.error(`  ${new Date(atMs).toISOString()} ${kind}: ${key}`);
  console.error(`replay: npm run sim -- --trace --replay ${relative(process.cwd(), path)}`);
}

async function main(): Promise<number> {
  const { runs, workers, trace } = asked();
  const program = await bundle('sim');
  const totals = new Totals();
  let failed: ProcessRun | undefined;
  await carryOut(runs, {
    ...{ program, workers, trace },
    onRun: (told) => {
      totals.add(told);
      if (told.violations.length > 0) failed ??= told;
      else if (totals.runs % 10 === 0) console.info(totals.line());
      return failed !== undefined;
    },
  });
  printTotals(totals);
  if (failed === undefined) return 0;
  await tellFailure(program, failed);
  return 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  const isUsage =
    error instanceof UsageError || String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS');
  console.error(isUsage ? (error as Error).message : error);
  process.exitCode = isUsage ? 2 : 1;
}
