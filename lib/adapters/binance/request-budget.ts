// Decides when the next request may leave: a rolling minute of request weight, and the pause that the exchange has asked for.
//
// Binance counts and bans by address. So all clients of a process that talk to one host share a budget and its pause: a 418 or a
// Retry-After that one of them gets stops them all. Other processes do not know of it: each keeps to its share of the limit, and
// learns of a ban from its own first refused request.
import { invariant } from '../../core/invariant.ts';
import { MINUTE_MS } from '../../core/units.ts';

const WINDOW_MS = MINUTE_MS;

export interface WeighedRequest {
  readonly weight: number;
  readonly nowMs: number;
}

/** `waitMs` > 0: ask again after that long; the weight is spent only when it is 0. */
export interface Admission {
  readonly waitMs: number;
  readonly because: 'admitted' | 'own_limit' | 'rate_limited' | 'banned';
}

export class RequestBudget {
  readonly #weightPerMinute: number;
  readonly #sent: { readonly atMs: number; readonly weight: number }[] = [];
  #spent = 0;
  #pausedUntilMs = 0;
  #pausedBecause: 'rate_limited' | 'banned' = 'rate_limited';

  constructor(weightPerMinute: number) {
    this.#weightPerMinute = weightPerMinute;
  }

  admit(request: WeighedRequest): Admission {
    const admission = this.look(request);
    if (admission.waitMs === 0) this.spend(request);
    return admission;
  }

  /** What `admit` would say, with nothing spent. */
  look({ weight, nowMs }: WeighedRequest): Admission {
    invariant(weight <= this.#weightPerMinute, `one request of weight ${weight} is over the whole budget`);
    if (nowMs < this.#pausedUntilMs) {
      return { waitMs: this.#pausedUntilMs - nowMs, because: this.#pausedBecause };
    }
    while (this.#sent.length > 0 && this.#sent[0]!.atMs + WINDOW_MS <= nowMs) {
      this.#spent -= this.#sent.shift()!.weight;
    }
    if (this.#spent + weight > this.#weightPerMinute) {
      return { waitMs: this.#sent[0]!.atMs + WINDOW_MS - nowMs, because: 'own_limit' };
    }
    return { waitMs: 0, because: 'admitted' };
  }

  spend({ weight, nowMs }: WeighedRequest): void {
    this.#sent.push({ atMs: nowMs, weight });
    this.#spent += weight;
  }

  /** Nothing leaves before `untilMs`. A shorter pause never cuts a longer one, and a ban stays a ban until it ends. */
  pauseUntil(pause: { untilMs: number; because: 'rate_limited' | 'banned' }): void {
    if (pause.untilMs <= this.#pausedUntilMs) return;
    this.#pausedUntilMs = pause.untilMs;
    this.#pausedBecause = pause.because;
  }
}

/** The first budget that a request has to wait for; spent from all of them, or from none. */
export function admitToAll(budgets: readonly RequestBudget[], request: WeighedRequest): Admission {
  for (const budget of budgets) {
    const admission = budget.look(request);
    if (admission.waitMs > 0) return admission;
  }
  for (const budget of budgets) budget.spend(request);
  return { waitMs: 0, because: 'admitted' };
}

/** Weight a minute that Binance allows an address: 2400 and 6000, less what other processes at it may need at once. */
const WEIGHT_OF_ADDRESS: Readonly<Record<string, number>> = {
  'fapi.binance.com': 2_300,
  'testnet.binancefuture.com': 2_300,
  'api.binance.com': 5_800,
};

const budgets = new Map<string, RequestBudget>();

/** The one budget of this process for a host; of a host that nobody limits it holds the pauses alone. */
export function budgetOfHost(host: string): RequestBudget {
  const known = budgets.get(host);
  if (known !== undefined) return known;
  const budget = new RequestBudget(WEIGHT_OF_ADDRESS[host] ?? Number.MAX_SAFE_INTEGER);
  budgets.set(host, budget);
  return budget;
}
