// The record of one infer run: what was decided, what abstained and why, and what it cost. Logs, metrics, the live view and
// the circuit breaker all read this one record.
import * as z from 'zod';
import { ABSTENTION_REASONS, type AbstentionReason } from '../market/abstention.ts';
import { MODEL_ABSTENTION_REASONS, type ModelAbstentionReason } from '../models/vote.ts';

const quarantinedSchema = z.array(
  z.strictObject({
    model: z.string(),
    version: z.string(),
    reason: z.enum(Object.keys(MODEL_ABSTENTION_REASONS) as [ModelAbstentionReason]),
    message: z.string(),
  }),
);

/** What the shadow did with the same rows, in figures; its decisions are in the object store. */
const shadowRunSchema = z.strictObject({
  ensembleId: z.string(),
  /** One line of why it decided nothing, or why that was not kept. */
  failed: z.string().nullable(),
  signals: z.int().min(0),
  /** Share of the symbols for which it takes the same action as the active ensemble; null without symbols. */
  agreement: z.number().min(0).max(1).nullable(),
  quarantined: quarantinedSchema,
});
export type ShadowRun = z.infer<typeof shadowRunSchema>;

/** How the symbols' candles were read, lib/market/use-cases/candle-windows.ts. */
const windowReadingsSchema = z.strictObject({
  /** Windows that were kept and continued, and those that were read whole. */
  newest: z.int().min(0),
  whole: z.int().min(0),
  /** Of those read whole: what was kept of older candles was the same … */
  proven: z.int().min(0),
  /** … or was not, and had been served. */
  differing: z.array(z.string()),
  /** Symbols of which a candle of the last hour was another one when it was read again. */
  revised: z.array(z.string()),
});
export type WindowReadings = z.infer<typeof windowReadingsSchema>;

// Not strict: a breaker that is older than infer for some minutes must not trip on fields that it does not know yet.
export const inferRunSchema = z.object({
  barOpenTimeMs: z.int(),
  shard: z.int().min(0),
  shardCount: z.int().min(1),
  startedAtMs: z.int(),
  /** null when the active ensemble could not be read: then every symbol abstains. */
  ensembleId: z.string().nullable(),
  featureSetHash: z.string(),
  /** Of the function that ran; absent before versions were recorded. */
  codeVersion: z.string().optional(),
  symbols: z.int().min(0),
  written: z.int().min(0),
  alreadyDecided: z.int().min(0),
  actions: z.strictObject({ SELL: z.int(), HOLD: z.int(), BUY: z.int() }),
  abstentions: z.array(
    z.strictObject({
      symbol: z.string(),
      barOpenTimeMs: z.int(),
      abstained: z.enum(Object.keys(ABSTENTION_REASONS) as [AbstentionReason]),
      message: z.string(),
    }),
  ),
  candleWindows: windowReadingsSchema,
  /** Models of the ensemble that served no symbol in this run. */
  quarantined: quarantinedSchema,
  /** How many of the ensemble's models are not among these. */
  servedModels: z.int().min(0),
  /** Signals that could not be stored; the run then fails, and its retry completes it. */
  unwritten: z.array(z.strictObject({ symbol: z.string(), message: z.string() })),
  /** Mean over the signals of this run; null when there is none. */
  meanConsensus: z.number().nullable(),
  /** Mean over its BUY and SELL signals; null when there is none. */
  meanConfidence: z.number().nullable(),
  /** Resident memory of the process at the end of the run. */
  residentBytes: z.int().positive(),
  /** Absent when no ensemble runs in shadow. */
  shadow: shadowRunSchema.optional(),
  timingsMs: z.strictObject({
    models: z.number(),
    fetch: z.number(),
    features: z.number(),
    inference: z.number(),
    store: z.number(),
    total: z.number(),
  }),
});
export type InferRun = z.infer<typeof inferRunSchema>;
