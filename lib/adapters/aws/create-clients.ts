// All clients that a stage needs: those of records and flags, and S3.
import { S3Client } from '@aws-sdk/client-s3';
import { MINUTE_MS } from '../../core/units.ts';
import { traced } from '../telemetry/open-trace.ts';
import {
  createRecordClients,
  type RecordClients,
  type ServiceEndpoints,
  settingsAt,
  throwOnRequestTimeout,
} from './create-record-clients.ts';

export interface AwsClients extends RecordClients {
  readonly s3: S3Client;
}

/**
 * Clients for the AWS account of the environment, or for the endpoints given. An endpoint from the environment must name its
 * host by IP address for S3: only then does the SDK put the bucket into the path.
 */
export function createClients(endpoints?: ServiceEndpoints): AwsClients {
  const records = createRecordClients(endpoints);
  const s3 = new S3Client({
    forcePathStyle: endpoints !== undefined,
    maxAttempts: 4,
    // requestTimeout takes in the upload of the whole body; a stall in either direction ends after socketTimeout.
    requestHandler: {
      connectionTimeout: 1000,
      requestTimeout: MINUTE_MS,
      socketTimeout: 5000,
      throwOnRequestTimeout,
    },
    ...settingsAt('s3', endpoints),
  });
  return {
    ...records,
    s3: traced(s3),
    close: () => {
      records.close();
      s3.destroy();
    },
  };
}
