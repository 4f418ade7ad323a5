// An operator's order against one model version: `quarantine/<name>/<version>.json`. It stands outside the ensemble, so that a
// model can be taken out within one bar without a promotion, and stays out of every ensemble that names it until it is lifted.
import * as z from 'zod';
import { modelNameSchema, modelVersionSchema } from './manifest.ts';

export const quarantineSchema = z.strictObject({
  schemaVersion: z.literal(1),
  name: modelNameSchema,
  version: modelVersionSchema,
  /** Lifted is written rather than deleted: who did it, and why, stays readable. */
  state: z.enum(['quarantined', 'lifted']),
  reason: z.string(),
  by: z.string(),
  atMs: z.int(),
  audit: z.string(),
});
export type QuarantineOrder = z.infer<typeof quarantineSchema>;
