// The logs of a run, one file a function, bounded in size and in number: a system that runs for months fills no disk.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { createStream } from 'rotating-file-stream';

/** Of one file, and how many older ones are kept beside it. */
const SIZE = '10M';
const OLDER_FILES = 4;

/**
 * `logs/<job>.jsonl` in the state folder, older lines in `.1` to `.4`. A log that cannot be written, as on a full disk, costs the run
 * its lines, not its life.
 */
export function openLog(stateDir: string, job: string, warn: (text: string) => void): Writable {
  const folder = join(stateDir, 'logs');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${job}.jsonl`);
  const log = createStream((index: unknown) => `${job}.jsonl${index ? `.${index}` : ''}`, {
    path: folder,
    size: SIZE,
    rotate: OLDER_FILES,
    mode: 0o600,
  });
  let isLost = false;
  const lose = ({ message }: Error) => {
    if (!isLost) warn(`the log ${file} is not written any more: ${message}`);
    isLost = true;
  };
  log.on('error', lose).on('warning', lose);
  return new Writable({
    write: (chunk, _, done) => {
      if (isLost) done();
      else log.write(chunk, () => done());
    },
    final: (done) => {
      if (isLost) done();
      else log.end(() => done());
    },
  });
}
