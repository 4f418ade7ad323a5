// The fewest faults with which a run still breaks the same invariant: halves of what is left are taken away, then quarters, and so on.
import type { AskedRun, ProcessRun } from './process-protocol.ts';

export interface Shrunk {
  readonly run: AskedRun;
  readonly report: ProcessRun;
  readonly tried: number;
}

export async function shrink(
  failed: ProcessRun,
  { attempt, triesMax }: { attempt: (run: AskedRun) => Promise<ProcessRun>; triesMax: number },
): Promise<Shrunk> {
  const { invariant } = failed.violations[0]!;
  let best: Shrunk = { run: withOnly(failed), report: failed, tried: 0 };
  let tried = 0;
  for (let pieces = 2; tried < triesMax; ) {
    const keys = best.run.only ?? [];
    if (keys.length <= 1) break;
    const size = Math.ceil(keys.length / pieces);
    let isSmaller = false;
    for (let from = 0; from < keys.length && tried < triesMax && !isSmaller; from += size) {
      tried++;
      const only = [...keys.slice(0, from), ...keys.slice(from + size)];
      const report = await attempt({ ...best.run, only });
      if (report.violations[0]?.invariant !== invariant) continue;
      best = { run: withOnly(report), report, tried };
      isSmaller = true;
    }
    if (!isSmaller && size === 1) break;
    pieces = isSmaller ? Math.max(2, pieces - 1) : Math.min(pieces * 2, keys.length);
  }
  return { ...best, tried };
}

/** The same run with what has happened in it, and nothing else. */
const withOnly = ({ run, faults }: ProcessRun): AskedRun => ({ ...run, only: faults.map(({ key }) => key) });
