// The flags for decisions that follow one another within moments. Parameter Store takes 40 reads a second from a whole account, and ten
// shards decide at once: each run reads anew only when its reading has aged. A reading bears the time before it was asked for, by
// which the gate judges it, so that sharing it can make nothing pass that is older than the gate allows.
import type { Clock } from '../../core/ports.ts';
import { FLAG_NAMES, type FlagReading } from '../flags.ts';
import type { FlagStore } from '../ports.ts';

export interface FlagsRead {
  readonly readings: ReadonlyMap<string, FlagReading>;
  /** Before they were asked for: they are at most this old. */
  readonly readAtMs: number;
}

/** Half of what the gate allows, for what comes between the reading and the gate's write. */
const SHARED_MS = 500;

/** `recent`: a shared reading while that is young and complete; `now`: one of its own, which those after it share. Never throws. */
export type FlagReader = (which: 'recent' | 'now') => Promise<FlagsRead>;

export function recentFlags(flags: FlagStore, clock: Clock): FlagReader {
  let last: FlagsRead | undefined;
  return async (which) => {
    const ageMs = last === undefined ? Number.NaN : clock.nowMs() - last.readAtMs;
    if (which === 'recent' && last !== undefined && ageMs >= 0 && ageMs <= SHARED_MS) return last;
    const read = await readFlags(flags, clock);
    // What could not be read may be readable the next time.
    last = [...read.readings.values()].some(({ kind }) => kind === 'unreadable') ? undefined : read;
    return read;
  };
}

/** Never throws. */
export async function readFlags(flags: FlagStore, clock: Clock): Promise<FlagsRead> {
  const readAtMs = clock.nowMs();
  return { readAtMs, readings: await flags.read(FLAG_NAMES) };
}
