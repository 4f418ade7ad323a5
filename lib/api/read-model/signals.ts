// Decided signals: of a symbol, of a bar, or of both.
import * as z from 'zod';
import type { SignalStore } from '../../inference/ports.ts';
import { type Signal, signalSchema } from '../../inference/signal.ts';
import type { signalsQuerySchema } from '../read-queries.ts';

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
  if (symbol !== undefined && bar === undefined)
    return { signals: await signals.lastOfSymbol(symbol, count ?? 1) };
  const newest = async () =>
    (await signals.lastRuns({ shard: 0, shardCount: shards, count: 1 }))[0]?.barOpenTimeMs;
  const wanted = bar ?? (await newest());
  const ofBar = wanted === undefined ? [] : await signals.ofBar(wanted);
  return {
    signals: ofBar.filter((signal) => symbol === undefined || signal.symbol === symbol).slice(0, count),
  };
}
