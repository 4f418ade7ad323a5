// Where the local run tells people: one JSON line per message, in a file that can be followed.

import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { messageOf } from '../../core/message-of.ts';
import type { Clock } from '../../core/ports.ts';
import { StoreError } from '../../core/store-error.ts';
import { MINUTE_MS } from '../../core/units.ts';
import type { Notifier } from '../../risk/ports.ts';

/** In a replay a minute passes faster than a command and the circuit breaker can tell each other that they have told the same. */
const SAME_WITHIN_MS = 5 * MINUTE_MS;

/** What the newest line says already, within minutes, is not said again. Throws StoreError. */
export function createFileNotifier(settings: { path: string; clock: Clock }): Notifier {
  const { path, clock } = settings;
  return {
    async notify({ subject, text }) {
      try {
        await mkdir(dirname(path), { recursive: true });
        const nowMs = clock.nowMs();
        const newest = await readNewest(path);
        const isSaid = newest?.subject === subject && newest.text === text;
        if (isSaid && Math.abs(nowMs - Date.parse(newest.at)) < SAME_WITHIN_MS) return;
        await appendFile(path, `${JSON.stringify({ at: new Date(nowMs).toISOString(), subject, text })}\n`);
      } catch (error) {
        const why = messageOf(error);
        throw new StoreError(`notifying in ${path} failed: ${why}`, { cause: error, retryable: true });
      }
    },
  };
}

const lineSchema = z.object({ at: z.string(), subject: z.string(), text: z.string() });

/** Undefined when there is none, or none that can be read: then it is said rather twice than not. */
async function readNewest(path: string): Promise<z.infer<typeof lineSchema> | undefined> {
  try {
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    return lineSchema.parse(JSON.parse(lines.at(-1)!));
  } catch {
    return undefined;
  }
}
