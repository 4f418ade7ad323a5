// Whether what is held is behind a stop, by what the exchange itself knows.
import type { FinishedRun } from '../world/lambda.ts';
import { SCOPE, type Stage, wasOutSince } from '../world/stage.ts';
import type { Register } from './register.ts';

const DUST = 5e-9;
/** Lists of the exchange are behind by this much at most, faults apart. */
const LAG_MS = 5_000;
const RUNS_MAX = 2;
const ABANDONED_MS = 200_000;

interface Bare {
  readonly sinceMs: number;
  undisturbedRuns: number;
}

export class ProtectionWatch {
  readonly bare = new Map<string, Bare>();
  readonly #stage: Stage;
  readonly #register: Register;
  readonly #touchedAtMs: ReadonlyMap<string, number>;
  readonly #oursSince = new Map<string, number>();

  constructor(stage: Stage, register: Register, touchedAtMs: ReadonlyMap<string, number>) {
    this.#stage = stage;
    this.#register = register;
    this.#touchedAtMs = touchedAtMs;
  }

  look(): void {
    const { positions, stops } = this.#stage.core.truth()!;
    const { nowMs } = this.#stage.timeline;
    const held = new Set<string>();
    const without = new Set<string>();
    for (const { symbol, quantity } of positions) {
      held.add(symbol);
      const side = quantity > 0 ? 'SELL' : 'BUY';
      const covers = stops.some(
        (stop) =>
          stop.symbol === symbol &&
          stop.side === side &&
          (stop.quantity === null || stop.quantity >= Math.abs(quantity) - DUST),
      );
      if (!covers) without.add(symbol);
    }
    for (const symbol of this.#oursSince.keys()) if (!held.has(symbol)) this.#oursSince.delete(symbol);
    for (const symbol of held) if (!this.#oursSince.has(symbol)) this.#oursSince.set(symbol, nowMs);
    for (const symbol of this.bare.keys()) if (!without.has(symbol)) this.bare.delete(symbol);
    for (const symbol of without)
      if (!this.bare.has(symbol)) this.bare.set(symbol, { sinceMs: nowMs, undisturbedRuns: 0 });
  }

  isOurs(symbol: string): boolean {
    return (this.#touchedAtMs.get(symbol) ?? -1) < (this.#oursSince.get(symbol) ?? 0);
  }

  /** After a run of the position manager. */
  managed({ invocation, outcome, endedAtMs }: FinishedRun): void {
    this.look();
    const isOut = wasOutSince(this.#stage, invocation.startedAtMs);
    if (outcome.outcome !== 'done' || invocation.faults > 0 || isOut) return;
    for (const [symbol, bare] of this.bare) {
      if (bare.sinceMs > invocation.startedAtMs - LAG_MS || !this.isOurs(symbol)) continue;
      bare.undisturbedRuns++;
      this.#register.check('protected', bare.undisturbedRuns < RUNS_MAX, () => {
        const seconds = Math.round((endedAtMs - bare.sinceMs) / 1_000);
        return `${symbol} has no stop for ${seconds} s, over ${bare.undisturbedRuns} undisturbed runs`;
      });
    }
    this.#register.check('protected', true, () => '');
  }

  /** After an undisturbed tick of the circuit breaker. */
  async ticked(startedAtMs: number): Promise<void> {
    this.look();
    const longest = [...this.bare].find(([, { sinceMs }]) => startedAtMs - sinceMs > ABANDONED_MS);
    const gate = await this.#stage.risk.readGate(SCOPE);
    this.#register.check(
      'abandoned',
      longest === undefined || gate?.latch !== 'ARMED',
      () => `${longest![0]} has no stop for ${startedAtMs - longest![1].sinceMs} ms, and the latch is ARMED`,
    );
  }
}
