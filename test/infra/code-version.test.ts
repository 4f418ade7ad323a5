// The version that a deploy stamps into its functions: one for all of them, of exactly what they are made of.
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildSync } from 'esbuild';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { codeVersionOf } from '../../infra/constructs/bundle-function.ts';

let project: string;
beforeEach(() => {
  project = mkdtempSync(`${tmpdir()}/qt-version-`);
  for (const part of ['functions', 'lib', 'dashboard', 'docs', 'infra', 'package-lock.json', 'README.md'])
    cpSync(part, join(project, part), { recursive: true });
});
afterEach(() => rmSync(project, { recursive: true }));

const write = (file: string, text: string) => {
  mkdirSync(dirname(join(project, file)), { recursive: true });
  writeFileSync(join(project, file), text);
};

it('is the same for the same sources, wherever they lie', () => {
  expect(codeVersionOf(project)).toMatch(/^[0-9a-f]{12}$/);
  expect(codeVersionOf(project)).toBe(codeVersionOf(project));
});

it('is another one after any change of a source, a dependency or the bundling', () => {
  const versions = [codeVersionOf(project)];
  const changed = () => versions.push(codeVersionOf(project));
  for (const file of ['lib/risk/gate.ts', 'functions/infer/handler.ts', 'package-lock.json']) {
    appendFileSync(join(project, file), '\n');
    changed();
  }
  appendFileSync(join(project, 'infra/constructs/bundle-function.ts'), '\n');
  changed();
  write('lib/risk/new.ts', '');
  changed();
  rmSync(join(project, 'lib/risk/new.ts'));
  write('lib/risk/other.ts', '');
  changed();
  // What moves from one file to the next moves the version too.
  write('lib/risk/other.ts', 'a');
  write('lib/risk/rather.ts', 'b');
  changed();
  write('lib/risk/other.ts', 'ab');
  write('lib/risk/rather.ts', '');
  changed();
  expect(new Set(versions).size).toBe(versions.length);
});

it('is not touched by documents, tests, the stacks or the built page', () => {
  rmSync(join(project, 'dashboard/page.html'), { force: true });
  const before = codeVersionOf(project);
  appendFileSync(join(project, 'README.md'), 'More.\n');
  write('docs/NEW.md', 'New.\n');
  // Built in between, and not there on a fresh clone.
  write('dashboard/page.html', 'built');
  write('dashboard/.page-17.html', 'being built');
  write('test/unit/new.test.ts', '');
  appendFileSync(join(project, 'infra/catalog/alarms.ts'), '\n');
  expect(codeVersionOf(project)).toBe(before);
});

it('covers every file of the project that the bundles are made of', () => {
  const { metafile } = buildSync({
    entryPoints: readdirSync('functions').map((name) => `functions/${name}/handler.ts`),
    bundle: true,
    write: false,
    metafile: true,
    outdir: project,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
    packages: 'external',
  });
  // Dependencies are what the lock file says.
  const own = Object.keys(metafile.inputs).filter((file) => !file.startsWith('node_modules/'));
  expect(own).toContain('lib/risk/gate.ts');
  const before = codeVersionOf(project);
  for (const file of own) {
    const folder = join(project, dirname(file));
    mkdirSync(folder, { recursive: true });
    cpSync(file, join(project, file));
  }
  expect(codeVersionOf(project)).toBe(before);
  for (const file of own.filter((each) => !/^(lib|functions)\//.test(each))) {
    const without = codeVersionOf(project);
    appendFileSync(join(project, file), '\n');
    expect([file, codeVersionOf(project) !== without]).toEqual([file, true]);
  }
});
