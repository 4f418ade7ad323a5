// The bundle that the command starts from, of a small project with the same folders: it is never older than the sources.
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

const PROGRAM = 'bin/bundled-program.mjs';
const ENTRY = 'cli/qtrader.ts';
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'qt-bundle-'));
  for (const folder of ['bin', 'cli', 'dashboard', 'functions', 'infra', 'lib', 'local', 'node_modules'])
    await mkdir(join(root, folder));
  for (const name of ['package.json', 'package-lock.json', 'tsconfig.json']) await put(name, '{}');
  await symlink(resolve('node_modules/esbuild'), join(root, 'node_modules/esbuild'));
  await symlink(resolve('node_modules/@esbuild'), join(root, 'node_modules/@esbuild'));
  await copyFile(PROGRAM, join(root, PROGRAM));
  await put('lib/word.ts', "export const word: string = 'first';");
  await put(
    ENTRY,
    "import { word } from '../lib/word.ts';\nexport const runProcess = () => [word, import.meta.dirname];",
  );
});
afterEach(() => rm(root, { recursive: true }));

async function put(name: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, name)), { recursive: true });
  await writeFile(join(root, name), text);
}

/** As the command does. */
async function bundle(): Promise<string | undefined> {
  const { bundledProgram } = await import(join(root, PROGRAM));
  return bundledProgram();
}

const said = async (url: string | undefined): Promise<unknown> => (await import(url!)).runProcess();

it('says what the sources say, and where they stand', async () => {
  expect(await said(await bundle())).toEqual(['first', join(root, 'cli')]);
});

it('holds packages, whatever their modules are', async () => {
  await put('node_modules/old/index.js', "module.exports = require('node:path').basename('a/third');");
  await put(ENTRY, "import word from 'old';\nexport const runProcess = () => word;");
  const url = await bundle();
  await rm(join(root, 'node_modules/old'), { recursive: true });
  expect(await said(url)).toBe('third');
});

it('is made once, and again when a source is another', async () => {
  const first = await bundle();
  expect(await bundle()).toBe(first);
  await put('lib/word.ts', "export const word: string = 'second';");
  const second = await bundle();
  expect(second).not.toBe(first);
  expect(await said(second)).toEqual(['second', join(root, 'cli')]);
  // One that was started from keeps what it may still load.
  expect(await said(first)).toEqual(['first', join(root, 'cli')]);
});

it('is the same whoever makes it first', async () => {
  const urls = await Promise.all([bundle(), bundle(), bundle()]);
  expect(new Set(urls).size).toBe(1);
  expect(await readdir(join(root, 'node_modules/.cache/qtrader'))).toHaveLength(1);
});

it.each([
  ['a source that cannot be parsed', async () => put(ENTRY, 'export const = 1;')],
  ['a place that takes no files', async () => put('node_modules/.cache', 'a file')],
])('is left out for %s, so that the sources run themselves', async (_, damage) => {
  await damage();
  expect(await bundle()).toBeUndefined();
});
