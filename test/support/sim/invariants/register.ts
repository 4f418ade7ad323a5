// What must hold in every run, in words, and how often each was put to the test.

export const INVARIANTS = {
  closed_gate: 'no entry leaves while a gate has been closed for longer than an approval is good for',
  authorised_entry: 'no entry leaves that the gate does not hold authorised, under the epoch of now',
  fresh_signal: 'no entry leaves on a signal of another bar, or older than 120 s',
  sound_ensemble:
    'no entry leaves while the active ensemble is another one than that of its signal, or cannot be read',
  one_order: 'a decision leads to one entry at most',
  nothing_stale:
    'a signal is of a closed bar, of candles as the exchange has them, without a gap in the hour and of one scale; one that acts has their features to the bit',
  proven_models: 'no model votes whose objects are not those that the ensemble names',
  immutable_bar: 'a signal is written once, and the entries of a run are of one ensemble',
  not_ending: 'no entry leaves for a contract that is known to end within a day',
  one_way: 'no entry leaves an environment that was told of the hedge mode, while the account is in it',
  sent_once: 'no order is sent a second time once the exchange may have read it',
  protected:
    'a position of ours has its stop, or is gone, after two undisturbed runs of the position manager',
  abandoned: 'a position without a stop for 200 s has tripped the circuit breaker, where it lives',
  within_limits: 'exposure and count of what the gate holds stay within the limits of level and flags',
  reserved: 'the gate counts what it holds',
  released:
    'what an entry holds of the limits is given back once nothing of its position is left, not before',
  complete_runs: 'a run of the position manager counts as complete only if it has seen the account',
  trips_in_time: 'a condition that stood when an undisturbed tick began has tripped by its end',
  trips_for_cause: 'each trip has a cause in what has happened',
  latched: 'the latch opens by a reset of two people after the cooldown alone, and each move is a new epoch',
  audited: 'each trip and each reset has its record with person and reason',
  decided: 'each run of execute leaves a report with an outcome for each acting signal',
  stop_flattens:
    'an undisturbed emergency stop leaves no position behind, but for a rest below the smallest order, behind a stop',
  ledger: 'after quiet the ledger is what the exchange holds',
  equity: 'after quiet wallet and equity are, to the cent, what the ledger adds up to',
  deposit: 'after quiet the ledger knows of no deposit that nobody has made',
  no_rest: 'after quiet no reservation, order or record is left of what is over',
  recovers: 'after quiet the functions run, the lease is in force and nothing is unprotected, without help',
  trades_again: 'after quiet, with every gate open, new entries are made',
} as const;
export type InvariantName = keyof typeof INVARIANTS;

export interface Violation {
  readonly invariant: InvariantName;
  readonly atMs: number;
  readonly message: string;
}

export class Register {
  readonly tested = new Map<InvariantName, number>();
  readonly violations: Violation[] = [];
  readonly #nowMs: () => number;
  readonly #onViolation: () => void;

  constructor(nowMs: () => number, onViolation: () => void) {
    this.#nowMs = nowMs;
    this.#onViolation = onViolation;
  }

  /** @param message of what is wrong, made only then */
  check(invariant: InvariantName, holds: boolean, message: () => string): void {
    this.tested.set(invariant, (this.tested.get(invariant) ?? 0) + 1);
    if (holds) return;
    this.violations.push({ invariant, atMs: this.#nowMs(), message: message() });
    this.#onViolation();
  }
}
