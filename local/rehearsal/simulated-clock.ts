// The one clock of a rehearsal: it stands still while a function works, and moves when somebody waits or the next run is due.
// Waits at the same time pass together, as they do for real.
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../lib/core/ports.ts';

export class SimulatedClock implements Clock {
  #nowMs: number;

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  nowMs = (): number => this.#nowMs;

  sleep = async (durationMs: number): Promise<void> => {
    const dueMs = this.#nowMs + Math.ceil(durationMs);
    await setImmediate();
    this.advanceTo(dueMs);
  };

  advanceTo(timeMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, timeMs);
  }
}
