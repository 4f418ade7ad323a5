// Whether the limits count a position for as long as it is there.
import type { GateItem } from '../../../../lib/risk/gate.ts';
import type { Stage } from '../world/stage.ts';
import type { Register } from './register.ts';

export class ReservationWatch {
  readonly #stage: Stage;
  readonly #register: Register;
  readonly #touchedAtMs: ReadonlyMap<string, number>;
  readonly #reservedSinceMs = new Map<string, number>();

  /** @param touchedAtMs when others have last acted on a symbol: what they leave behind is nobody's entry */
  constructor(stage: Stage, register: Register, touchedAtMs: ReadonlyMap<string, number>) {
    this.#stage = stage;
    this.#register = register;
    this.#touchedAtMs = touchedAtMs;
  }

  gateMoved(before: GateItem | undefined, { reserved }: GateItem): void {
    const { timeline, core } = this.#stage;
    for (const symbol of Object.keys(reserved))
      if (before?.reserved[symbol] === undefined) this.#reservedSinceMs.set(symbol, timeline.nowMs);
    for (const symbol of Object.keys(before?.reserved ?? {})) {
      const isTouched = (this.#touchedAtMs.get(symbol) ?? -1) >= (this.#reservedSinceMs.get(symbol) ?? 0);
      if (reserved[symbol] !== undefined || isTouched) continue;
      const left = core.truth()!.positions.find((position) => position.symbol === symbol);
      this.#register.check(
        'released',
        left === undefined,
        () => `${symbol} is given back while the exchange holds ${left!.quantity}`,
      );
    }
  }
}
