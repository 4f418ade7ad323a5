// Counts orders as Binance does: per account, in calendar windows of 10 seconds and of a minute; -1015 when one is full.
import { MINUTE_MS } from '../../lib/core/units.ts';

export const ORDERS_PER_TEN_SECONDS = 300;
export const ORDERS_PER_MINUTE = 1_200;

export interface OrderLimits {
  /** @default 300 */
  readonly perTenSeconds: number;
  /** @default 1200 */
  readonly perMinute: number;
}

interface OrderToll {
  readonly counts: readonly { readonly window: '10S' | '1M'; readonly count: number }[];
  /** The limit that is overrun, in Binance's words, and when it is over. */
  readonly refused: { readonly limit: string; readonly retryAfterSeconds: number } | undefined;
}

export class OrderRates {
  readonly #windows;

  constructor({ perTenSeconds, perMinute }: OrderLimits) {
    this.#windows = [
      { window: '10S' as const, ms: 10_000, most: perTenSeconds, words: '10 SECONDS', at: -1, count: 0 },
      { window: '1M' as const, ms: MINUTE_MS, most: perMinute, words: '1 MINUTE', at: -1, count: 0 },
    ];
  }

  charge(nowMs: number): OrderToll {
    for (const window of this.#windows) {
      const at = Math.floor(nowMs / window.ms);
      if (at !== window.at) Object.assign(window, { at, count: 0 });
      window.count++;
    }
    const full = this.#windows.find(({ count, most }) => count > most);
    return {
      counts: this.#windows.map(({ window, count }) => ({ window, count })),
      refused: full && {
        limit: `${full.most} orders per ${full.words}`,
        retryAfterSeconds: Math.max(1, Math.ceil(((full.at + 1) * full.ms - nowMs) / 1000)),
      },
    };
  }
}
