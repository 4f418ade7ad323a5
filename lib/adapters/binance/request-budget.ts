// Decides when the next request may leave: a rolling minute of request weight, and the quiet the exchange has asked for. One
// budget serves all requests of a client, so that one 429 or 418 holds all of them back: who keeps asking is banned for longer.
import { invariant } from '../../core/invariant.ts';

const WINDOW_MS = 60_000;

/** `waitMs` > 0: ask again after that long; the weight is spent only when it is 0. */
interface Admission {
  readonly waitMs: number;
  readonly because: 'admitted' | 'own_limit' | 'rate_limited' | 'banned';
}

export class RequestBudget {
  readonly #weightPerMinute: number;
  readonly #sent: { readonly atMs: number; readonly weight: number }[] = [];
  #spent = 0;
  #quietUntilMs = 0;
  #quietBecause: 'rate_limited' | 'banned' = 'rate_limited';

  constructor(weightPerMinute: number) {
    this.#weightPerMinute = weightPerMinute;
  }

  admit(request: { weight: number; nowMs: number }): Admission {
    const { weight, nowMs } = request;
    invariant(weight <= this.#weightPerMinute, `one request of weight ${weight} is over the whole budget`);
    if (nowMs < this.#quietUntilMs) {
      return { waitMs: this.#quietUntilMs - nowMs, because: this.#quietBecause };
    }
    while (this.#sent.length > 0 && this.#sent[0]!.atMs + WINDOW_MS <= nowMs) {
      this.#spent -= this.#sent.shift()!.weight;
    }
    if (this.#spent + weight > this.#weightPerMinute) {
      return { waitMs: this.#sent[0]!.atMs + WINDOW_MS - nowMs, because: 'own_limit' };
    }
    this.#sent.push({ atMs: nowMs, weight });
    this.#spent += weight;
    return { waitMs: 0, because: 'admitted' };
  }

  /** Nothing leaves before `untilMs`. A shorter quiet never cuts a longer one, and a ban stays a ban until it ends. */
  keepQuiet(quiet: { untilMs: number; because: 'rate_limited' | 'banned' }): void {
    if (quiet.untilMs <= this.#quietUntilMs) return;
    this.#quietUntilMs = quiet.untilMs;
    this.#quietBecause = quiet.because;
  }
}
