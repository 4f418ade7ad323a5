// Names of a stage's resources: settings of the functions, the commands and the local run agree through this one place.
import { join } from 'node:path';
import * as z from 'zod';

export const stageNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,19}$/, 'must be lower case letters, digits and dashes, at most 20');

export const LOCAL_STAGE = 'local';

/** The only bucket of the embedded S3. */
export const LOCAL_BUCKET = 'qt-local';

/** Notifications of the local run. */
export const localNotificationsFile = (stateDir: string): string =>
  join(stateDir, 'logs', 'notifications.jsonl');

export interface StageResources {
  readonly signalsTable: string;
  readonly riskTable: string;
  /** Parameter with the name of the bucket, which is unique across all of AWS and so not ours to choose. */
  readonly bucketParameter: string;
  /** Parameter with the ARN of the topic that people subscribe to. */
  readonly topicParameter: string;
  /** Parameter with the number of infer's shards. */
  readonly shardsParameter: string;
  /** Parameters that the universe is chosen by: the exchange, and the number of symbols. */
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

/** Parameter with the URL of a function that people call. */
export const functionUrlParameter = (stage: string, name: string): string =>
  `/qt/${stage}/resources/${name}-url`;

/** Parameter with the holders of tokens for the HTTP API and the SHA-256 of each token. */
export const apiTokensParameter = (stage: string): string => `/qt/${stage}/api/tokens`;

/** Parameters with the keys of the real account. */
export const credentialParameters = (stage: string) => ({
  apiKey: `/qt/${stage}/exchange/api-key`,
  secret: `/qt/${stage}/exchange/secret`,
});

/** Parameter with the settings of one receiver of notifications, its secrets included. */
export const receiverParameter = (stage: string, kind: string): string => `/qt/${stage}/notify/${kind}`;

/** Parameter with the address of the dashboard, which AWS chooses. */
export const dashboardParameter = (stage: string): string => `/qt/${stage}/resources/dashboard`;

/** Days after which signals and runs expire on AWS. */
export const SIGNAL_RETENTION_DAYS = 90;
const LOCAL_SIGNAL_RETENTION_DAYS = 14;

export const signalRetentionDays = (stage: string): number =>
  stage === LOCAL_STAGE ? LOCAL_SIGNAL_RETENTION_DAYS : SIGNAL_RETENTION_DAYS;
