// Files for the eyes of their owner alone: secrets, and state that others must not read. A symbolic link is never followed: it
// would have the secret written to, or read from, wherever somebody else points.
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describeFileFailure } from './local-start-error.ts';

const OWNER_ONLY = 0o600;
const FOLDER_OF_OWNER = 0o700;

/** Throws LocalStartError. */
export async function makePrivateFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: FOLDER_OF_OWNER });
    await chmod(path, FOLDER_OF_OWNER);
  } catch (error) {
    throw describeFileFailure(path, error);
  }
}

/** The text; undefined when there is no such file. Throws LocalStartError, for a symbolic link too. */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    const why = code === 'ELOOP' ? new Error('it is a symbolic link') : error;
    throw describeFileFailure(path, why);
  }
}

/**
 * Replaces the content of `path` as one step: after a crash it is either the old or the new one.
 * @param temporaryDir existing folder on the same file system. @default the file's own
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  temporaryDir = dirname(path),
): Promise<void> {
  const temporaryPath = `${temporaryDir}/${randomUUID()}`;
  try {
    const handle = await open(temporaryPath, 'wx', OWNER_ONLY);
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
