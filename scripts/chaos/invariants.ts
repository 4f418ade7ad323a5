// What must hold whatever is done to the system, judged by what it says of itself from outside.
import { z } from 'zod';
import { MINUTE_MS, SECOND_MS } from '../../lib/core/units.ts';
import { orderRecordSchema } from '../../lib/execution/records.ts';
import type { RunningProcess, Status } from './running-process.ts';

/** The circuit breaker trips after a minute without a stop; it looks once a minute, and so does what it judges by. */
const UNPROTECTED_MS_MAX = 4 * MINUTE_MS;
/** What a position manager that has just come back may need to look around. */
const SETTLING_MS = 3 * MINUTE_MS;
const LEASE_MS_MAX = 155 * SECOND_MS;

const INVARIANTS = {
  latch: 'a latch that has tripped stays so; the epoch never falls',
  mode: 'the mode is OFF while the latch is tripped, and never LIVE',
  protected: 'no position stays without a stop for minutes, unless the latch has tripped',
  lease: 'no lease that is longer than the circuit breaker gives is believed',
  once: 'one entry at most per symbol and bar',
  restart: 'a start comes up, or ends with one clear line',
  output: 'no stack trace is printed',
  alive: 'a system that was stopped and goes on answers again',
} as const;
export type Invariant = keyof typeof INVARIANTS;

export interface Violation {
  readonly invariant: Invariant;
  readonly message: string;
}

const ordersSchema = z.object({ orders: z.array(orderRecordSchema) });

export class Judge {
  readonly tested = new Map<Invariant, number>();
  readonly violations: Violation[] = [];
  #epoch = 0;
  #trippedEpoch: number | undefined;
  /** By the system's clock, when it last came back. */
  #backAtMs = Number.POSITIVE_INFINITY;

  /** Another account begins. */
  forget(): void {
    this.#epoch = 0;
    this.#trippedEpoch = undefined;
  }

  /** The system has come back; its next status tells when that was by its clock. */
  comesBack(): void {
    this.#backAtMs = Number.POSITIVE_INFINITY;
  }

  put(invariant: Invariant, holds: boolean, message: string): void {
    this.tested.set(invariant, (this.tested.get(invariant) ?? 0) + 1);
    if (!holds) this.violations.push({ invariant, message: `${INVARIANTS[invariant]}: ${message}` });
  }

  async look(running: RunningProcess): Promise<Status> {
    const status = await running.status();
    this.judge(status);
    const { orders } = ordersSchema.parse(await running.get(`/api/orders?scope=${status.scope}&count=500`));
    const entries = orders.filter(({ leg, ensembleId }) => leg === 'entry' && ensembleId !== 'adopted');
    const decisions = entries.map(({ symbol, barOpenTimeMs }) => `${symbol} ${barOpenTimeMs}`);
    this.put('once', new Set(decisions).size === decisions.length, decisions.join(', '));
    return status;
  }

  judge(status: Status): void {
    const { breaker, epoch, mode, atMs, leaseUntilMs, positions } = status;
    if (this.#backAtMs > atMs) this.#backAtMs = atMs;
    if (breaker !== null && epoch !== null) {
      const isRearmed = this.#trippedEpoch !== undefined && breaker.latch === 'ARMED';
      this.put(
        'latch',
        !isRearmed && epoch >= this.#epoch,
        `${breaker.latch}, epoch ${epoch} after ${this.#epoch}`,
      );
      this.#epoch = Math.max(this.#epoch, epoch);
      if (breaker.latch === 'TRIPPED') this.#trippedEpoch = epoch;
    } else if (this.#trippedEpoch !== undefined)
      this.put(
        'latch',
        status.unread.length > 0 || mode === 'OFF',
        'the gate has gone, and the mode is not OFF',
      );
    const isTripped = this.#trippedEpoch !== undefined;
    this.put(
      'mode',
      mode !== 'LIVE' && (!isTripped || mode === 'OFF'),
      `${mode}, ${breaker?.latch ?? 'no latch'}`,
    );
    // Where the clock's place in the replay is lost, it is set back, and a lease from before lies far ahead.
    if (leaseUntilMs !== null)
      this.put('lease', leaseUntilMs <= atMs + LEASE_MS_MAX || mode === 'OFF', `${leaseUntilMs - atMs} ms`);
    if (atMs - this.#backAtMs < SETTLING_MS) return;
    const unprotected = positions.filter(
      ({ unprotectedSinceMs }) =>
        unprotectedSinceMs !== null && atMs - unprotectedSinceMs > UNPROTECTED_MS_MAX,
    );
    this.put(
      'protected',
      isTripped || unprotected.length === 0,
      unprotected.map(({ symbol }) => symbol).join(', '),
    );
  }

  /** A process that has ended by itself. */
  judgeRefusal({ ended, output }: RunningProcess): void {
    const errors = output.match(/^error: .+$/gm) ?? [];
    this.put(
      'restart',
      ended?.code === 1 && errors.length === 1,
      `exit code ${ended?.code ?? ended?.signal}, ${errors.length} lines of error:\n${output.slice(-1_500)}`,
    );
  }

  judgeOutput({ output }: RunningProcess): void {
    const trace = /(^|\n)[^\n]*\n {4}at [^\n]*/.exec(output);
    this.put('output', trace === null, trace?.[0] ?? '');
  }
}

export const describeInvariants = (tested: ReadonlyMap<Invariant, number>): string =>
  Object.entries(INVARIANTS)
    .map(([name, what]) => `  ${String(tested.get(name as Invariant) ?? 0).padStart(6)}  ${what}`)
    .join('\n');
