// The manifest that stands beside every model.onnx: what the model reads, what it was trained on, and the golden vectors
// that prove it computes here what it computed there. Written by training/, checked at publish and at every load.
import * as z from 'zod';
import { OUTPUT_COLUMNS } from './model-output.ts';

export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits');
export const modelNameSchema = z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, 'must be lower case, e.g. xgboost');
export const modelVersionSchema = z.string().regex(/^v\d{8}_\d{6}$/, 'must look like v20240728_000000');

/**
 * These fields, and more figures and words that training writes for the reader, kept as they are. JSON.parse reads a number that no
 * double holds, as 1e999, as infinite: it is refused in fields without a name too.
 */
const withMore = <Shape extends z.core.$ZodLooseShape>(fields: Shape) =>
  z.object(fields).catchall(z.union([z.number(), z.string(), z.boolean(), z.null()]));

/** How rows were labelled: ATR barriers around the close, the first one touched within the horizon wins. */
export const labelSchema = z.strictObject({
  kind: z.literal('triple_barrier'),
  horizonBars: z.int().min(1).max(288),
  /** Barrier distance in multiples of ATR14 … */
  atrMultiple: z.number().positive(),
  /** … but never nearer than this, so that a touched barrier pays its costs. */
  minBarrierBps: z.number().min(0),
});
export type LabelDefinition = z.infer<typeof labelSchema>;

// Count and order of columns are checked against the code's feature set (check-manifest.ts), so that a model of another
// feature set is reported as such and not as a broken file.
const columnsSchema = z.array(z.string()).min(1).max(1000);

const inputSchema = z.discriminatedUnion('kind', [
  /** float32 [rows, 49] */
  z.strictObject({ kind: z.literal('tabular'), name: z.string(), columns: columnsSchema }),
  /** float32 [rows, 96, 8], oldest row first */
  z.strictObject({
    kind: z.literal('sequence'),
    name: z.string(),
    columns: columnsSchema,
    steps: z.literal(96),
  }),
]);
export type ModelInput = z.infer<typeof inputSchema>;

const metricsSchema = withMore({
  rows: z.int().min(0),
  logLoss: z.number(),
  /** Log-loss of always answering the training part's class frequencies. */
  priorLogLoss: z.number(),
  brier: z.number().nullable(),
  ece: z.number().nullable(),
  /** Mean per-bar Spearman correlation across symbols of p_buy − p_sell and forward return; null when undefined. */
  rankIc: z.number().nullable(),
});

/** Inputs, and what is answered to them. @param answersPerRow of the model or policy */
export const goldenVectorsSchema = (answersPerRow: number) =>
  z.strictObject({
    rows: z.int().min(32),
    /** float32 little-endian, row-major, base64: rows × elements of an input. */
    inputsBase64: z.string(),
    /** The trainer's own answers (from its library, not from ONNX), [rows][answersPerRow]. */
    answers: z.array(z.array(z.number()).length(answersPerRow)),
  });

export const manifestSchema = z.strictObject({
  schemaVersion: z.literal(1),
  name: modelNameSchema,
  version: modelVersionSchema,
  file: z.literal('model.onnx'),
  sha256: sha256Schema,
  bytes: z.int().positive(),
  /** ONNX operator set per domain, e.g. { "ai.onnx": 17, "ai.onnx.ml": 5 }. */
  opset: z.record(z.string(), z.int().positive()),
  input: inputSchema,
  /** float32 [rows, 5]: class probabilities, then the expected move and its standard deviation, both in barriers. */
  output: z.strictObject({
    name: z.string(),
    columns: z.array(z.string()).refine((columns) => columns.join() === OUTPUT_COLUMNS.join(), {
      error: `must be ${OUTPUT_COLUMNS.join(', ')}`,
    }),
  }),
  featureSetHash: sha256Schema,
  label: labelSchema,
  training: z.strictObject({
    fromMs: z.int(),
    /** Open time of the last row used, its label's horizon included. */
    toMs: z.int(),
    symbols: z.array(z.string()).min(1),
    rows: z.int().positive(),
    embargoBars: z.int().min(0),
    seed: z.int(),
    datasetSha256: sha256Schema,
  }),
  metrics: z.strictObject({
    folds: z.array(metricsSchema.extend({ fromMs: z.int(), toMs: z.int() })),
    /** Over the rows of all folds; null when the model was trained without validation folds. */
    outOfFold: metricsSchema.nullable(),
  }),
  /** Inside the graph, so that it cannot go missing; recorded here for the reader. */
  calibration: withMore({ kind: z.enum(['none', 'temperature', 'vector_scaling']) }),
  libraries: z.record(z.string(), z.string()),
  /** Inputs of 49, or of 96 × 8. */
  goldenVectors: goldenVectorsSchema(OUTPUT_COLUMNS.length),
});
export type ModelManifest = z.infer<typeof manifestSchema>;
