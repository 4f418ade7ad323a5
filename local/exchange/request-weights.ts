// Counts request weight as Binance does: by address, whatever clients and keys are behind it, and by calendar minute of its own
// clock; 429 when the minute is full, and 418 for a while to an address that keeps asking all the same.
import { MINUTE_MS } from '../../lib/core/units.ts';

export interface RateLimits {
  /** @default 2400 for USDT-M futures, 6000 for spot */
  readonly weightPerMinute: number;
  /** Requests answered with 429 within a minute before the ban. */
  readonly refusalsBeforeBan: number;
  readonly banMs: number;
}

type Toll =
  | { readonly kind: 'passed'; readonly usedWeight: number }
  | {
      readonly kind: 'rate_limited' | 'banned';
      readonly usedWeight: number;
      readonly retryAfterSeconds: number;
    };

/** One budget an address. */
export class RequestWeights {
  readonly #limits: RateLimits;
  readonly #byAddress = new Map<string, AddressWeight>();

  constructor(limits: RateLimits) {
    this.#limits = limits;
  }

  charge(request: { address: string; weight: number; nowMs: number }): Toll {
    return this.#of(request.address).charge(request);
  }

  ban(address: string, untilMs: number): void {
    this.#of(address).ban(untilMs);
  }

  #of(address: string): AddressWeight {
    const known = this.#byAddress.get(address) ?? new AddressWeight(this.#limits);
    this.#byAddress.set(address, known);
    return known;
  }
}

class AddressWeight {
  readonly #limits: RateLimits;
  #minute = -1;
  #used = 0;
  #refusals = 0;
  #bannedUntilMs = 0;

  constructor(limits: RateLimits) {
    this.#limits = limits;
  }

  ban(untilMs: number): void {
    this.#bannedUntilMs = untilMs;
  }

  charge(request: { weight: number; nowMs: number }): Toll {
    const { weight, nowMs } = request;
    const minute = Math.floor(nowMs / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#used = 0;
      this.#refusals = 0;
    }
    this.#used += weight;
    const refused = (kind: 'rate_limited' | 'banned', untilMs: number): Toll => ({
      kind,
      usedWeight: this.#used,
      retryAfterSeconds: Math.max(1, Math.ceil((untilMs - nowMs) / 1000)),
    });
    if (nowMs < this.#bannedUntilMs) return refused('banned', this.#bannedUntilMs);
    if (this.#used <= this.#limits.weightPerMinute) return { kind: 'passed', usedWeight: this.#used };
    this.#refusals++;
    if (this.#refusals > this.#limits.refusalsBeforeBan) {
      this.#bannedUntilMs = nowMs + this.#limits.banMs;
      return refused('banned', this.#bannedUntilMs);
    }
    return refused('rate_limited', (minute + 1) * MINUTE_MS);
  }
}
