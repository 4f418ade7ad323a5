// One model's vote on one symbol: its probabilities and the side it leans to, or the reason why it has none.
import { z } from 'zod';

export interface ModelIdentity {
  readonly name: string;
  readonly version: string;
}

/** The side with the larger of p_buy and p_sell; HOLD when they are equal. */
export function leanOf({ sell, buy }: Probabilities): Action {
  if (buy > sell) return 'BUY';
  return sell > buy ? 'SELL' : 'HOLD';
}

export function castVote({ name, version }: ModelIdentity, probabilities: Probabilities): Vote {
  return { model: name, version, action: leanOf(probabilities), probabilities };
}

export function abstain({ name, version }: ModelIdentity, abstained: ModelAbstentionReason): Vote {
  return { model: name, version, abstained };
}

/** Order of classes in every probability vector of the system. */
export const CLASSES = ['sell', 'hold', 'buy'] as const;

export const ACTIONS = ['SELL', 'HOLD', 'BUY'] as const;

export type Action = (typeof ACTIONS)[number];

export const probability = z.number().min(0).max(1);

export const probabilitiesSchema = z.strictObject({ sell: probability, hold: probability, buy: probability });

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

export const voteSchema = z.union([
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
