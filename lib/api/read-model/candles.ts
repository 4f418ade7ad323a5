// Closed candles of a symbol, as the exchange gives them: what a decision of that bar was made from.
import { z } from 'zod';
import type { Result } from '../../core/result.ts';
import { BAR_MS } from '../../market/candle.ts';
import { candleAt } from '../../market/candle-series.ts';
import type { MarketData, MarketDataError } from '../../market/ports.ts';
import { symbolSchema } from '../../market/universe.ts';
import { ApiRefusal } from '../api-error.ts';
import { wholeNumberSchema } from './query-values.ts';

/** What one request to the exchange gives. */
const CANDLES_MAX = 998;
const CANDLES = 288;

export const candlesQuerySchema = z.strictObject({
  symbol: symbolSchema,
  count: wholeNumberSchema
    .pipe(z.int().min(1).max(CANDLES_MAX))
    .default(CANDLES)
    .describe(`At most this many; ${CANDLES}, a day, without it.`),
  bar: wholeNumberSchema
    .pipe(z.int().min(0).multipleOf(BAR_MS))
    .optional()
    .describe('Open time of the newest candle, epoch milliseconds; without it, of the last closed bar.'),
});

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
    code === 'unknown_symbol' ? 'bad_request' : 'exchange_unavailable',
    `${code}: ${message}`,
  );
}
