// How each feature was distributed over the rows that an ensemble's models were trained on: `profiles/<ensembleId>.json`, written
// beside the ensembles when they are published. Drift is measured against it, by the same bins.
import * as z from 'zod';

const increases = (edges: readonly number[]): boolean =>
  edges.every((edge, index) => index === 0 || edge > edges[index - 1]!);

const binsSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('quantiles'),
    edges: z.array(z.number()).min(1).max(100).refine(increases, { error: 'must increase' }),
  }),
  z.strictObject({ kind: z.literal('values'), values: z.array(z.number()).min(1).max(100) }),
]);

const profiledFeatureSchema = z
  .strictObject({
    name: z.string(),
    bins: binsSchema,
    /** Training rows per bin: as many as edges or values, and one more. */
    counts: z.array(z.number().min(0)),
  })
  .refine(
    ({ bins, counts }) =>
      counts.length === (bins.kind === 'quantiles' ? bins.edges.length : bins.values.length) + 1,
    { error: 'needs one count per bin' },
  );

export const featureProfileSchema = z
  .strictObject({
    schemaVersion: z.literal(1),
    ensembleId: z.string(),
    featureSetHash: z.string(),
    /** Open times of the first and last profiled bar. */
    fromMs: z.int(),
    toMs: z.int(),
    symbols: z.array(z.string()).min(1),
    rows: z.int().positive(),
    /** In the order of the feature set. */
    features: z.array(profiledFeatureSchema),
  })
  .refine(
    ({ rows, features }) =>
      features.every(({ counts }) => counts.reduce((sum, count) => sum + count, 0) === rows),
    { error: 'needs every row in one bin of every feature' },
  );
export type FeatureProfile = z.infer<typeof featureProfileSchema>;

/** Key in the store. */
export const featureProfileKey = (ensembleId: string): string => `profiles/${ensembleId}.json`;
