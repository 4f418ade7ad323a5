// How long any position is without a stop of at least its size on the right side, by what the exchange itself knows. Time during
// which the route for orders is out does not count; what others have opened or turned is told apart.
import type { AccountTruth } from '../exchange/account/account-truth.ts';

const DUST = 5e-9;

interface Span {
  readonly symbol: string;
  readonly fromMs: number;
  readonly ms: number;
}

export class ProtectionWatch {
  longestMs = 0;
  /** Of positions that others have touched. */
  longestExternalMs = 0;
  /** The longest ones of ours. */
  readonly spans: Span[] = [];
  readonly #sinceMs = new Map<string, number>();
  readonly #touched = new Set<string>();

  /** From now until it is closed the position of this symbol is not ours alone. */
  touch(symbol: string): void {
    this.#touched.add(symbol);
  }

  look(nowMs: number, { positions, stops }: AccountTruth, { canOrder }: { canOrder: boolean }): void {
    const bare = positions.filter(({ symbol, quantity }) => {
      const side = quantity > 0 ? 'SELL' : 'BUY';
      return !stops.some(
        (stop) =>
          stop.symbol === symbol &&
          stop.side === side &&
          (stop.quantity === null || stop.quantity >= Math.abs(quantity) - DUST),
      );
    });
    const bareSymbols = new Set(bare.map(({ symbol }) => symbol));
    for (const [symbol, sinceMs] of this.#sinceMs) {
      this.#measure(symbol, sinceMs, nowMs);
      if (!bareSymbols.has(symbol)) this.#sinceMs.delete(symbol);
    }
    // Only now: the time until a touched position was closed is still that of a touched one.
    const held = new Set(positions.map(({ symbol }) => symbol));
    for (const symbol of this.#touched) if (!held.has(symbol)) this.#touched.delete(symbol);
    for (const symbol of bareSymbols)
      if (!canOrder || !this.#sinceMs.has(symbol)) this.#sinceMs.set(symbol, nowMs);
  }

  #measure(symbol: string, fromMs: number, nowMs: number): void {
    const ms = nowMs - fromMs;
    if (this.#touched.has(symbol)) this.longestExternalMs = Math.max(this.longestExternalMs, ms);
    else this.longestMs = Math.max(this.longestMs, ms);
    if (ms < 30_000) return;
    const known = this.spans.findIndex((span) => span.symbol === symbol && span.fromMs === fromMs);
    if (known >= 0) this.spans.splice(known, 1);
    this.spans.push({ symbol, fromMs, ms });
  }
}
