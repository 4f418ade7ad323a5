// Whether candles change after they have closed. Signals are decided on a bar that closed seconds ago; how often such a bar was not
// final yet is measured, not assumed: the newest candle of one read is compared with the same candle in the next.
import type { Candle } from './candle.ts';
import { type CandleSeries, candleAt } from './candle-series.ts';

export class CandleRevisions {
  /** Newest candle that was read last, by symbol. */
  readonly #newest = new Map<string, Candle>();

  /** Whether the newest candle of the read before is another one in this read. Remembers this read's. */
  isRevised(symbol: string, series: CandleSeries): boolean {
    const before = this.#newest.get(symbol);
    if (series.length === 0) return false;
    this.#newest.set(symbol, candleAt(series, series.length - 1));
    const index = before === undefined ? -1 : series.openTimeMs.lastIndexOf(before.openTimeMs);
    if (before === undefined || index === -1) return false;
    const now = candleAt(series, index);
    return (['open', 'high', 'low', 'close', 'volume'] as const).some(
      (column) => now[column] !== before[column],
    );
  }
}
