// Where the time of a run went. Parts may overlap (features are computed while other symbols are still being fetched).
import type { InferRun } from './infer-run.ts';

type Part = Exclude<keyof InferRun['timingsMs'], 'total'>;

export interface Watch {
  time<T>(part: Part, work: () => Promise<T>): Promise<T>;
  timeSync<T>(part: Part, work: () => T): T;
  /** Milliseconds per part so far, and since the watch was created. */
  readings(): InferRun['timingsMs'];
}

/** @param stopwatchMs monotonic, ms */
export function createWatch(stopwatchMs: () => number): Watch {
  const startedMs = stopwatchMs();
  const spentMs: Record<Part, number> = { models: 0, fetch: 0, features: 0, inference: 0, store: 0 };
  const add = (part: Part, fromMs: number) => {
    spentMs[part] += stopwatchMs() - fromMs;
  };
  return {
    async time(part, work) {
      const fromMs = stopwatchMs();
      try {
        return await work();
      } finally {
        add(part, fromMs);
      }
    },
    timeSync(part, work) {
      const fromMs = stopwatchMs();
      try {
        return work();
      } finally {
        add(part, fromMs);
      }
    },
    readings: () => ({ ...spentMs, total: stopwatchMs() - startedMs }),
  };
}
