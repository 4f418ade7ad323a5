// A folder of recorded candles as market data, seen at one moment: nothing later than that moment is ever returned.
import type { MarketData } from '../../app/ports.ts';
import { lastClosedOpenTimeMs } from '../../market/candle.ts';
import { countUntil, sliceSeries } from '../../market/candle-series.ts';
import { failure, success } from '../../result.ts';
import type { CandleFolder } from './candle-folder.ts';

/** @param atMs the moment, epoch ms: the exchange's clock stands still there */
export function createFolderMarketData(folder: CandleFolder, atMs: number): MarketData {
  return {
    serverTimeMs: async () => success(atMs),
    async closedCandles({ symbol, count, lastOpenTimeMs }) {
      if (!folder.symbols.includes(symbol))
        return failure({
          code: 'unknown_symbol',
          message: `${symbol} is not in the folder`,
          retryable: false,
        });
      const series = await folder.read(symbol);
      if (!series.ok) return failure({ code: 'invalid_candle', message: series.error, retryable: false });
      const end = countUntil(series.value, Math.min(lastOpenTimeMs, lastClosedOpenTimeMs(atMs)));
      return success(sliceSeries(series.value, Math.max(0, end - count), end));
    },
  };
}
