// The events on the way from a candle to an order: a schedule starts infer, and infer's success starts execute with its result.
// infra/catalog/functions.ts makes both connections on AWS (schedule, onSuccess), local/run makes them on this machine.
import * as z from 'zod';
import { inferRunSchema } from './infer-run.ts';

const SHARDS_MAX = 100;
const SHARD_MESSAGE = 'shard must be less than shardCount';
const isShard = ({ shard, shardCount }: { shard: number; shardCount: number }): boolean =>
  shard >= 0 && shard < shardCount && shardCount <= SHARDS_MAX;

/** Schedule → infer. What else the event holds is ignored. */
export const inferEventSchema = z
  .object({ shard: z.int().min(0).default(0), shardCount: z.int().min(1).max(SHARDS_MAX).default(1) })
  .refine(isShard, SHARD_MESSAGE);

const barDecidedSchema = inferRunSchema
  .pick({
    barOpenTimeMs: true,
    shard: true,
    shardCount: true,
    ensembleId: true,
    featureSetHash: true,
    written: true,
    alreadyDecided: true,
  })
  .extend({
    /** Whose signals are stored, written in this run or before. */
    symbols: z.array(z.string()),
  })
  .refine(isShard, SHARD_MESSAGE);
/** Infer → execute: every signal of this bar and shard is stored. */
export type BarDecided = z.infer<typeof barDecidedSchema>;

/** What execute is started with: infer's result, bare or as Lambda's on-success destination wraps it. */
export const executeEventSchema = z.union([
  z.object({ responsePayload: barDecidedSchema }).transform(({ responsePayload }) => responsePayload),
  barDecidedSchema,
]);
export type ExecuteEvent = z.input<typeof executeEventSchema>;
