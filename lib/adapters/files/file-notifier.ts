// Where the local run tells people: one JSON line per message, in a file that can be followed.

import { appendFile, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../../core/message-of.ts';
import type { Clock } from '../../core/ports.ts';
import { StoreError } from '../../core/store-error.ts';
import type { Notifier } from '../../risk/ports.ts';

/** Throws StoreError. */
export function createFileNotifier(settings: { path: string; clock: Clock }): Notifier {
  const { path, clock } = settings;
  return {
    async notify({ subject, text }) {
      try {
        await mkdir(dirname(path), { recursive: true });
        await appendFile(
          path,
          `${JSON.stringify({ at: new Date(clock.nowMs()).toISOString(), subject, text })}\n`,
        );
      } catch (error) {
        const why = messageOf(error);
        throw new StoreError(`notifying in ${path} failed: ${why}`, { cause: error, retryable: true });
      }
    },
  };
}
