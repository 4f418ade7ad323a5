// What starts the functions: EventBridge Scheduler and infer's successes. Events come late, twice or not at all.
import { MINUTE_MS, SECOND_MS } from '../../../../lib/core/units.ts';
import { BAR_MS } from '../../../../lib/market/candle.ts';
import { between } from '../kernel/draws.ts';
import type { Drill } from './drills.ts';
import type { Lambda } from './lambda.ts';
import type { Stage } from './stage.ts';

/** Of a schedule: Scheduler starts within the minute. */
const OFFSET_S: Readonly<Record<'infer' | 'manage-positions' | 'circuit-breaker', number>> = {
  infer: 3,
  'manage-positions': 20,
  'circuit-breaker': 30,
};

const SILENCE_WINDOW_MS = 40 * MINUTE_MS;
const SILENCE_SHARE = 0.06;

export class Schedule {
  readonly #stage: Stage;
  readonly #lambda: Lambda;
  /** Of infer's successes. */
  readonly #lateMsMax: number;

  constructor(stage: Stage, lambda: Lambda, drills: readonly Drill[]) {
    this.#stage = stage;
    this.#lambda = lambda;
    this.#lateMsMax = (drills.includes('late_successes') ? 300 : 100) * SECOND_MS;
  }

  /** Everything of one minute. */
  minute(minuteMs: number): void {
    if (minuteMs % BAR_MS === 0) {
      const { shards } = this.#stage.deployed;
      for (let shard = 0; shard < shards; shard++)
        this.#start('infer', minuteMs, `.${shard}`, { shard, shardCount: shards });
    }
    this.#start('manage-positions', minuteMs, '', undefined);
    this.#start('circuit-breaker', minuteMs, '', undefined);
  }

  #start(name: keyof typeof OFFSET_S, minuteMs: number, tail: string, event: unknown): void {
    const label = new Date(minuteMs).toISOString().slice(5, 16);
    const key = `${name}@${label}${tail}`;
    const dueMs = minuteMs + OFFSET_S[name] * SECOND_MS;
    if (this.#isSilent(name, minuteMs, key)) return;
    this.#deliver(key, dueMs, 40 * SECOND_MS, (copy) => {
      const run = this.#lambda.invoke(name, `${key}${copy}`, event);
      if (name !== 'infer') return;
      void run.then((outcome) => {
        if (outcome.outcome === 'done') this.#startExecute(`execute of ${key}${copy}`, outcome.result);
      });
    });
  }

  /** Now and then nothing starts a function for some minutes, whatever the reason. */
  #isSilent(name: string, minuteMs: number, key: string): boolean {
    const { faults } = this.#stage;
    const draw = faults.drawAt(`silence of ${name} ${Math.floor(minuteMs / SILENCE_WINDOW_MS)}`);
    if (draw() >= SILENCE_SHARE) return false;
    const fromMs = draw() * (SILENCE_WINDOW_MS / 2);
    const untilMs = fromMs + draw() * (SILENCE_WINDOW_MS / 2);
    const atMs = minuteMs % SILENCE_WINDOW_MS;
    const isWithin = atMs >= fromMs && atMs < untilMs;
    return isWithin && faults.happens({ key: `silent ${key}`, kind: 'function_silent', atMs: minuteMs });
  }

  #startExecute(key: string, responsePayload: unknown): void {
    const soonMs = this.#stage.timeline.nowMs + 300;
    this.#deliver(key, soonMs, this.#lateMsMax, (copy) => {
      void this.#lambda.invoke('execute', `${key}${copy}`, { responsePayload });
    });
  }

  /** @param start with what tells a second delivery from the first */
  #deliver(key: string, dueMs: number, lateMsMax: number, start: (copy: string) => void): void {
    const { timeline, faults } = this.#stage;
    const draw = faults.drawAt(key);
    const jitterMs = between(draw, 0, 3 * SECOND_MS);
    const pick = draw() / (faults.weather(dueMs).share * 4 + 0.002);
    const at = (atMs: number, copy: string) => timeline.at(atMs, () => start(copy));
    const happens = (kind: 'event_lost' | 'event_late' | 'event_duplicated') =>
      faults.happens({ key: `${kind} ${key}`, kind, atMs: dueMs });
    if (pick < 0.2 && happens('event_lost')) return;
    const isLate = pick >= 0.2 && pick < 0.6 && happens('event_late');
    at(dueMs + jitterMs + (isLate ? draw() * lateMsMax : 0), '');
    if (pick >= 0.6 && pick < 1 && happens('event_duplicated'))
      at(dueMs + jitterMs + between(draw, 0, lateMsMax / 2), '+');
  }
}
