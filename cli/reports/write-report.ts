// Writes a report page and prints its path.
import { writeFile } from 'node:fs/promises';
import { messageOf } from '../../lib/core/message-of.ts';
import { CommandFailure } from '../command-error.ts';
import { note } from '../output.ts';

export async function writeReport(file: string, page: string): Promise<void> {
  try {
    await writeFile(file, page);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? messageOf(error);
    throw new CommandFailure(`cannot write the report ${file} (${code}): check the path`);
  }
  note(`report: ${file}`);
}
