// Settings of the functions: the only reader of the environment. A setting that is missing or malformed stops the function at
// its start, with one line that names it.
import { z } from 'zod';
import { SYMBOLS_MAX } from '../../market/universe.ts';
import { BREAKER_LIMITS, type BreakerLimits } from '../../risk/breaker/limits.ts';

const EXCHANGES = ['binanceusdm', 'binance'] as const;
export type Exchange = (typeof EXCHANGES)[number];
export const exchangeSchema = z.enum(EXCHANGES);

const stageSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,19}$/, 'must be lower case letters, digits and dashes');

/** Days after which signals and runs are deleted from their table. */
export const DEFAULT_RETENTION_DAYS = 90;

const inferEnvironmentSchema = z.object({
  QT_STAGE: stageSchema,
  QT_EXCHANGE: exchangeSchema,
  /** Origin that replaces the exchange's own, for a simulated exchange. */
  QT_EXCHANGE_URL: z.url().optional(),
  QT_BUCKET: z.string().min(3),
  QT_SIGNALS_TABLE: z.string().min(3),
  QT_SIGNAL_RETENTION_DAYS: z.coerce.number().int().min(1).max(3_650).default(DEFAULT_RETENTION_DAYS),
});

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
  const values = readEnvironment(inferEnvironmentSchema, environment);
  return {
    stage: values.QT_STAGE,
    exchange: values.QT_EXCHANGE,
    exchangeUrl: values.QT_EXCHANGE_URL,
    bucket: values.QT_BUCKET,
    signalsTable: values.QT_SIGNALS_TABLE,
    signalRetentionDays: values.QT_SIGNAL_RETENTION_DAYS,
  };
}

const breakerLimitsSchema = z.strictObject(
  Object.fromEntries(Object.keys(BREAKER_LIMITS).map((name) => [name, z.number().positive().optional()])),
);

const circuitBreakerEnvironmentSchema = z.object({
  QT_STAGE: stageSchema,
  QT_SIGNALS_TABLE: z.string().min(3),
  QT_RISK_TABLE: z.string().min(3),
  /** Of the infer function. */
  QT_SHARDS: z.coerce.number().int().min(1).max(100).default(1),
  QT_ALARM_TOPIC_ARN: z.string().startsWith('arn:'),
  /** JSON with those of BREAKER_LIMITS that are to be others. */
  QT_BREAKER_LIMITS: z
    .string()
    .default('{}')
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue('is not JSON');
        return z.NEVER;
      }
    })
    .pipe(breakerLimitsSchema),
});

export interface CircuitBreakerConfiguration {
  readonly stage: string;
  readonly signalsTable: string;
  readonly signalRetentionDays: number;
  readonly riskTable: string;
  readonly shards: number;
  readonly limits: BreakerLimits;
  /** Where people are told. */
  readonly notify: { readonly topicArn: string } | { readonly file: string };
}

/** Throws Error with one line that names every setting at fault. */
export function readCircuitBreakerConfiguration(
  environment: NodeJS.ProcessEnv = process.env,
): CircuitBreakerConfiguration {
  const values = readEnvironment(circuitBreakerEnvironmentSchema, environment);
  return {
    stage: values.QT_STAGE,
    signalsTable: values.QT_SIGNALS_TABLE,
    signalRetentionDays: DEFAULT_RETENTION_DAYS,
    riskTable: values.QT_RISK_TABLE,
    shards: values.QT_SHARDS,
    limits: { ...BREAKER_LIMITS, ...(values.QT_BREAKER_LIMITS as Partial<BreakerLimits>) },
    notify: { topicArn: values.QT_ALARM_TOPIC_ARN },
  };
}

const executeEnvironmentSchema = inferEnvironmentSchema.extend({
  QT_RISK_TABLE: circuitBreakerEnvironmentSchema.shape.QT_RISK_TABLE,
});

export interface ExecuteConfiguration extends InferConfiguration {
  readonly riskTable: string;
}

/** Throws Error with one line that names every setting at fault. */
export function readExecuteConfiguration(environment: NodeJS.ProcessEnv = process.env): ExecuteConfiguration {
  const values = readEnvironment(executeEnvironmentSchema, environment);
  return { ...readInferConfiguration(environment), riskTable: values.QT_RISK_TABLE };
}

const managePositionsEnvironmentSchema = executeEnvironmentSchema.pick({
  QT_STAGE: true,
  QT_EXCHANGE: true,
  QT_EXCHANGE_URL: true,
  QT_RISK_TABLE: true,
});

export type ManagePositionsConfiguration = Pick<
  ExecuteConfiguration,
  'stage' | 'exchange' | 'exchangeUrl' | 'riskTable'
>;

/** Throws Error with one line that names every setting at fault. */
export function readManagePositionsConfiguration(
  environment: NodeJS.ProcessEnv = process.env,
): ManagePositionsConfiguration {
  const values = readEnvironment(managePositionsEnvironmentSchema, environment);
  return {
    stage: values.QT_STAGE,
    exchange: values.QT_EXCHANGE,
    exchangeUrl: values.QT_EXCHANGE_URL,
    riskTable: values.QT_RISK_TABLE,
  };
}

const evaluateEnvironmentSchema = inferEnvironmentSchema.extend({
  QT_RISK_TABLE: circuitBreakerEnvironmentSchema.shape.QT_RISK_TABLE,
  QT_SHARDS: circuitBreakerEnvironmentSchema.shape.QT_SHARDS,
});

export interface EvaluateRolloutConfiguration extends InferConfiguration {
  readonly riskTable: string;
  /** Of the infer function. */
  readonly shards: number;
}

/** Throws Error with one line that names every setting at fault. */
export function readEvaluateRolloutConfiguration(
  environment: NodeJS.ProcessEnv = process.env,
): EvaluateRolloutConfiguration {
  const values = readEnvironment(evaluateEnvironmentSchema, environment);
  return {
    ...readInferConfiguration(environment),
    riskTable: values.QT_RISK_TABLE,
    shards: values.QT_SHARDS,
  };
}

const refreshUniverseEnvironmentSchema = inferEnvironmentSchema
  .pick({ QT_STAGE: true, QT_EXCHANGE: true, QT_EXCHANGE_URL: true, QT_BUCKET: true })
  .extend({
    QT_SYMBOLS: z.coerce.number().int().min(1).max(SYMBOLS_MAX),
    QT_MARKET_CAP_URL: z.url().optional(),
  });

export interface RefreshUniverseConfiguration
  extends Pick<InferConfiguration, 'stage' | 'exchange' | 'exchangeUrl' | 'bucket'> {
  /** How many symbols the universe shall have. */
  readonly symbols: number;
  /** Where CoinGecko's ranking is asked for; undefined: nowhere. */
  readonly marketCapUrl: string | undefined;
}

/** Throws Error with one line that names every setting at fault. */
export function readRefreshUniverseConfiguration(
  environment: NodeJS.ProcessEnv = process.env,
): RefreshUniverseConfiguration {
  const values = readEnvironment(refreshUniverseEnvironmentSchema, environment);
  return {
    stage: values.QT_STAGE,
    exchange: values.QT_EXCHANGE,
    exchangeUrl: values.QT_EXCHANGE_URL,
    bucket: values.QT_BUCKET,
    symbols: values.QT_SYMBOLS,
    marketCapUrl: values.QT_MARKET_CAP_URL,
  };
}

/** A collection begins nothing new after so long; a month of one symbol that has been begun may take some more. */
export const COLLECTION_S = 720;

const collectCandlesEnvironmentSchema = inferEnvironmentSchema
  .pick({ QT_STAGE: true, QT_EXCHANGE: true, QT_EXCHANGE_URL: true, QT_BUCKET: true })
  .extend({
    /** Origin that replaces the archive's own. */
    QT_ARCHIVE_URL: z.url().optional(),
    /** How far back candles are wanted. */
    QT_COLLECT_DAYS: z.coerce.number().int().min(1).max(1_460).default(90),
  });

export interface CollectCandlesConfiguration
  extends Pick<InferConfiguration, 'stage' | 'exchange' | 'exchangeUrl' | 'bucket'> {
  readonly archiveUrl: string | undefined;
  readonly days: number;
}

/** Throws Error with one line that names every setting at fault. */
export function readCollectCandlesConfiguration(
  environment: NodeJS.ProcessEnv = process.env,
): CollectCandlesConfiguration {
  const values = readEnvironment(collectCandlesEnvironmentSchema, environment);
  return {
    stage: values.QT_STAGE,
    exchange: values.QT_EXCHANGE,
    exchangeUrl: values.QT_EXCHANGE_URL,
    bucket: values.QT_BUCKET,
    archiveUrl: values.QT_ARCHIVE_URL,
    days: values.QT_COLLECT_DAYS,
  };
}

const apiEnvironmentSchema = managePositionsEnvironmentSchema.extend({
  QT_SIGNALS_TABLE: circuitBreakerEnvironmentSchema.shape.QT_SIGNALS_TABLE,
  QT_SHARDS: circuitBreakerEnvironmentSchema.shape.QT_SHARDS,
  QT_ALARM_TOPIC_ARN: circuitBreakerEnvironmentSchema.shape.QT_ALARM_TOPIC_ARN,
  QT_API_AUTHORISATION: z.enum(['token', 'iam']),
});

export interface ApiConfiguration extends ManagePositionsConfiguration {
  readonly signalsTable: string;
  /** Of the infer function. */
  readonly shards: number;
  readonly notify: CircuitBreakerConfiguration['notify'];
  /** Who may call: whoever has the token, or whom AWS lets through by signature. */
  readonly authorisation: 'token' | 'iam';
}

/** Throws Error with one line that names every setting at fault. */
export function readApiConfiguration(environment: NodeJS.ProcessEnv = process.env): ApiConfiguration {
  const values = readEnvironment(apiEnvironmentSchema, environment);
  return {
    ...readManagePositionsConfiguration(environment),
    signalsTable: values.QT_SIGNALS_TABLE,
    shards: values.QT_SHARDS,
    notify: { topicArn: values.QT_ALARM_TOPIC_ARN },
    authorisation: values.QT_API_AUTHORISATION,
  };
}

function readEnvironment<T>(schema: z.ZodType<T>, environment: NodeJS.ProcessEnv): T {
  const parsed = schema.safeParse(environment);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`the function's environment is not complete: ${faults.join('; ')}`);
}
