// What is done on purpose and often, so that a run puts to the test what chance hardly ever does.

import { unproven } from '../../../../lib/core/actor.ts';
import { MINUTE_MS, SECOND_MS } from '../../../../lib/core/units.ts';
import { BAR_MS } from '../../../../lib/market/candle.ts';
import { between, oneOf } from '../kernel/draws.ts';
import type { Lambda } from './lambda.ts';
import { FLIPS } from './people.ts';
import { SCOPE, type Stage } from './stage.ts';

export type Drill =
  /** As soon as there is something to close, an emergency stop closes it. */
  | 'emergency_stops'
  /** A flag is flipped within the seconds in which execute is at work, at every bar. */
  | 'hasty_flags'
  /** What infer has decided reaches execute up to five minutes late. */
  | 'late_successes';

/** A reset, and entries after it, take the most of an hour. */
const STOP_EVERY_MS = 50 * MINUTE_MS;

export class Drills {
  readonly #stage: Stage;
  readonly #lambda: Lambda;
  readonly #drills: ReadonlySet<Drill>;
  #stoppedAtMs = 0;

  constructor(stage: Stage, lambda: Lambda, drills: readonly Drill[]) {
    this.#stage = stage;
    this.#lambda = lambda;
    this.#drills = new Set(drills);
  }

  async minute(minuteMs: number): Promise<void> {
    if (this.#drills.has('emergency_stops')) await this.#stop(minuteMs);
    if (this.#drills.has('hasty_flags') && minuteMs % BAR_MS === 0) this.#flip(minuteMs);
  }

  async #stop(minuteMs: number): Promise<void> {
    const { core, faults, risk } = this.#stage;
    const isDue = minuteMs - this.#stoppedAtMs >= STOP_EVERY_MS && core.truth()!.positions.length > 0;
    if (!isDue || (await risk.readGate(SCOPE))?.latch !== 'ARMED') return;
    const key = `drill ${minuteMs}`;
    if (!faults.happens({ key, kind: 'emergency_stop', atMs: minuteMs })) return;
    this.#stoppedAtMs = minuteMs;
    const act = { act: 'emergency_stop', reason: 'drill', keepPositions: false };
    void this.#lambda.invoke('emergency-stop', key, { act, by: unproven('ada') });
  }

  #flip(minuteMs: number): void {
    const { faults, flags, timeline, watch } = this.#stage;
    const key = `hasty ${minuteMs}`;
    const draw = faults.drawAt(key);
    timeline.at(minuteMs + between(draw, 3, 12) * SECOND_MS, () => {
      if (!faults.happens({ key, kind: 'flag_flipped', atMs: timeline.nowMs })) return;
      const [name, text] = oneOf(draw, FLIPS);
      flags.write(name, text, timeline.nowMs);
      watch.flagsMoved(name);
    });
  }
}
