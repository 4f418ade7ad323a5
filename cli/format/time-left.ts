// How long a long command still takes, from how long it took so far.
import { MINUTE_MS, SECOND_MS } from '../../lib/core/units.ts';

/** Earlier, the first steps say little of the others. */
const TOLD_FROM_MS = 3 * SECOND_MS;

/** Says of every step how long the rest takes if its steps take as long; nothing in the first seconds. @param nowMs monotonic */
export function createTimeLeft(
  nowMs: () => number = () => performance.now(),
): (progress: { readonly done: number; readonly of: number }) => string {
  const startedMs = nowMs();
  return ({ done, of }) => {
    const elapsedMs = nowMs() - startedMs;
    if (done === 0 || done >= of || elapsedMs < TOLD_FROM_MS) return '';
    const leftMs = (elapsedMs / done) * (of - done);
    return leftMs < 2 * MINUTE_MS
      ? `, ${Math.ceil(leftMs / SECOND_MS)} s left`
      : `, ${Math.ceil(leftMs / MINUTE_MS)} min left`;
  };
}
