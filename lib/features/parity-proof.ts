// One proof that features are the same however they are computed, as it is recorded.
import * as z from 'zod';

export const parityProofSchema = z.strictObject({
  atMs: z.int(),
  symbols: z.array(z.string()),
  /** float32 values compared; 0 proves nothing. */
  values: z.int().min(0),
  mismatches: z.int().min(0),
  /** One line each of what differs (the first few) and of what could not be read. */
  problems: z.array(z.string()),
});
export type ParityProof = z.infer<typeof parityProofSchema>;
