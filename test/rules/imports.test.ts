// The import rules bite: each rule is broken once, on purpose, in a small copy of the project's layout.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
let project: string;

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'qt-imports-'));
  await symlink(join(root, 'node_modules'), join(project, 'node_modules'));
  await symlink(join(root, 'package.json'), join(project, 'package.json'));
  await symlink(join(root, 'tsconfig.json'), join(project, 'tsconfig.json'));
});

afterEach(async () => {
  await rm(project, { recursive: true });
});

async function put(file: string, text: string): Promise<void> {
  const path = join(project, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** @returns the names of the rules that were broken */
async function brokenRules(): Promise<string[]> {
  const depcruise = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const config = join(root, '.dependency-cruiser.cjs');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [depcruise, '--config', config, '--output-type', 'json', '.'],
    { cwd: project, maxBuffer: 1e8 },
  );
  const { summary } = JSON.parse(stdout);
  expect(summary.totalCruised).toBeGreaterThan(1);
  return [
    ...new Set<string>(summary.violations.map(({ rule }: { rule: { name: string } }) => rule.name)),
  ].sort();
}

describe('the import rules', () => {
  it('let pass what the architecture allows', async () => {
    await put('lib/market/candle.ts', 'export type Candle = { close: number };\n');
    await put(
      'lib/inference/use-cases/infer.ts',
      "import type { Candle } from '../market/candle.ts';\nexport const infer = (candle: Candle) => candle;\n",
    );
    await put(
      'lib/adapters/aws/store.ts',
      "import { S3Client } from '@aws-sdk/client-s3';\nexport const client = new S3Client({});\n",
    );
    await put(
      'lib/runtime/compose/infer.ts',
      "import { client } from '../adapters/aws/store.ts';\nimport { infer } from '../app/infer.ts';\nexport const composed = { client, infer };\n",
    );
    await put(
      'functions/infer/handler.ts',
      "import { composed } from '../../lib/runtime/compose/infer.ts';\nexport const handler = () => composed;\n",
    );
    expect(await brokenRules()).toEqual([]);
  });

  it.each([
    [
      'domain-is-pure',
      'lib/market/wrong.ts',
      "import { readFileSync } from 'node:fs';\nexport const text = readFileSync('x');\n",
    ],
    [
      'domain-is-pure',
      'lib/risk/wrong.ts',
      "import { other } from '../app/other.ts';\nexport const copy = other;\n",
    ],
    [
      'app-knows-no-adapter',
      'lib/app/wrong.ts',
      "import { other } from '../adapters/other.ts';\nexport const copy = other;\n",
    ],
    [
      'adapters-know-no-wiring',
      'lib/adapters/wrong.ts',
      "import { other } from '../wiring/other.ts';\nexport const copy = other;\n",
    ],
    [
      'vendors-only-in-adapters',
      'lib/wiring/wrong.ts',
      "import { S3Client } from '@aws-sdk/client-s3';\nexport const client = new S3Client({});\n",
    ],
    [
      'vendors-only-in-adapters',
      'lib/wiring/wrong.ts',
      "import ccxt from 'ccxt';\nexport const client = ccxt;\n",
    ],
    [
      'entry-points-go-through-wiring',
      'functions/infer/wrong.ts',
      "import { other } from '../../lib/adapters/other.ts';\nexport const copy = other;\n",
    ],
    [
      'nothing-imports-entry-points',
      'lib/wiring/wrong.ts',
      "import { other } from '../../functions/infer/other.ts';\nexport const copy = other;\n",
    ],
    [
      'no-test-code-in-product',
      'lib/app/wrong.ts',
      "import { other } from '../../test/other.ts';\nexport const copy = other;\n",
    ],
    [
      'no-unresolvable',
      'cli/wrong.ts',
      "import { other } from './nowhere.ts';\nexport const copy = other;\n",
    ],
    [
      'no-dev-dependencies-in-product',
      'local/wrong.ts',
      "import fc from 'fast-check';\nexport const copy = fc;\n",
    ],
  ])('%s refuses %s', async (rule, file, text) => {
    for (const folder of ['lib/app', 'lib/adapters', 'lib/wiring', 'functions/infer', 'test'])
      await put(`${folder}/other.ts`, 'export const other = 1;\n');
    await put(file, text);
    expect(await brokenRules()).toContain(rule);
  });

  it('refuses a cycle', async () => {
    await put('lib/market/a.ts', "import { b } from './b.ts';\nexport const a = () => b;\n");
    await put('lib/market/b.ts', "import { a } from './a.ts';\nexport const b = () => a;\n");
    expect(await brokenRules()).toContain('no-cycles');
  });
});
