// Names of a stage's resources: the functions' settings, the commands and the local run agree through this one place.
import { join } from 'node:path';
import { BREAKER_LIMITS } from '../../risk/breaker/limits.ts';
import {
  type ApiConfiguration,
  type CircuitBreakerConfiguration,
  DEFAULT_RETENTION_DAYS,
  type EvaluateRolloutConfiguration,
  type Exchange,
  type ExecuteConfiguration,
  type InferConfiguration,
  type RefreshUniverseConfiguration,
} from './configuration.ts';

export const LOCAL_STAGE = 'local';

export interface StageResources {
  readonly signalsTable: string;
  readonly riskTable: string;
  /** Parameter that holds the name of the bucket, which is unique across all of AWS and so not ours to choose. */
  readonly bucketParameter: string;
  /** Parameter that holds the ARN of the topic that people subscribe to. */
  readonly topicParameter: string;
  /** Parameter that holds the number of infer's shards. */
  readonly shardsParameter: string;
  /** Parameters that hold what the universe is chosen by: the exchange, and how many symbols. */
  readonly exchangeParameter: string;
  readonly symbolsParameter: string;
}

export const resourcesOfStage = (stage: string): StageResources => ({
  signalsTable: `qt-${stage}-signals`,
  riskTable: `qt-${stage}-risk`,
  bucketParameter: `/qt/${stage}/resources/bucket`,
  topicParameter: `/qt/${stage}/resources/alarm-topic`,
  shardsParameter: `/qt/${stage}/resources/shards`,
  exchangeParameter: `/qt/${stage}/resources/exchange`,
  symbolsParameter: `/qt/${stage}/resources/symbols`,
});

/** Where the SHA-256 of the HTTP API's token lies, lower-case hex. */
export const apiTokenParameter = (stage: string): string => `/qt/${stage}/api/token-sha256`;

/** The one bucket of the embedded S3. */
export const LOCAL_BUCKET = 'qt-local';

/** A laptop keeps signals for less long than a stage on AWS. */
const LOCAL_RETENTION_DAYS = 14;

/** The infer function's settings in the local run. */
export const localInferConfiguration = (market: {
  exchange: Exchange;
  exchangeUrl: string | undefined;
}): InferConfiguration => ({
  ...market,
  stage: LOCAL_STAGE,
  bucket: LOCAL_BUCKET,
  signalsTable: resourcesOfStage(LOCAL_STAGE).signalsTable,
  signalRetentionDays: LOCAL_RETENTION_DAYS,
});

/** The evaluate function's settings in the local run. */
export const localEvaluateRolloutConfiguration = (
  market: Parameters<typeof localInferConfiguration>[0],
): EvaluateRolloutConfiguration => ({
  ...localInferConfiguration(market),
  riskTable: resourcesOfStage(LOCAL_STAGE).riskTable,
  shards: 1,
});

/** The settings of execute and guard in the local run. */
export const localExecuteConfiguration = (market: {
  exchange: Exchange;
  exchangeUrl: string | undefined;
}): ExecuteConfiguration => ({
  ...localInferConfiguration(market),
  riskTable: resourcesOfStage(LOCAL_STAGE).riskTable,
});

/** Where the local run tells people. */
export const localNotificationsFile = (stateDir: string): string =>
  join(stateDir, 'logs', 'notifications.jsonl');

/** The refresh-universe function's settings in the local run. */
export const localRefreshUniverseConfiguration = (
  market: Parameters<typeof localInferConfiguration>[0],
  symbols: number,
): RefreshUniverseConfiguration => ({
  ...market,
  stage: LOCAL_STAGE,
  bucket: LOCAL_BUCKET,
  symbols,
  marketCapUrl: undefined,
});

/** The circuit breaker's settings in the local run. */
export const localCircuitBreakerConfiguration = (stateDir: string): CircuitBreakerConfiguration => ({
  stage: LOCAL_STAGE,
  signalsTable: resourcesOfStage(LOCAL_STAGE).signalsTable,
  signalRetentionDays: DEFAULT_RETENTION_DAYS,
  riskTable: resourcesOfStage(LOCAL_STAGE).riskTable,
  shards: 1,
  limits: BREAKER_LIMITS,
  notify: { file: localNotificationsFile(stateDir) },
});

/** The api function's settings in the local run. */
export const localApiConfiguration = (
  stateDir: string,
  market: Parameters<typeof localInferConfiguration>[0],
): ApiConfiguration => ({
  ...localExecuteConfiguration(market),
  shards: 1,
  notify: { file: localNotificationsFile(stateDir) },
  authorisation: 'token',
});
