// The signal: what is decided for one symbol and one bar, once, with everything needed to see why.

import * as z from 'zod';
import { ACTIONS, probabilitiesSchema, probability, voteSchema } from '../models/vote.ts';

/** Why a signal is HOLD. Empty for BUY and SELL. */
const HOLD_REASONS = {
  insufficient_models: 'fewer than 2 models answered',
  no_consensus: 'fewer than two thirds of the active models lean to the same side',
  ensemble_disagrees: 'the expected move is not to the side that most models lean to',
  edge_below_threshold: "the expected edge net of costs is not above the ensemble's threshold",
  stop_invalid: 'no protective stop fits between zero and the close, or beyond it for a short',
} as const;
export type HoldReason = keyof typeof HOLD_REASONS;

// Not strict: a version of the code that is newer may say more, and the older one must be able to go on, above all after a rollback.
export const signalSchema = z.object({
  symbol: z.string(),
  barOpenTimeMs: z.int(),
  action: z.enum(ACTIONS),
  /** Calibrated probability that an entry on the side leaned to, taken or not, ends with a net profit; 0 when fewer than 2 models answered. */
  confidence: probability,
  /** Weighted mean over the models that answered; null when fewer than 2 did. */
  probabilities: probabilitiesSchema.nullable(),
  /** Expected move over the label's horizon, up positive, and its standard deviation, basis points; null without probabilities. */
  expectedMoveBps: z.number().nullable(),
  moveDeviationBps: z.number().min(0).nullable(),
  /** |expected move| − fees − slippage, basis points; null without probabilities. */
  expectedEdgeBps: z.number().nullable(),
  votes: z.array(voteSchema),
  /** Share of the active models that lean to the side most of them lean to, 0…1; 0 without active models. */
  consensusFraction: z.number().min(0).max(1),
  activeModels: z.int().min(0),
  close: z.number().positive(),
  /** Average true range (Wilder, 14 bars) in price units. */
  atr: z.number().min(0),
  /** Average true range of the ensemble's stop timeframe, price units: what the stop's distance is a multiple of. */
  stopAtr: z.number().min(0),
  /** ATR of the bar to its own mean, and the spread that highs and lows imply: features `atr_ratio` and `corwin_schultz_20`. */
  atrRatio: z.number().min(0),
  spreadBps: z.number().min(0),
  /** Slope of the symbol's hourly returns on Bitcoin's, over three days: null for HOLD, and where it cannot be told. */
  betaToBitcoin: z.number().nullable(),
  /** Protective stop, entry at close: null for HOLD. */
  stopPrice: z.number().positive().nullable(),
  ensembleId: z.string(),
  featureSetHash: z.string(),
  /** Of the function that decided; absent where no function did, and before versions were recorded. */
  codeVersion: z.string().optional(),
  reasons: z.array(z.enum(Object.keys(HOLD_REASONS) as [HoldReason])),
});
export type Signal = z.infer<typeof signalSchema>;
