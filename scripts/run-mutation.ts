// Mutation testing with Stryker: changes every operator, condition and block of the files named, one at a time, and counts what none
// of the tests notices.
//
//   npm run mutation -- lib/risk/gate.ts [FILE…] [test/risk/gate-laws.test.ts [TEST…]]
//
// Without tests all of the capability: seconds for each of hundreds of mutants. Each change is tried by the tests that reach it; what
// runs once, when a file is loaded, is changed before the file is loaded, and is tried by all of the tests. Texts are left as they are.
//
// Exit codes: as Stryker's; 2 wrong usage.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
/** Decide about money. */
const CAPABILITIES = ['risk', 'execution', 'rollout', 'inference', 'models'];

const paths = process.argv.slice(2);
const targets = paths.filter((path) => !path.startsWith('test/'));
const tests = paths.filter((path) => path.startsWith('test/'));
const capabilities = new Set(targets.map((path) => /^lib\/([a-z]+)(\/|$)/.exec(path)?.[1] ?? ''));
const isKnown = targets.length > 0 && paths.every((path) => existsSync(join(ROOT, path)));
if (!isKnown || [...capabilities].some((name) => !CAPABILITIES.includes(name))) {
  const folders = CAPABILITIES.map((name) => `lib/${name}`).join(', ');
  console.error(`usage: npm run mutation -- FILE|FOLDER… [TEST…]\nof ${folders}`);
  process.exit(2);
}
const isFolder = (path: string) => statSync(join(ROOT, path)).isDirectory();
const state = join(ROOT, '.qt');
mkdirSync(state, { recursive: true, mode: 0o700 });
// Stryker forgets the names of the tests when it changes what runs once, so that the configuration names them.
const vitestConfig = join(state, 'mutation.vitest.config.mjs');
const include = tests.length > 0 ? tests : [...capabilities].map((name) => `test/${name}/**/*.test.ts`);
const vitestSettings = {
  // Visiting every state of the gate takes minutes.
  test: { include, exclude: ['**/gate-states.test.ts'], testTimeout: 180_000 },
};
writeFileSync(vitestConfig, `export default ${JSON.stringify(vitestSettings, null, 2)};\n`);
const settings = {
  mutate: targets.map((path) => (isFolder(path) ? `${path}/**/*.ts` : path)),
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: vitestConfig, related: false },
  coverageAnalysis: 'perTest',
  ignoreStatic: false,
  warnings: { slow: false },
  mutator: { excludedMutations: ['StringLiteral'] },
  concurrency: 2,
  timeoutMS: 30_000,
  reporters: ['clear-text', 'progress-append-only'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  tempDirName: '.qt/stryker',
  ignorePatterns: ['/.qt', '/cdk.out', '/docs', '/training', '/samples', '/bench', '/models'],
  thresholds: { high: 90, low: 80, break: null },
};
const settingsFile = join(state, 'stryker.config.json');
writeFileSync(settingsFile, JSON.stringify(settings, null, 2));
const stryker = join(ROOT, 'node_modules/@stryker-mutator/core/bin/stryker.js');
const { status } = spawnSync(process.execPath, [stryker, 'run', settingsFile], {
  cwd: ROOT,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
