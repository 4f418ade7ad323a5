// Counts request weight as Binance does: by calendar minute of its own clock, 429 when the minute is full, and 418 for a while to
// a client that keeps asking all the same.

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

const MINUTE_MS = 60_000;

export class RequestWeights {
  readonly #limits: RateLimits;
  #minute = -1;
  #used = 0;
  #refusals = 0;
  #bannedUntilMs = 0;

  constructor(limits: RateLimits) {
    this.#limits = limits;
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
