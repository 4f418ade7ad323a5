// Which symbols are traded, and which shard of the schedule is responsible for each.
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { ENTRY_REASONS, LEAVE_REASONS } from './choose-universe.ts';
import { EXCLUSIONS, type ExclusionReason } from './pair-exclusion.ts';
import { symbolSchema } from './symbol.ts';

/** Keys begin with the day. */
const HISTORY_PREFIX = 'universe/history/';
export const SYMBOLS_MAX = 1_000;

export const universeSchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** Day the universe was chosen or last confirmed, e.g. 2024-08-05. */
  asOf: z.iso.date(),
  symbols: z
    .array(symbolSchema)
    .min(1)
    .max(SYMBOLS_MAX)
    .refine((symbols) => new Set(symbols).size === symbols.length, 'names a symbol twice'),
  /** Key of the newest change, with its reasons; none when the symbols were named and not chosen. */
  change: z.string().startsWith(HISTORY_PREFIX).optional(),
});
export type Universe = z.infer<typeof universeSchema>;

/** Key in the object store. */
export const UNIVERSE_KEY = 'universe/current.json';

/** One change of the universe: written once, under the time it was made. */
export const universeChangeSchema = z.strictObject({
  schemaVersion: z.literal(1),
  asOf: z.iso.date(),
  atMs: z.int(),
  /** null for the first one. */
  previousAsOf: z.iso.date().nullable(),
  /** How many symbols were asked for. */
  size: z.int().min(1),
  entering: z.array(
    z.strictObject({
      symbol: symbolSchema,
      reason: z.enum(ENTRY_REASONS),
      rank: z.int().min(1),
      quoteVolumeUsdt: z.number().positive(),
    }),
  ),
  leaving: z.array(
    z.strictObject({
      symbol: symbolSchema,
      reason: z.enum([...LEAVE_REASONS, ...(Object.keys(EXCLUSIONS) as ExclusionReason[])]),
      rank: z.int().min(1).nullable(),
    }),
  ),
});
export type UniverseChange = z.infer<typeof universeChangeSchema>;

export const universeChangeKey = (atMs: number): string =>
  `${HISTORY_PREFIX}${new Date(atMs).toISOString().replaceAll(':', '')}.json`;

/** The symbols of one shard: by hash, so that a symbol keeps its shard when others come or go. */
export function symbolsOfShard(
  symbols: readonly string[],
  { shard, shardCount }: { shard: number; shardCount: number },
): string[] {
  return symbols.filter(
    (symbol) => createHash('sha256').update(symbol).digest().readUInt32BE(0) % shardCount === shard,
  );
}
