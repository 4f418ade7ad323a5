// Which symbols are traded, and which shard of the schedule is responsible for each.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { SYMBOL_PATTERN } from './symbol.ts';

/** Symbols as the exchange names them. */
export const symbolSchema = z.string().regex(SYMBOL_PATTERN, 'must look like BTCUSDT');

export const universeSchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** Day the universe was chosen, e.g. 2024-08-05. */
  asOf: z.iso.date(),
  symbols: z.array(symbolSchema).min(1).max(1_000),
});
export type Universe = z.infer<typeof universeSchema>;

/** Key in the object store. */
export const UNIVERSE_KEY = 'universe/current.json';

/** The symbols of one shard: by hash, so that a symbol keeps its shard when others come or go. */
export function symbolsOfShard(
  symbols: readonly string[],
  { shard, of }: { shard: number; of: number },
): string[] {
  return symbols.filter(
    (symbol) => createHash('sha256').update(symbol).digest().readUInt32BE(0) % of === shard,
  );
}
