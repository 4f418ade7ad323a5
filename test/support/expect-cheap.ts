// That reading hostile bytes stays cheap: the process must not have grown by more than a fraction of what such bytes ask for.
import { expect } from 'vitest';

/** Hostile files ask for gigabytes; honest work in tests, garbage included, stays far below. */
const GROWTH_BYTES_MAX = 400 * 2 ** 20;
const SAMPLE_MS = 5;

/** Fails when the work makes the process grow by hundreds of megabytes at any moment that can be seen. */
export async function expectCheap<T>(work: () => T | Promise<T>): Promise<T> {
  const before = process.memoryUsage.rss();
  let peak = before;
  const look = () => {
    peak = Math.max(peak, process.memoryUsage.rss());
  };
  const timer = setInterval(look, SAMPLE_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    look();
    expect(peak - before, 'growth of the process in bytes').toBeLessThan(GROWTH_BYTES_MAX);
  }
}
