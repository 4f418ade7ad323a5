// The clock of the local run: real time, real time made faster, or time that only moves from event to event.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../lib/app/ports.ts';

export interface ReplayClock extends Clock {
  /** Resolves when the clock shows `timeMs`; at once when that has passed. Rejects with AbortError when aborted. */
  waitUntil(timeMs: number, signal: AbortSignal): Promise<void>;
}

/** @param speed times real time, or `max`: waiting takes no time, and the clock stands still between the waits */
export function createReplayClock(startMs: number, speed: number | 'max'): ReplayClock {
  if (speed === 'max') {
    let nowMs = startMs;
    return {
      nowMs: () => nowMs,
      async waitUntil(timeMs, signal) {
        signal.throwIfAborted();
        nowMs = Math.max(nowMs, timeMs);
      },
    };
  }
  const originMs = performance.now();
  const nowMs = () => startMs + (performance.now() - originMs) * speed;
  return {
    nowMs: () => Math.floor(nowMs()),
    async waitUntil(timeMs, signal) {
      // A timer may fire a little early, and cannot be longer than 24.8 days.
      for (let aheadMs = timeMs - nowMs(); aheadMs > 0; aheadMs = timeMs - nowMs())
        await sleep(Math.min(Math.ceil(aheadMs / speed), 86_400_000), undefined, { signal });
    },
  };
}
