// The gate of a replay: its rules are the plans that are written to the stored item. Each is carried out on as much of the item as it
// looks at, for copying thousands of ids at every order would take longer than all else.
import { invariant } from '../../core/invariant.ts';
import { firstArmed } from '../../risk/breaker/state.ts';
import {
  type AuthorisationContext,
  commitToItem,
  type ExposureOrder,
  FORGET_MAX,
  type GateDenial,
  type GateItem,
  ID_MEMORY_MS,
  IDS_MAX,
  newGate,
  planAuthorisation,
  planRelease,
} from '../../risk/gate.ts';
import { REPLAY_VERSION } from '../backtest-run.ts';

export class ReplayedGate {
  readonly #reserved = new Map<string, GateItem['reserved'][string]>();
  readonly #reservedAtMs = new Map<string, number>();
  /** When the ids that the gate remembers were authorised, oldest first; those before `#forgotten` are forgotten. */
  readonly #authorisedMs: number[] = [];
  #forgotten = 0;
  #ordersNow = 0;
  /** Without ids and reservations. */
  #item: GateItem;

  constructor(startMs: number) {
    this.#item = newGate(firstArmed(startMs));
  }

  /** The breaker's sign of life, before a bar's orders; those of the bar before are older than a minute. */
  renewLease(untilMs: number): void {
    this.#item = { ...this.#item, leaseUntilMs: untilMs, leaseCodeVersion: REPLAY_VERSION };
    this.#ordersNow = 0;
  }

  get exposureMicroUsdt(): number {
    return this.#item.exposureMicroUsdt;
  }
  get sideMicroUsdt(): GateItem['sideMicroUsdt'] {
    return this.#item.sideMicroUsdt;
  }
  get netBetaMicroUsdt(): number {
    return this.#item.netBetaMicroUsdt;
  }
  /** Now where nothing is reserved. */
  oldestReservationMs(nowMs: number): number {
    let oldestMs = nowMs;
    for (const atMs of this.#reservedAtMs.values()) oldestMs = Math.min(oldestMs, atMs);
    return oldestMs;
  }
  get positionCount(): number {
    return this.#item.positionCount;
  }
  get reservedSymbols(): Pick<ReadonlySet<string>, 'has'> {
    return this.#reserved;
  }
  get ordersLastMinute(): number {
    return this.#ordersNow;
  }

  /** @returns why it is denied */
  authorise(
    order: ExposureOrder,
    { limits, nowMs }: Pick<AuthorisationContext, 'limits' | 'nowMs'>,
  ): GateDenial | undefined {
    const { epoch } = this.#item;
    const context = { mode: 'PAPER', flagsReadAtMs: nowMs, epoch, codeVersion: REPLAY_VERSION } as const;
    const plan = planAuthorisation(order, { ...context, limits, forget: [], nowMs });
    if (!plan.ok) return plan.error;
    const written = commitToItem(this.#itemOf(order.symbol), plan.value);
    if (!written.ok) return written.error;
    // Its last condition: that there is room for one more id.
    if (this.#authorisedMs.length - this.#forgotten >= IDS_MAX) return 'ids_full';
    this.#keep(order.symbol, written.value);
    this.#forgetIds(nowMs);
    this.#authorisedMs.push(nowMs);
    this.#reservedAtMs.set(order.symbol, nowMs);
    this.#ordersNow++;
    return undefined;
  }

  release(order: Omit<ExposureOrder, 'scope'>): void {
    const written = commitToItem(this.#itemOf(order.symbol), planRelease(order));
    invariant(written.ok, () => `the reservation of ${order.symbol} is gone`);
    this.#reservedAtMs.delete(order.symbol);
    this.#keep(order.symbol, written.value);
  }

  #itemOf(symbol: string): GateItem {
    const reservation = this.#reserved.get(symbol);
    return reservation === undefined ? this.#item : { ...this.#item, reserved: { [symbol]: reservation } };
  }

  #keep(symbol: string, item: GateItem): void {
    const reservation = item.reserved[symbol];
    if (reservation === undefined) this.#reserved.delete(symbol);
    else this.#reserved.set(symbol, reservation);
    this.#item = { ...item, reserved: {}, authorised: {} };
  }

  /** As prunableIds does. */
  #forgetIds(nowMs: number): void {
    const last = Math.min(this.#authorisedMs.length, this.#forgotten + FORGET_MAX);
    while (this.#forgotten < last && this.#authorisedMs[this.#forgotten]! <= nowMs - ID_MEMORY_MS)
      this.#forgotten++;
  }
}
