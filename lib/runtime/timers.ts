// The process's monotonic clock and timers, for use cases that take them as arguments.

const after = (durationMs: number): Promise<void> =>
  new Promise((wake) => {
    setTimeout(wake, durationMs);
  });

/** Does not keep the process alive. */
const expireAfter = (durationMs: number): Promise<void> =>
  new Promise((wake) => {
    setTimeout(wake, durationMs).unref();
  });

export const PROCESS_TIMERS = {
  /** Monotonic, ms. */
  stopwatchMs: (): number => performance.now(),
  pause: after,
  expire: expireAfter,
} as const;
