// How far a replay has come, so that a restart goes on at the next bar instead of deciding the same ones again.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { LocalStartError } from './aws/local-start-error.ts';

const positionSchema = z.strictObject({
  /** What is replayed, e.g. `generated market, seed 7`. */
  source: z.string(),
  /** When the next run is due, epoch ms of the replayed time. */
  nextRunMs: z.int(),
});

const fileIn = (stateDir: string) => join(stateDir, 'replay.json');

/** Where the replay of this source stopped; undefined when another one, or none, was replayed here last. */
export function readReplayPosition(stateDir: string, source: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(fileIn(stateDir), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const position = positionSchema.parse(JSON.parse(text));
    return position.source === source ? position.nextRunMs : undefined;
  } catch {
    throw new LocalStartError(
      `${fileIn(stateDir)} is not readable as saved state; move it away to start over`,
    );
  }
}

export function saveReplayPosition(stateDir: string, position: z.infer<typeof positionSchema>): void {
  const unfinished = `${fileIn(stateDir)}.part`;
  writeFileSync(unfinished, `${JSON.stringify(position)}\n`);
  renameSync(unfinished, fileIn(stateDir));
}
