// The clock of the local run: real time, or a replay clock that stands still while a function runs and moves between events, so
// that flags, equity snapshots and leases never look old because the machine is slow.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../lib/core/ports.ts';
import { DAY_MS } from '../../lib/core/units.ts';

export interface ReplayClock extends Clock {
  /** Resolves when the clock reaches `timeMs`, at once if it has passed. Rejects with AbortError when aborted. */
  waitUntil(timeMs: number, signal: AbortSignal): Promise<void>;
}

/** @param speed multiple of real time that the replay tries to keep; with `max` waiting takes no time */
export function createReplayClock(startMs: number, speed: number | 'max'): ReplayClock {
  const originMs = performance.now();
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    async waitUntil(timeMs, signal) {
      signal.throwIfAborted();
      if (speed !== 'max') {
        const dueMs = originMs + (timeMs - startMs) / speed;
        await sleepUntil(() => dueMs - performance.now(), signal);
      }
      nowMs = Math.max(nowMs, timeMs);
    },
  };
}

export const realClock: ReplayClock = {
  nowMs: Date.now,
  waitUntil: (timeMs, signal) => sleepUntil(() => timeMs - Date.now(), signal),
};

/** A timer may fire a little early, and cannot be longer than 24.8 days. */
async function sleepUntil(leftMs: () => number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  for (let ms = leftMs(); ms > 0; ms = leftMs())
    await sleep(Math.min(Math.ceil(ms), DAY_MS), undefined, { signal });
}
