// A symbol's candles as the recorded folders hold them.
import { gzipSync } from 'node:zlib';
import { type CandleSeries, candleAt } from '../../../lib/market/candle-series.ts';

export function toCsv(series: CandleSeries): Buffer {
  const lines = Array.from({ length: series.length }, (_, index) => {
    const { openTimeMs, open, high, low, close, volume } = candleAt(series, index);
    return [openTimeMs, open, high, low, close, volume].join(',');
  });
  return gzipSync(['ts,open,high,low,close,volume', ...lines, ''].join('\n'));
}
