// What the exchange itself changes about prices: the scale of a contract that is redenominated, and the last trades of a candle
// that are counted a few seconds after its close. The market's own candles stay as they are.
import { BAR_MS, type Candle } from '../../lib/market/candle.ts';
import type { Contracts } from './contracts.ts';
import { roundTo } from './contracts.ts';
import { shareOf } from './seeded-share.ts';
import type { Revision } from './unkindness.ts';

interface Scale {
  readonly fromOpenTimeMs: number;
  /** Of the price; quantities by its inverse. */
  readonly factor: number;
}

export class MarketChanges {
  readonly #contracts: Contracts;
  readonly #revision: Revision | undefined;
  readonly #seed: number;
  readonly #scales = new Map<string, Scale[]>();

  constructor(context: { contracts: Contracts; revision: Revision | undefined; seed: number }) {
    this.#contracts = context.contracts;
    this.#revision = context.revision;
    this.#seed = context.seed;
  }

  /** From the bar that is being formed at `atMs`. */
  redenominate(symbol: string, { factor, atMs }: { factor: number; atMs: number }): void {
    const scale = { fromOpenTimeMs: Math.floor(atMs / BAR_MS) * BAR_MS, factor };
    this.#scales.set(symbol, [...(this.#scales.get(symbol) ?? []), scale]);
  }

  /** The same candle in the scale of its time. */
  scaled(symbol: string, candle: Candle): Candle {
    const scales = this.#scales.get(symbol);
    if (scales === undefined) return candle;
    const factor = scales
      .filter(({ fromOpenTimeMs }) => candle.openTimeMs >= fromOpenTimeMs)
      .reduce((product, scale) => product * scale.factor, 1);
    if (factor === 1) return candle;
    const { tickSize } = this.#contracts.of(symbol)!;
    const price = (value: number): number => Math.max(roundTo(value * factor, tickSize), tickSize);
    return {
      openTimeMs: candle.openTimeMs,
      open: price(candle.open),
      high: price(candle.high),
      low: price(candle.low),
      close: price(candle.close),
      volume: Number((candle.volume / factor).toFixed(8)),
    };
  }

  /** From when on a closed candle is sure to stay as it is, ms after its close. */
  get settledAfterMs(): number {
    return this.#revision?.forMs ?? 0;
  }

  /** A closed candle as it is shown at `nowMs`: without its last trades while they are not counted yet. */
  asShown(symbol: string, candle: Candle, nowMs: number): Candle {
    const { forMs, share } = this.#revision ?? { forMs: 0, share: 0 };
    if (nowMs >= candle.openTimeMs + BAR_MS + forMs) return candle;
    if (shareOf(this.#seed, `${symbol} ${candle.openTimeMs}`) >= share) return candle;
    const { tickSize } = this.#contracts.of(symbol)!;
    const close = roundTo((candle.open + 3 * candle.close) / 4, tickSize);
    const inside = Math.min(Math.max(close, candle.low), candle.high);
    return { ...candle, close: inside, volume: Number((candle.volume * 0.97).toFixed(8)) };
  }
}
