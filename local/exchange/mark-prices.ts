// The mark price, which is not the last price: it wanders around it, and an external act can tear the two apart. Stops may watch
// either; unrealised profit, funding and liquidation go by the mark.
import { MINUTE_MS } from '../../lib/core/units.ts';
import { type AsOf, History } from './account/history.ts';
import { shareOf } from './seeded-share.ts';
import type { VisibleMarket } from './visible-market.ts';

const WANDER_MS = 37 * MINUTE_MS;

export class MarkPrices {
  readonly #deviation: number;
  readonly #seed: number;
  readonly #forced = new History<string, number | undefined>();

  constructor({ deviationBps, seed }: { deviationBps: number; seed: number }) {
    this.#deviation = deviationBps / 10_000;
    this.#seed = seed;
  }

  /** Fraction by which the mark price is above the last price. */
  offset(symbol: string, atMs: number, asOf?: AsOf): number {
    const forced = this.#forced.get(symbol, asOf);
    if (forced !== undefined) return forced;
    if (this.#deviation === 0) return 0;
    const phase = (atMs / WANDER_MS + shareOf(this.#seed, symbol)) % 1;
    return this.#deviation * (4 * Math.abs(phase - 0.5) - 1);
  }

  of(market: VisibleMarket, symbol: string, asOf?: AsOf): number {
    const offset = this.offset(symbol, market.nowMs(), asOf);
    const last = market.lastPrice(symbol);
    return offset === 0 ? last : Number((last * (1 + offset)).toFixed(8));
  }

  /** Holds the mark price this far from the last price; undefined lets it go. */
  force(symbol: string, atMs: number, offsetBps: number | undefined): void {
    this.#forced.keep(symbol, atMs, offsetBps === undefined ? undefined : offsetBps / 10_000);
  }
}
