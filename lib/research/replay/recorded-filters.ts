// The filters that recorded candles imply, as the paper broker comes to know them: derived once a day, asked for once an hour. Each
// symbol's are derived only when an order needs them.
import { DAY_MS, HOUR_MS } from '../../core/units.ts';
import { lastClosedOpenTimeMs } from '../../market/candle.ts';
import { type CandleSeries, countUntil, sliceSeries } from '../../market/candle-series.ts';
import { deriveFilters } from '../../market/derive-filters.ts';
import type { SymbolFilters } from '../../market/symbol-filters.ts';

export class RecordedFilters {
  readonly #series: readonly CandleSeries[];
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #derivedAtMs = Number.NEGATIVE_INFINITY;
  #known: (SymbolFilters | undefined)[] = [];

  constructor(series: readonly CandleSeries[]) {
    this.#series = series;
  }

  /** Has to be called whenever the broker would ask: what it knows depends on when it asked last. */
  ask(nowMs: number): void {
    const ageMs = nowMs - this.#askedAtMs;
    if (ageMs >= 0 && ageMs < HOUR_MS) return;
    this.#askedAtMs = nowMs;
    if (Math.floor(this.#derivedAtMs / DAY_MS) === Math.floor(nowMs / DAY_MS)) return;
    this.#derivedAtMs = nowMs;
    this.#known = [];
  }

  /** undefined for a symbol that had no closed candle then. */
  of(symbol: number): SymbolFilters | undefined {
    const known = this.#known[symbol];
    if (known !== undefined) return known;
    const closed = countUntil(this.#series[symbol]!, lastClosedOpenTimeMs(this.#derivedAtMs));
    if (closed === 0) return undefined;
    this.#known[symbol] = new LazyFilters(this.#series[symbol]!, closed);
    return this.#known[symbol];
  }
}

/** Most signals are denied before anybody looks at a step: only then are 500 candles read for it. */
class LazyFilters implements SymbolFilters {
  readonly #series: CandleSeries;
  readonly #closed: number;
  #derived: SymbolFilters | undefined;

  constructor(series: CandleSeries, closed: number) {
    this.#series = series;
    this.#closed = closed;
  }

  get #filters(): SymbolFilters {
    this.#derived ??= deriveFilters(sliceSeries(this.#series, 0, this.#closed));
    return this.#derived;
  }

  get tickSize() {
    return this.#filters.tickSize;
  }
  get stepSize() {
    return this.#filters.stepSize;
  }
  get minQuantity() {
    return this.#filters.minQuantity;
  }
  get maxQuantity() {
    return this.#filters.maxQuantity;
  }
  get minNotionalUsdt() {
    return this.#filters.minNotionalUsdt;
  }
}
