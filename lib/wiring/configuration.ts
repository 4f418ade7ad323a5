// Settings of the functions: the only reader of the environment. A setting that is missing or malformed stops the function at
// its start, with one line that names it.
import { z } from 'zod';

const stageSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,19}$/, 'must be lower case letters, digits and dashes');

/** Days after which signals and runs are deleted from their table. */
export const DEFAULT_RETENTION_DAYS = 90;

const inferEnvironmentSchema = z.object({
  QT_STAGE: stageSchema,
  QT_EXCHANGE: z.enum(['binanceusdm', 'binance']),
  /** Origin that replaces the exchange's own, for a simulated exchange. */
  QT_EXCHANGE_URL: z.url().optional(),
  QT_BUCKET: z.string().min(3),
  QT_SIGNALS_TABLE: z.string().min(3),
  QT_SIGNAL_RETENTION_DAYS: z.coerce.number().int().min(1).max(3_650).default(DEFAULT_RETENTION_DAYS),
});

export const EXCHANGES = ['binanceusdm', 'binance'] as const;
export type Exchange = (typeof EXCHANGES)[number];

export interface InferConfiguration {
  readonly stage: string;
  readonly exchange: Exchange;
  readonly exchangeUrl: string | undefined;
  readonly bucket: string;
  readonly signalsTable: string;
  readonly signalRetentionDays: number;
}

/** Throws Error with one line that names every setting at fault. */
export function readInferConfiguration(environment: NodeJS.ProcessEnv = process.env): InferConfiguration {
  const parsed = inferEnvironmentSchema.safeParse(environment);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`the function's environment is not complete: ${faults.join('; ')}`);
  }
  const values = parsed.data;
  return {
    stage: values.QT_STAGE,
    exchange: values.QT_EXCHANGE,
    exchangeUrl: values.QT_EXCHANGE_URL,
    bucket: values.QT_BUCKET,
    signalsTable: values.QT_SIGNALS_TABLE,
    signalRetentionDays: values.QT_SIGNAL_RETENTION_DAYS,
  };
}
