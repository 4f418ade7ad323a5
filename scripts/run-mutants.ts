// Makes each known mistake in a copy of the tree, and shows that the test named for it fails there.
//
//   npm run mutants [-- NAME…]
//
// Exit codes: 0 every mutant was noticed, 1 one was not, or its place was not found, 2 wrong usage.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Mutant } from './mutants/mutant.ts';
import { mutate } from './mutants/mutate.ts';
import { SAFETY_CORE } from './mutants/safety-core.ts';

const ROOT = resolve(import.meta.dirname, '..');

function copyTree(): string {
  const listed = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (listed.status !== 0) throw new Error(`git ls-files failed: ${listed.stderr}`);
  const copy = mkdtempSync(join(tmpdir(), 'qt-mutants-'));
  for (const file of listed.stdout.split('\0').filter((name) => name !== ''))
    cpSync(join(ROOT, file), join(copy, file), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** What no assertion said: a file that does not load. */
  readonly problem: string | undefined;
}

function runTests(copy: string, { test, title }: Pick<Mutant, 'test' | 'title'>): Outcome {
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  const run = spawnSync(
    process.execPath,
    [
      ...[join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', test, '--bail=1'],
      ...['--reporter=json', `--outputFile=${report}`, ...(title === undefined ? [] : ['-t', title])],
    ],
    { cwd: copy, encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  try {
    const { numPassedTests: passed, numFailedTests: failed } = JSON.parse(readFileSync(report, 'utf8'));
    const problem = passed + failed > 0 ? undefined : `no test was run:\n${run.stdout}${run.stderr}`;
    return { passed, failed, problem };
  } catch {
    return { passed: 0, failed: 0, problem: `${run.stdout}${run.stderr}` };
  }
}

/** @returns undefined when the mutant was noticed, else one line */
function tryMutant(copy: string, mutant: Mutant): string | undefined {
  const path = join(copy, mutant.file);
  const original = readFileSync(path, 'utf8');
  const mutated = mutate(original, mutant);
  if (!mutated.ok) return mutated.error;
  writeFileSync(path, mutated.value);
  try {
    const { failed, problem } = runTests(copy, mutant);
    if (problem !== undefined) return `${mutant.test} says nothing of it: ${problem}`;
    return failed > 0 ? undefined : `SURVIVED ${mutant.test}: ${mutant.harm}`;
  } finally {
    writeFileSync(path, original);
  }
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => !SAFETY_CORE.some((mutant) => mutant.name === name));
if (unknown.length > 0) {
  console.error(`no such mutant: ${unknown.join(', ')}\n${SAFETY_CORE.map(({ name }) => name).join('\n')}`);
  process.exit(2);
}
const chosen = SAFETY_CORE.filter(({ name }) => names.length === 0 || names.includes(name));
const copy = copyTree();
let survivors = 0;
try {
  // A test that fails without a mutant would notice all of them.
  for (const test of new Set(chosen.map((mutant) => mutant.test))) {
    const { failed, passed, problem } = runTests(copy, { test });
    if (failed === 0 && passed > 0) continue;
    console.error(`${test} fails without a mutant${problem === undefined ? '' : `: ${problem}`}`);
    process.exitCode = 1;
  }
  for (const mutant of process.exitCode === 1 ? [] : chosen) {
    const survived = tryMutant(copy, mutant);
    console.log(
      `${survived === undefined ? 'noticed ' : 'FAILED  '} ${mutant.name}${survived === undefined ? '' : `\n  ${survived}`}`,
    );
    if (survived !== undefined) survivors++;
  }
} finally {
  rmSync(copy, { recursive: true });
}
if (process.exitCode !== 1) console.log(`${chosen.length - survivors} of ${chosen.length} mutants noticed`);
if (survivors > 0) process.exitCode = 1;
