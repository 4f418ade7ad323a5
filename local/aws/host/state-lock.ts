// Keeps a second process out of a state folder. Node has no file locks; LevelDB takes one that the system gives back even after
// kill -9, so an empty LevelDB stands for the folder.
import dynaliteDatabase from 'dynalite/db/index.js';
import { describeFileFailure, LocalStartError } from './local-start-error.ts';
import { makePrivateFolder } from './private-file.ts';

export const LOCK_FOLDER = '.lock';

/** Throws LocalStartError when another process, or this one, has the folder already. @param stateDir created when missing */
export async function lockStateFolder(stateDir: string): Promise<{ release(): Promise<void> }> {
  const folder = `${stateDir}/${LOCK_FOLDER}`;
  await makePrivateFolder(folder);
  const { db: lock } = dynaliteDatabase.create({ path: folder });
  try {
    await lock.open();
    return { release: () => lock.close() };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const code = (cause as NodeJS.ErrnoException | undefined)?.code;
    if (code !== 'LEVEL_LOCKED') throw describeFileFailure(folder, cause);
    throw new LocalStartError(
      `${stateDir} is in use by another process: stop it, or choose another state folder`,
      { cause },
    );
  }
}
