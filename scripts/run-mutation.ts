// Mutation testing with Stryker: changes every operator, condition and block of a file or folder, one at a time, and counts what no
// test of the same capability notices.
//
//   npm run mutation -- lib/risk/effective-mode.ts [test/risk/effective-mode.test.ts …]
//
// Without tests all of the capability: seconds for each of hundreds of mutants. Begin with one file. Texts of messages are left as they are, and so is what
// runs once when a file is loaded, which would need all tests for each.
//
// Exit codes: as Stryker's; 2 wrong usage.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
/** Decide about money. */
const CAPABILITIES = ['risk', 'execution', 'rollout', 'inference', 'models'];

const [target, ...tests] = process.argv.slice(2);
const capability = /^lib\/([a-z]+)(\/|$)/.exec(target ?? '')?.[1];
const isKnown = target !== undefined && [target, ...tests].every((path) => existsSync(join(ROOT, path)));
if (!isKnown || capability === undefined || !CAPABILITIES.includes(capability)) {
  const folders = CAPABILITIES.map((name) => `lib/${name}`).join(', ');
  console.error(`usage: npm run mutation -- FILE|FOLDER [TEST]…\nof ${folders}`);
  process.exit(2);
}
const settings = {
  mutate: [statSync(join(ROOT, target)).isDirectory() ? `${target}/**/*.ts` : target],
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: 'scripts/mutation/vitest.config.ts', dir: `test/${capability}`, related: false },
  ...(tests.length > 0 && { testFiles: tests }),
  coverageAnalysis: 'perTest',
  ignoreStatic: true,
  mutator: { excludedMutations: ['StringLiteral'] },
  concurrency: 1,
  timeoutMS: 60_000,
  reporters: ['clear-text', 'progress-append-only'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  tempDirName: '.qt/stryker',
  ignorePatterns: ['/.qt', '/cdk.out', '/docs', '/training', '/samples', '/bench', '/models'],
  thresholds: { high: 90, low: 80, break: null },
};
mkdirSync(join(ROOT, '.qt'), { recursive: true, mode: 0o700 });
const settingsFile = join(ROOT, '.qt/stryker.config.json');
writeFileSync(settingsFile, JSON.stringify(settings, null, 2));
const stryker = join(ROOT, 'node_modules/@stryker-mutator/core/bin/stryker.js');
const { status } = spawnSync(process.execPath, [stryker, 'run', settingsFile], {
  cwd: ROOT,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
