// How far the features of the newest week are from those of training, as it is stored; or why that could not be measured.
import * as z from 'zod';

/** Why drift could not be measured. Closed. */
const DRIFT_UNMEASURED = [
  'no_universe',
  'no_ensemble',
  'no_profile',
  'profile_unusable',
  'exchange_unavailable',
  'store_unavailable',
  'no_rows',
  'too_few_rows',
] as const;

/** How far the features of the newest week are from those of training, watch-drift.ts. */
export const driftRecordSchema = z.discriminatedUnion('outcome', [
  z.strictObject({
    outcome: z.literal('measured'),
    atMs: z.int(),
    ensembleId: z.string(),
    /** Of the sample: open times of its first and last bar. */
    fromMs: z.int(),
    toMs: z.int(),
    rows: z.int().positive(),
    symbols: z.array(z.string()),
    /** Features whose PSI is significant even at the lower end of its interval. */
    drifted: z.int().min(0),
    /** The most drifted first, drifted or not; `low` is the lower end of the 95 % interval. */
    features: z.array(z.strictObject({ name: z.string(), psi: z.number(), low: z.number() })),
  }),
  z.strictObject({
    outcome: z.literal('unmeasured'),
    atMs: z.int(),
    code: z.enum(DRIFT_UNMEASURED),
    /** One line for the operator. */
    message: z.string(),
  }),
]);

export type DriftRecord = z.infer<typeof driftRecordSchema>;
