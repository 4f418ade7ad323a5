// Candles as Parquet come back bit for bit, wherever in memory their bytes lie.
import { expect, test } from 'vitest';
import { candleParquet } from '../../../lib/adapters/files/candle-parquet.ts';
import { seriesFromCandles } from '../../../lib/market/candle-series.ts';

const candle = { open: 0.1, high: 0.3, low: 0.1, close: 0.2, volume: 1e-9 };
const series = seriesFromCandles([
  { openTimeMs: 0, ...candle },
  { openTimeMs: 300_000, ...candle, close: 0.30000000000000004, high: 0.4 },
]);
if (!series.ok) throw new Error(series.error.problem);

test('a Buffer in the midst of others is read as what it is', async () => {
  const bytes = candleParquet.encode('BTCUSDT', series.value);
  const around = Buffer.concat([Buffer.alloc(7, 1), bytes, Buffer.alloc(9, 2)]);
  const inTheMidst = around.subarray(7, 7 + bytes.length);
  expect(await candleParquet.decode(inTheMidst)).toEqual({ ok: true, value: series.value });
});
