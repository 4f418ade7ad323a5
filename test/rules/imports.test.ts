// The import rules bite: each rule is broken once, on purpose, in a small copy of the project's layout.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const config = join(root, '.dependency-cruiser.cjs');
let project: string;

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'qt-imports-'));
  for (const name of ['node_modules', 'package.json', 'tsconfig.json', 'biome.json'])
    await symlink(join(root, name), join(project, name));
});

afterEach(async () => {
  await rm(project, { recursive: true });
});

async function put(file: string, text: string): Promise<void> {
  const path = join(project, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** @param imports what the file imports, relative to the root, or packages */
async function putImporting(file: string, ...imports: string[]): Promise<void> {
  const specifier = (path: string) =>
    path.endsWith('.ts') ? `${'../'.repeat(file.split('/').length - 1)}${path}` : path;
  const lines = imports.map((path, index) => `import * as i${index} from '${specifier(path)}';\n`);
  await put(file, `${lines.join('')}export const used = [${imports.map((_, index) => `i${index}`)}];\n`);
}

/** @returns the names of the rules that each file or folder breaks */
async function brokenRules(): Promise<Map<string, string[]>> {
  const depcruise = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [depcruise, '--config', config, '--output-type', 'json', '.'],
    { cwd: project, maxBuffer: 1e8 },
  );
  const { summary } = JSON.parse(stdout) as {
    summary: { totalCruised: number; violations: { from: string; rule: { name: string } }[] };
  };
  expect(summary.totalCruised).toBeGreaterThan(1);
  const broken = new Map<string, string[]>();
  for (const { from, rule } of summary.violations)
    broken.set(from, [...new Set([...(broken.get(from) ?? []), rule.name])].sort());
  return broken;
}

/** Files that import nothing, one a place that a rule speaks of. */
const PLACES = [
  'lib/core/result.ts',
  'lib/market/candle.ts',
  'lib/market/ports.ts',
  'lib/market/use-cases/fetch.ts',
  'lib/models/vote.ts',
  'lib/execution/order.ts',
  'lib/rollout/go-no-go.ts',
  'lib/research/metrics/spearman.ts',
  'lib/api/contract.ts',
  'lib/adapters/memory/store.ts',
  'lib/runtime/compose/infer.ts',
  'functions/infer/handler.ts',
  'cli/qtrader.ts',
  'local/run/system.ts',
  'infra/catalog/functions.ts',
  'bench/run.ts',
  'test/support/bars.ts',
  'test/contract/broker.ts',
  'test/market/candle.test.ts',
];

const WRONG: [rule: string, file: string, imports: string][] = [
  ['capabilities-in-order', 'lib/core/wrong.ts', 'lib/market/candle.ts'],
  ['capabilities-in-order', 'lib/market/wrong.ts', 'lib/models/vote.ts'],
  ['capabilities-in-order', 'lib/models/use-cases/wrong.ts', 'lib/execution/order.ts'],
  ['capabilities-in-order', 'lib/risk/wrong.ts', 'lib/execution/order.ts'],
  ['capabilities-in-order', 'lib/execution/wrong.ts', 'lib/rollout/go-no-go.ts'],
  ['capabilities-in-order', 'lib/research/wrong.ts', 'lib/api/contract.ts'],
  ['capabilities-are-self-contained', 'lib/features/wrong.ts', 'node:fs'],
  ['capabilities-are-self-contained', 'lib/features/use-cases/wrong.ts', 'commander'],
  ['capabilities-are-self-contained', 'lib/inference/use-cases/wrong.ts', 'lib/runtime/compose/infer.ts'],
  ['pure-files-reach-no-port', 'lib/features/wrong-port.ts', 'lib/market/ports.ts'],
  ['pure-files-reach-no-port', 'lib/models/wrong-use-case.ts', 'lib/market/use-cases/fetch.ts'],
  ['ports-know-no-use-case', 'lib/features/ports.ts', 'lib/market/use-cases/fetch.ts'],
  ['adapters-know-no-runtime', 'lib/adapters/memory/wrong.ts', 'lib/runtime/compose/infer.ts'],
  ['only-runtime-reaches-adapters', 'functions/infer/wrong.ts', 'lib/adapters/memory/store.ts'],
  ['only-runtime-reaches-adapters', 'cli/wrong.ts', 'lib/adapters/memory/store.ts'],
  ['ccxt-only-in-its-adapter', 'lib/runtime/compose/wrong.ts', 'ccxt'],
  ['ccxt-only-in-its-adapter', 'lib/adapters/paper/wrong.ts', 'ccxt'],
  ['aws-only-in-its-adapter', 'lib/adapters/files/wrong.ts', '@aws-sdk/client-s3'],
  ['aws-only-in-its-adapter', 'functions/api/wrong.ts', '@aws-sdk/client-ssm'],
  ['onnxruntime-only-in-its-adapter', 'lib/adapters/memory/wrong-session.ts', 'onnxruntime-node'],
  ['powertools-only-in-its-adapter', 'lib/runtime/lambda.ts', '@aws-lambda-powertools/logger'],
  ['research-decides-nothing', 'functions/execute/wrong.ts', 'lib/research/metrics/spearman.ts'],
  ['research-decides-nothing', 'local/run/wrong.ts', 'lib/research/metrics/spearman.ts'],
  ['nothing-imports-entry-points', 'lib/runtime/wrong.ts', 'functions/infer/handler.ts'],
  ['nothing-imports-entry-points', 'functions/api/wrong-command.ts', 'cli/qtrader.ts'],
  ['nothing-imports-entry-points', 'infra/wrong.ts', 'functions/infer/handler.ts'],
  ['nothing-imports-entry-points', 'lib/adapters/aws/wrong.ts', 'infra/catalog/functions.ts'],
  ['local-run-knows-no-command', 'local/run/wrong-command.ts', 'cli/qtrader.ts'],
  ['no-test-code-in-product', 'infra/wrong-support.ts', 'test/support/bars.ts'],
  ['no-test-code-in-product', 'cli/wrong-bench.ts', 'bench/run.ts'],
  ['no-test-imports-a-test', 'test/market/wrong.test.ts', 'test/market/candle.test.ts'],
  ['support-knows-no-test', 'test/support/wrong.ts', 'test/contract/broker.ts'],
  ['no-unresolvable', 'cli/wrong-path.ts', 'cli/nowhere.ts'],
  ['no-dev-dependencies-in-product', 'local/market/wrong.ts', 'fast-check'],
];

describe('the import rules', () => {
  it('pass what the architecture allows', async () => {
    await put('lib/market/candle.ts', 'export type Candle = { close: number };\n');
    await putImporting('lib/models/ports.ts', 'lib/market/candle.ts', 'zod');
    await putImporting('lib/inference/use-cases/infer.ts', 'lib/models/ports.ts', 'node:crypto');
    await putImporting('lib/adapters/aws/store.ts', '@aws-sdk/client-s3', 'lib/models/ports.ts');
    await putImporting('lib/adapters/binance/client.ts', 'ccxt');
    await putImporting(
      'lib/runtime/compose/infer.ts',
      'lib/adapters/aws/store.ts',
      'lib/adapters/binance/client.ts',
      'lib/inference/use-cases/infer.ts',
    );
    await putImporting('functions/infer/handler.ts', 'lib/runtime/compose/infer.ts');
    await putImporting('local/run/system.ts', 'functions/infer/handler.ts', 'lib/adapters/aws/store.ts');
    await put('lib/research/spearman.ts', 'export const used = 1;\n');
    await putImporting('cli/qtrader.ts', 'local/run/system.ts', 'lib/research/spearman.ts');
    await putImporting('test/support/world.ts', 'local/run/system.ts', 'ccxt');
    await putImporting('test/contract/broker.ts', 'test/support/world.ts', 'vitest');
    await putImporting('test/contract/broker.test.ts', 'test/contract/broker.ts');
    expect(await brokenRules()).toEqual(new Map());
  });

  it('refuse every import that the architecture forbids, each under its own name', async () => {
    for (const file of PLACES) await put(file, 'export const used = 1;\n');
    for (const [, file, imported] of WRONG) await putImporting(file, imported);
    const broken = await brokenRules();
    for (const [rule, file] of WRONG) expect.soft(broken.get(file), file).toContain(rule);
    for (const file of PLACES) expect.soft(broken.get(file), file).toBeUndefined();
  });

  it('refuse a cycle of files, of types too, and a cycle of folders in which no file is in a cycle', async () => {
    await put(
      'lib/market/a.ts',
      "import { b } from './b.ts';\nexport const a = () => b;\nexport type A = 1;\n",
    );
    await put('lib/market/b.ts', "import type { A } from './a.ts';\nexport const b: A = 1;\n");
    await put('local/run/one.ts', 'export const used = 1;\n');
    await putImporting('local/run/two.ts', 'local/market/three.ts');
    await putImporting('local/market/three.ts', 'local/run/one.ts');
    const broken = await brokenRules();
    expect(broken.get('lib/market/a.ts')).toEqual(['no-cycles']);
    expect(broken.get('local/run')).toEqual(['no-folder-cycles']);
    expect(broken.get('local/run/two.ts')).toBeUndefined();
  });

  it('are all broken above', () => {
    const { forbidden } = createRequire(import.meta.url)(config) as { forbidden: { name: string }[] };
    const cycles = ['no-cycles', 'no-folder-cycles'];
    expect([...new Set([...cycles, ...WRONG.map(([rule]) => rule)])].sort()).toEqual(
      [...new Set(forbidden.map(({ name }) => name))].sort(),
    );
  });
});

describe('the environment', () => {
  it('is read by lib/runtime/config, and by nothing else of the product', async () => {
    const reading = 'export const stage = process.env.QT_STAGE;\n';
    const refused = [
      'lib/adapters/aws/wrong.ts',
      'lib/runtime/wrong.ts',
      'functions/infer/wrong.ts',
      'cli/wrong.ts',
      'local/wrong.ts',
      'infra/wrong.ts',
    ];
    for (const file of [...refused, 'lib/runtime/config/right.ts']) await put(file, reading);
    const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');
    const args = ['lint', '--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none', '.'];
    const { stdout } = await promisify(execFile)(process.execPath, [biome, ...args], { cwd: project }).catch(
      (error: { stdout: string }) => error,
    );
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: { category: string; location: { path: string } }[];
    };
    const readers = diagnostics.filter(({ category }) => category === 'lint/style/noProcessEnv');
    expect(readers.map(({ location }) => location.path).sort()).toEqual(refused.sort());
  });
});
