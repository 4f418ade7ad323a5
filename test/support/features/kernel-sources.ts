// What the compiled features were made from.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const KERNEL_FOLDER = resolve(import.meta.dirname, '../../../lib/features/kernel');

/** SHA-256 (hex) of all sources, by name. */
export function sha256OfKernelSources(): string {
  const sources = readdirSync(KERNEL_FOLDER).filter((name) => name.endsWith('.as.ts'));
  const hash = createHash('sha256');
  for (const name of sources.sort())
    hash.update(`${name}\n${readFileSync(join(KERNEL_FOLDER, name), 'utf8')}\n`);
  return hash.digest('hex');
}
