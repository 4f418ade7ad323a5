// What the same money would have been worth at the same times, held instead of traded: the line that a strategy is compared with.
import { type CandleSeries, countUntil } from '../market/candle-series.ts';

export interface Benchmark {
  readonly name: 'bitcoin' | 'equal parts';
  /** One for each of the times, to the cent; before costs. */
  readonly equityUsdt: readonly number[];
}

const BITCOIN = 'BTCUSDT';

/**
 * Buys at the first time and holds: Bitcoin where its candles are given, and every symbol with the same amount.
 * @param account.timeMs ascending; a symbol's value is that of its last close by then
 */
export function holdMarket(
  series: ReadonlyMap<string, CandleSeries>,
  account: { readonly timeMs: readonly number[]; readonly startUsdt: number },
): Benchmark[] {
  const [bitcoin] = [...series].filter(([symbol]) => symbol === BITCOIN).map(([, candles]) => [candles]);
  const benchmarks = [
    { name: 'bitcoin' as const, held: bitcoin ?? [] },
    { name: 'equal parts' as const, held: [...series.values()] },
  ];
  return benchmarks.flatMap(({ name, held }) => {
    const values = held.map((candles) => growthOf(candles, account.timeMs)).filter((of) => of !== undefined);
    if (values.length === 0) return [];
    const equityUsdt = account.timeMs.map((_, index) => {
      const growth = values.reduce((sum, of) => sum + of[index]!, 0) / values.length;
      return Math.round(100 * account.startUsdt * growth) / 100;
    });
    return [{ name, equityUsdt }];
  });
}

/** Price at each time over the price at the first; undefined for a symbol without a bar from then on. */
function growthOf(candles: CandleSeries, timeMs: readonly number[]): Float64Array | undefined {
  const [fromMs, toMs] = [timeMs[0]!, timeMs[timeMs.length - 1]!];
  let next = countUntil(candles, fromMs - 1);
  if (next >= candles.length || candles.openTimeMs[next]! >= toMs) return undefined;
  const first = candles.open[next]!;
  let last = first;
  return Float64Array.from(timeMs, (ms) => {
    // A bar that opens at this time has not closed yet.
    for (; next < candles.length && candles.openTimeMs[next]! < ms; next++) last = candles.close[next]!;
    return last / first;
  });
}
