// What a state folder is the state of: which market, and how far its replay has come. A restart resumes at the next bar; another
// market, another time, or a finished run that is started again gets a new state, and the old one is archived.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { LocalStartError } from '../aws/host/local-start-error.ts';
import { LOCK_FOLDER } from '../aws/host/state-lock.ts';

const positionSchema = z.strictObject({
  /** What is traded, e.g. `generated market, seed 7`. */
  source: z.string(),
  /** When the next run is due, epoch ms of the market's time. */
  nextRunMs: z.int(),
  /** The --from of an unfinished run: the same --from resumes it. */
  fromMs: z.int().nullable().default(null),
});
export type ReplayPosition = z.infer<typeof positionSchema>;

/** The folder of commands without --state. */
const STATE_DEFAULT = '.qt';
/** What a command needs besides, to read this folder. */
export const stateOption = (stateDir: string): string =>
  stateDir === STATE_DEFAULT ? '' : ` --state ${stateDir}`;

const FILE = 'replay.json';
const ARCHIVE = 'archive';

/** Undefined when nothing has run on this folder yet. Throws LocalStartError for an unreadable file. */
export function readReplayPosition(stateDir: string): ReplayPosition | undefined {
  const file = join(stateDir, FILE);
  if (!existsSync(file)) return undefined;
  try {
    return positionSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    throw new LocalStartError(`${file} is not readable as saved state: move it away to start over`);
  }
}

export function saveReplayPosition(stateDir: string, position: ReplayPosition): void {
  const unfinished = join(stateDir, `${FILE}.part`);
  writeFileSync(unfinished, `${JSON.stringify(position)}\n`, { mode: 0o600 });
  renameSync(unfinished, join(stateDir, FILE));
}

/** Real time at which the position was last saved, epoch ms; undefined when nothing has run on this folder yet. */
export const replaySavedAtMs = (stateDir: string): number | undefined =>
  statSync(join(stateDir, FILE), { throwIfNoEntry: false })?.mtimeMs;

/** Moves everything in the folder into its archive. @param name of the new archive folder, unique. @returns its path */
export function archiveState(stateDir: string, name: string): string {
  const archive = join(stateDir, ARCHIVE, name);
  mkdirSync(archive, { recursive: true });
  for (const entry of readdirSync(stateDir))
    if (![ARCHIVE, LOCK_FOLDER].includes(entry)) renameSync(join(stateDir, entry), join(archive, entry));
  return archive;
}
