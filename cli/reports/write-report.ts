// Writes a report page and says where it is.
import { writeFile } from 'node:fs/promises';
import { CommandFailure } from '../command-error.ts';

export async function writeReport(file: string, page: string): Promise<void> {
  try {
    await writeFile(file, page);
  } catch (error) {
    const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : '';
    throw new CommandFailure(`cannot write the report ${file} (${code}): check the path`);
  }
  process.stderr.write(`report: ${file}\n`);
}
