// What is odd about a state folder, told without opening its database: who may read it, what a killed run has left, how much is archived.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MIB } from '../../lib/core/units.ts';
import { type Finding, fault, ok, warning } from '../../lib/diagnosis/finding.ts';
import { findRunningSystem } from './running-system.ts';

const FOR_OTHERS = 0o077;
const ARCHIVE_BYTES_MAX = 1024 * MIB;
const CHECK = 'state folder';

/** @param stateDir one that exists */
export async function examineStateFolder(stateDir: string): Promise<Finding[]> {
  const { mode } = await stat(stateDir);
  const isWritable = await access(stateDir, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!isWritable)
    return [fault(CHECK, `${stateDir} cannot be written by this user`, `sudo chown -R $USER ${stateDir}`)];
  const isRunning = (await findRunningSystem(stateDir)) !== undefined;
  const isLeftOver = !isRunning && existsSync(join(stateDir, 'running.json'));
  const archiveBytes = bytesUnder(join(stateDir, 'archive'));
  const said = `${stateDir}, ${isRunning ? 'a system is running' : 'no system is running'}, archive ${Math.ceil(archiveBytes / MIB)} MiB`;
  return [
    (mode & FOR_OTHERS) === 0
      ? ok(CHECK, said)
      : warning(CHECK, `${stateDir} is open to other users of this machine`, `chmod 700 ${stateDir}`),
    ...(isLeftOver
      ? [
          warning(
            CHECK,
            `${stateDir}/running.json is of a run that was killed`,
            'nothing to do: the next npm start resumes, and replaces it',
          ),
        ]
      : []),
    ...(archiveBytes > ARCHIVE_BYTES_MAX
      ? [
          warning(
            CHECK,
            `${stateDir}/archive takes ${Math.ceil(archiveBytes / MIB)} MiB`,
            `rm -r ${stateDir}/archive/… what is no longer wanted`,
          ),
        ]
      : []),
  ];
}

function bytesUnder(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
