// Damages one file of a state folder, as a disk, a crash or a person does.
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** Below a bound, exclusive. */
export type Draw = (bound: number) => number;

const WAYS = ['flips a byte', 'cuts', 'empties', 'removes', 'appends to', 'fills with zeros'] as const;

/** @returns what was done */
export async function damageOneFile(stateDir: string, draw: Draw): Promise<string> {
  const entries = await readdir(stateDir, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('/archive'))
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
  const file = files[draw(files.length)]!;
  const bytes = await readFile(file);
  const way = WAYS[draw(WAYS.length)]!;
  const at = draw(Math.max(1, bytes.length));
  switch (way) {
    case 'flips a byte':
      if (bytes.length > 0) bytes[at] = bytes[at]! ^ (1 + draw(255));
      await writeFile(file, bytes);
      break;
    case 'cuts':
      await truncate(file, at);
      break;
    case 'empties':
      await truncate(file, 0);
      break;
    case 'removes':
      await rm(file);
      break;
    case 'appends to':
      await writeFile(file, Buffer.concat([bytes, Buffer.alloc(1 + draw(100), draw(256))]));
      break;
    case 'fills with zeros':
      await writeFile(file, bytes.fill(0, at, Math.min(bytes.length, at + 1 + draw(4_096))));
      break;
  }
  return `${way} ${relative(stateDir, file)}`;
}
