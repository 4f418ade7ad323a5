// What a reader can hold in mind: folders of a manageable size, and files that are named after what they do.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const SOURCE_FOLDERS = 'bench bin cli dashboard functions infra lib local scripts test training'.split(' ');
const SOURCE_FILE = /\.(ts|tsx|js|mjs|cjs|py|css|html)$/;
/** Written by tools, or the marker of a Python package. */
const NO_SOURCE = /^(node_modules|dist|\..*|__.*__(\.py)?)$/;
const FILES_MAX = 20;

/** @returns source files by folder, both relative to the root */
function sourceFiles(folder: string, found = new Map<string, string[]>()): Map<string, string[]> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (NO_SOURCE.test(entry.name)) continue;
    if (entry.isDirectory()) sourceFiles(join(folder, entry.name), found);
    else if (SOURCE_FILE.test(entry.name)) found.set(folder, [...(found.get(folder) ?? []), entry.name]);
  }
  return found;
}

const folders = new Map(SOURCE_FOLDERS.flatMap((folder) => [...sourceFiles(folder)]));
const names = [...folders].flatMap(([folder, files]) => files.map((file) => `${folder}/${file}`));

describe('the tree', () => {
  it(`keeps at most ${FILES_MAX} files of source side by side`, () => {
    expect(names.length).toBeGreaterThan(400);
    const crowded = [...folders].filter(([, files]) => files.length > FILES_MAX);
    expect(crowded.map(([folder, files]) => `${folder}: ${files.length}`)).toEqual([]);
  });

  it('names no file or folder after nothing', () => {
    // The position manager is a part of the system, by that name.
    const vague = /(^|[/_-])(utils?|helpers?|common|misc|(?<!position-)managers?)([./_-]|$)/;
    expect(names.filter((name) => vague.test(name))).toEqual([]);
  });

  it('writes names in kebab-case, those of Python in snake_case', () => {
    const wrong = names.filter((name) => !/^[a-z0-9/.-]+$/.test(name) && !/^[a-z0-9/_]+\.py$/.test(name));
    expect(wrong).toEqual([]);
  });

  it('opens every file of the product with a comment that says why it exists', () => {
    const product = names.filter((name) => name.endsWith('.ts') && !name.startsWith('test/'));
    const silent = product.filter((name) => !readFileSync(join(root, name), 'utf8').startsWith('// '));
    expect(silent).toEqual([]);
  });
});
