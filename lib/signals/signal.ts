// The signal: what is decided for one symbol and one bar, once, with everything needed to see why.
import { z } from 'zod';

/** Order of classes in every probability vector of the system. */
export const CLASSES = ['sell', 'hold', 'buy'] as const;
const ACTIONS = ['SELL', 'HOLD', 'BUY'] as const;
export type Action = (typeof ACTIONS)[number];

const probability = z.number().min(0).max(1);
const probabilitiesSchema = z.strictObject({ sell: probability, hold: probability, buy: probability });
/** Calibrated class probabilities; they add up to 1. */
export type Probabilities = z.infer<typeof probabilitiesSchema>;

/** Why a model gave no vote. Closed; the model's abstention never counts towards consensus or confidence. */
export const MODEL_ABSTENTION_REASONS = {
  quarantined_by_operator: 'an operator took this version out of service',
  model_missing: 'the model or its manifest is not in the store',
  store_unavailable: 'the store could not be read',
  object_changed: 'the stored object is not the version that the ensemble names',
  sha256_mismatch: 'the bytes differ from the sha256 in the manifest or the ensemble',
  manifest_invalid: 'the manifest is not readable or breaks its schema',
  manifest_mismatch: 'the manifest describes another model or another label than the ensemble',
  feature_set_mismatch: 'the model was trained on another feature set',
  session_failed: 'ONNX Runtime refuses the model',
  golden_mismatch: "the model does not reproduce its trainer's own probabilities",
  degenerate_output: 'the model gives the same answer whatever the input',
  invalid_output: 'the output is not a probability vector',
  sequence_incomplete: 'one of the 96 rows that a sequence model reads does not exist',
  inference_failed: 'ONNX Runtime failed on this input',
} as const;
export type ModelAbstentionReason = keyof typeof MODEL_ABSTENTION_REASONS;

const voteSchema = z.union([
  z.strictObject({
    model: z.string(),
    version: z.string(),
    /** The side the model leans to: BUY when p_buy > p_sell, SELL when less, HOLD when equal. */
    action: z.enum(ACTIONS),
    probabilities: probabilitiesSchema,
  }),
  z.strictObject({
    model: z.string(),
    version: z.string(),
    abstained: z.enum(Object.keys(MODEL_ABSTENTION_REASONS) as [ModelAbstentionReason]),
  }),
]);
export type Vote = z.infer<typeof voteSchema>;

/** Why a signal is HOLD. Empty for BUY and SELL. */
const HOLD_REASONS = {
  insufficient_models: 'fewer than 2 models answered',
  no_consensus: 'fewer than two thirds of the active models lean to the same side',
  ensemble_disagrees: 'the weighted probabilities do not lean to the side that most models lean to',
  edge_below_threshold: "the expected edge net of costs is not above the ensemble's threshold",
  stop_invalid: 'no protective stop fits between zero and the close, or beyond it for a short',
} as const;
export type HoldReason = keyof typeof HOLD_REASONS;

// Not strict: a version of the code that is newer may say more, and the older one must be able to go on, above all after a rollback.
export const signalSchema = z.object({
  symbol: z.string(),
  barOpenTimeMs: z.int(),
  action: z.enum(ACTIONS),
  /** Calibrated probability of the action taken; 0 when fewer than 2 models answered. */
  confidence: probability,
  /** Weighted mean over the models that answered; null when fewer than 2 did. */
  probabilities: probabilitiesSchema.nullable(),
  /** |p_buy − p_sell| × barrier distance − fees − slippage, basis points; null without probabilities. */
  expectedEdgeBps: z.number().nullable(),
  votes: z.array(voteSchema),
  /** Share of the active models that lean to the side most of them lean to, 0…1; 0 without active models. */
  consensusFraction: z.number().min(0).max(1),
  activeModels: z.int().min(0),
  close: z.number().positive(),
  /** Average true range (Wilder, 14 bars) in price units. */
  atr: z.number().min(0),
  /** Protective stop, entry at close: null for HOLD. */
  stopPrice: z.number().positive().nullable(),
  ensembleId: z.string(),
  featureSetHash: z.string(),
  /** Of the function that decided; absent where no function did, and before versions were recorded. */
  codeVersion: z.string().optional(),
  reasons: z.array(z.enum(Object.keys(HOLD_REASONS) as [HoldReason])),
});
export type Signal = z.infer<typeof signalSchema>;
