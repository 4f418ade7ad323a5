// Decided signals: of a symbol, or of a bar.
import { z } from 'zod';
import type { SignalStore } from '../../inference/ports.ts';
import { type Signal, signalSchema } from '../../inference/signal.ts';
import { BAR_MS } from '../../market/candle.ts';
import { symbolSchema } from '../../market/universe.ts';
import { countSchema, wholeNumberSchema } from './query-values.ts';

/** Without symbol and bar: the signals of the newest bar. */
export const signalsQuerySchema = z
  .strictObject({
    symbol: symbolSchema.optional().describe('The newest signals of this symbol, newest first.'),
    bar: wholeNumberSchema
      .pipe(z.int().min(0).multipleOf(BAR_MS))
      .optional()
      .describe('The signals of this bar, by symbol; its open time in epoch milliseconds.'),
    count: countSchema,
  })
  .refine(({ symbol, bar }) => symbol === undefined || bar === undefined, 'ask for a symbol or for a bar');

export const signalsAnswerSchema = z.strictObject({ signals: z.array(signalSchema) });

interface SignalSources {
  readonly signals: SignalStore;
  readonly shards: number;
}

/** Throws StoreError. */
export async function readSignals(
  { signals, shards }: SignalSources,
  { symbol, bar, count }: z.infer<typeof signalsQuerySchema>,
): Promise<{ readonly signals: readonly Signal[] }> {
  if (symbol !== undefined) return { signals: await signals.lastOfSymbol(symbol, count ?? 1) };
  const newest = async () =>
    (await signals.lastRuns({ shard: 0, shardCount: shards, count: 1 }))[0]?.barOpenTimeMs;
  const wanted = bar ?? (await newest());
  return { signals: wanted === undefined ? [] : (await signals.ofBar(wanted)).slice(0, count) };
}
