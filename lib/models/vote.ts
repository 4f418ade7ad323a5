// One model's vote on one symbol: its probabilities and the side it leans to, or the reason why it has none.
import * as z from 'zod';

export interface ModelIdentity {
  readonly name: string;
  readonly version: string;
}

/** The side of an expected move; HOLD where none is expected. */
export function leanOf(expectedMove: number): Action {
  if (expectedMove > 0) return 'BUY';
  return expectedMove < 0 ? 'SELL' : 'HOLD';
}

export function castVote({ name, version }: ModelIdentity, { probabilities, move }: Answer): Vote {
  return { model: name, version, action: leanOf(move.expected), probabilities, move };
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

/** Move over the label's horizon in barriers, up positive, and the standard deviation of what it will really be. */
const moveSchema = z.strictObject({ expected: z.number(), deviation: z.number().positive() });
export type ExpectedMove = z.infer<typeof moveSchema>;

/** What a model says of one row. */
export interface Answer {
  readonly probabilities: Probabilities;
  readonly move: ExpectedMove;
}

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
  invalid_output: 'the output is not a probability vector and a move',
  sequence_incomplete: 'one of the 96 rows that a sequence model reads does not exist',
  inference_failed: 'ONNX Runtime failed on this input',
} as const;

export type ModelAbstentionReason = keyof typeof MODEL_ABSTENTION_REASONS;

export const voteSchema = z.union([
  z.strictObject({
    model: z.string(),
    version: z.string(),
    /** The side the model leans to: that of its expected move. */
    action: z.enum(ACTIONS),
    probabilities: probabilitiesSchema,
    move: moveSchema,
  }),
  z.strictObject({
    model: z.string(),
    version: z.string(),
    abstained: z.enum(Object.keys(MODEL_ABSTENTION_REASONS) as [ModelAbstentionReason]),
  }),
]);

export type Vote = z.infer<typeof voteSchema>;
