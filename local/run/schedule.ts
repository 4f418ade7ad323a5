// When the local run calls each function: the schedules of EventBridge on AWS.
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../lib/core/units.ts';
import { BAR_MS } from '../../lib/market/candle.ts';

/**
 * Each job runs at every multiple of `everyMs` plus `afterMs`. Within a minute new signals come first, then a new equity snapshot,
 * then the breaker that reads both, so that a start after a pause does not look like an outage.
 */
const TIMETABLE = {
  infer: { everyMs: BAR_MS, afterMs: 3_000 },
  'manage-positions': { everyMs: MINUTE_MS, afterMs: 20_000 },
  'circuit-breaker': { everyMs: MINUTE_MS, afterMs: 30_000 },
  notify: { everyMs: MINUTE_MS, afterMs: 45_000 },
  'evaluate-rollout': { everyMs: HOUR_MS, afterMs: 40_000 },
  'refresh-universe': { everyMs: DAY_MS, afterMs: 20 * MINUTE_MS + 45_000 },
  // On AWS DynamoDB expires items itself.
  expire: { everyMs: HOUR_MS, afterMs: 50_000 },
} as const;

export type Job = keyof typeof TIMETABLE;
const JOBS = Object.keys(TIMETABLE) as readonly Job[];

export interface ScheduledRun {
  readonly job: Job;
  readonly dueMs: number;
}

/** Endless: the runs due at or after `fromMs`, in order of time. */
export function* scheduledRuns(fromMs: number): Generator<ScheduledRun, never> {
  const due = new Map(JOBS.map((job) => [job, firstDue(job, fromMs)]));
  while (true) {
    const [job, dueMs] = [...due].reduce((first, next) => (next[1] < first[1] ? next : first));
    yield { job, dueMs };
    due.set(job, dueMs + TIMETABLE[job].everyMs);
  }
}

function firstDue(job: Job, fromMs: number): number {
  const { everyMs, afterMs } = TIMETABLE[job];
  return Math.ceil((fromMs - afterMs) / everyMs) * everyMs + afterMs;
}
