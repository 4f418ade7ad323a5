// What the exchange, and a person in its app, do to the contracts and the account that hardly ever happens: funding listed late or twice, a
// contract that ends, prices on another scale, another position mode.
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../../lib/core/units.ts';
import { ExternalActError } from '../../../../local/exchange/external-acts.ts';
import { between, oneOf } from '../kernel/draws.ts';
import type { FaultKind } from '../kernel/fault-plan.ts';
import type { Stage } from './stage.ts';

const FUNDING_MS = 8 * HOUR_MS;
/** A wallet is explained within ten minutes, and a reset waits for half an hour. */
const LISTED_BEFORE_QUIET_MS = 20 * MINUTE_MS;
const LATE_MS_MAX = 2 * HOUR_MS;
/** Of the hours, those in which a person wants the other mode. */
const HEDGED_HOURS = 0.15;

export class ExchangeActs {
  readonly #stage: Stage;
  readonly #touchedAtMs: Map<string, number>;
  readonly #tell: (line: string) => void;
  #hedgedUntilMs = 0;
  #hedgedHour = 0;

  /** @param touchedAtMs whose position is then not for us alone to protect */
  constructor(stage: Stage, touchedAtMs: Map<string, number>, tell: (line: string) => void) {
    this.#stage = stage;
    this.#touchedAtMs = touchedAtMs;
    this.#tell = tell;
  }

  minute(minuteMs: number): void {
    if (minuteMs % FUNDING_MS === 0) this.#fund(minuteMs);
    const label = new Date(minuteMs).toISOString().slice(5, 16);
    const { faults } = this.#stage;
    const draw = faults.drawAt(`exchange ${label}`);
    const share = 0.0015 + faults.weather(minuteMs).share / 6;
    if (draw() < share) this.#end(label, draw);
    if (draw() < share) this.#rescale(label, draw);
    this.#hedge(minuteMs);
  }

  /** Nothing is left of it in the quiet but what cannot be taken back. */
  quiet(): void {
    this.#hedgedUntilMs = 0;
    this.#stage.hedgedSinceMs = undefined;
    this.#stage.core.external.changeModes({ dualSidePosition: false });
  }

  #happens(kind: FaultKind, label: string): boolean {
    const { faults, timeline } = this.#stage;
    const happens = faults.happens({ key: `${kind} ${label}`, kind, atMs: timeline.nowMs });
    if (happens) this.#tell(`${kind} ${label}`);
    return happens;
  }

  #fund(atMs: number): void {
    const { faults, income } = this.#stage;
    const draw = faults.drawAt(`funding ${atMs}`);
    const pick = draw();
    const how = pick < 0.4 ? 'late' : pick < 0.7 ? 'twice' : undefined;
    if (how === undefined || !this.#happens(how === 'late' ? 'funding_late' : 'funding_twice', `${atMs}`))
      return;
    const lateMs = MINUTE_MS + draw() ** 2 * LATE_MS_MAX;
    const untilMs = Math.min(atMs + lateMs, faults.quietFromMs - LISTED_BEFORE_QUIET_MS);
    income.list({ how, atMs, untilMs });
  }

  /** Announced minutes before it takes place, and for good. One contract of a run at most. */
  #end(label: string, draw: () => number): void {
    const { core, symbols, timeline, endsAtMs } = this.#stage;
    const symbol = oneOf(draw, symbols);
    const deliveryDateMs = timeline.nowMs + between(draw, 90, 720) * SECOND_MS;
    if (endsAtMs.size > 0 || !this.#happens('contract_ended', label)) return;
    endsAtMs.set(symbol, { announcedAtMs: timeline.nowMs, deliveryDateMs });
    this.#attempt(() => core.external.changeContract({ symbol, deliveryDateMs }));
    timeline.at(deliveryDateMs, () => this.#touchedAtMs.set(symbol, deliveryDateMs));
  }

  #rescale(label: string, draw: () => number): void {
    const { core, symbols, timeline, rescaledAtMs } = this.#stage;
    const symbol = oneOf(draw, symbols);
    const factor = oneOf(draw, [10, 0.1, 0.01]);
    if (rescaledAtMs.size > 0 || !this.#happens('contract_rescaled', label)) return;
    rescaledAtMs.set(symbol, timeline.nowMs);
    this.#touchedAtMs.set(symbol, timeline.nowMs);
    this.#attempt(() => core.external.redenominate({ symbol, factor }));
  }

  /** A person waits until nothing is held, as the exchange demands, and switches back after some minutes. */
  #hedge(minuteMs: number): void {
    const { core, faults } = this.#stage;
    if (this.#hedgedUntilMs > 0) {
      if (minuteMs < this.#hedgedUntilMs) return;
      this.quiet();
      this.#tell('hedge_mode is over');
      return;
    }
    const hour = Math.floor(minuteMs / HOUR_MS);
    const draw = faults.drawAt(`hedge ${hour}`);
    if (hour === this.#hedgedHour || draw() >= HEDGED_HOURS) return;
    const { positions, stops } = core.truth()!;
    if (positions.length + stops.length > 0 || !this.#happens('hedge_mode', `${hour}`)) return;
    this.#hedgedHour = hour;
    this.#hedgedUntilMs = minuteMs + between(draw, 6, 25) * MINUTE_MS;
    this.#stage.hedgedSinceMs = minuteMs;
    core.external.changeModes({ dualSidePosition: true });
  }

  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof ExternalActError)) throw error;
    }
  }
}
