// Names of a stage's resources: the functions' settings, the commands and the local run agree through this one place.
import { DEFAULT_RETENTION_DAYS, type Exchange, type InferConfiguration } from './configuration.ts';

export const LOCAL_STAGE = 'local';

export interface StageResources {
  readonly signalsTable: string;
  readonly riskTable: string;
  /** Parameter that holds the name of the bucket, which is unique across all of AWS and so not ours to choose. */
  readonly bucketParameter: string;
}

export const resourcesOfStage = (stage: string): StageResources => ({
  signalsTable: `qt-${stage}-signals`,
  riskTable: `qt-${stage}-risk`,
  bucketParameter: `/qt/${stage}/resources/bucket`,
});

/** The one bucket of the embedded S3. */
export const LOCAL_BUCKET = 'qt-local';

/** The infer function's settings in the local run. */
export const localInferConfiguration = (market: {
  exchange: Exchange;
  exchangeUrl: string | undefined;
}): InferConfiguration => ({
  ...market,
  stage: LOCAL_STAGE,
  bucket: LOCAL_BUCKET,
  signalsTable: resourcesOfStage(LOCAL_STAGE).signalsTable,
  signalRetentionDays: DEFAULT_RETENTION_DAYS,
});
