// How many calls of one kind a source may make in a while. Kept in memory, so per process: it bounds what one source costs, and
// the gateway's throttle bounds them all.
import { SECOND_MS } from '../core/units.ts';

/** Sources remembered at once; the one that called first is forgotten then. */
const SOURCES_MAX = 1_000;

/** Counts a call of the source. @returns 0 when it is within the limit, else the seconds until there is room again */
export type RateLimit = (source: string) => number;

/** @param settings.stopwatchMs monotonic, ms */
export function createRateLimit(settings: {
  readonly count: number;
  readonly windowMs: number;
  readonly stopwatchMs: () => number;
}): RateLimit {
  const { count, windowMs, stopwatchMs } = settings;
  const windows = new Map<string, { readonly startedMs: number; used: number }>();
  return (source) => {
    const nowMs = stopwatchMs();
    let window = windows.get(source);
    if (window === undefined || nowMs - window.startedMs >= windowMs) {
      window = { startedMs: nowMs, used: 0 };
      windows.delete(source);
      windows.set(source, window);
      if (windows.size > SOURCES_MAX) windows.delete(windows.keys().next().value!);
    }
    window.used++;
    return window.used <= count ? 0 : Math.ceil((window.startedMs + windowMs - nowMs) / SECOND_MS);
  };
}
