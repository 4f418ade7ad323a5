// Closed candles of a symbol, as the exchange gives them: what a decision of that bar was made from.
import * as z from 'zod';
import type { Result } from '../../core/result.ts';
import { BAR_MS } from '../../market/candle.ts';
import { candleAt } from '../../market/candle-series.ts';
import type { MarketData, MarketDataError } from '../../market/ports.ts';
import { ApiRefusal } from '../api-error.ts';
import type { candlesQuerySchema } from '../read-queries.ts';

const priceSchema = z.number().positive();
export const candlesAnswerSchema = z.strictObject({
  candles: z
    .array(
      z.strictObject({
        openTimeMs: z.int(),
        open: priceSchema,
        high: priceSchema,
        low: priceSchema,
        close: priceSchema,
        volume: z.number().min(0),
      }),
    )
    .describe('Oldest first. Bars that the exchange does not have are missing.'),
});

/** Throws ApiRefusal when the exchange gives none. */
export async function readCandles(
  market: MarketData,
  { symbol, count, bar }: z.infer<typeof candlesQuerySchema>,
): Promise<z.infer<typeof candlesAnswerSchema>> {
  // The bar being formed is told from a closed one by the exchange's clock.
  const serverTimeMs = required(await market.serverTimeMs());
  const lastClosedMs = Math.floor(serverTimeMs / BAR_MS) * BAR_MS - BAR_MS;
  const lastOpenTimeMs = Math.min(bar ?? lastClosedMs, lastClosedMs);
  const series = required(await market.closedCandles({ symbol, count, lastOpenTimeMs }));
  return { candles: Array.from({ length: series.length }, (_, index) => candleAt(series, index)) };
}

function required<T>(answer: Result<T, MarketDataError>): T {
  if (answer.ok) return answer.value;
  const { code, message } = answer.error;
  throw new ApiRefusal(
    code === 'unknown_symbol' ? 'unknown_symbol' : 'exchange_unavailable',
    `${code}: ${message}`,
  );
}
