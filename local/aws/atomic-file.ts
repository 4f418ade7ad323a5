// Files that are either the old or the new content, whenever the process or the machine dies.
import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';

/** Replaces the content of `path` as one step. @param temporaryDir existing folder on the same file system */
export async function replaceFile(path: string, content: string, temporaryDir: string): Promise<void> {
  const temporaryPath = `${temporaryDir}/${randomUUID()}`;
  try {
    const handle = await open(temporaryPath, 'wx');
    try {
      await handle.writeFile(content);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(temporaryPath, path);
  } catch (error) {
    await rm(temporaryPath, { force: true });
    throw error;
  }
}
