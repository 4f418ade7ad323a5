// All clients that a stage needs: those of records and flags, and S3.
import type { S3Client } from '@aws-sdk/client-s3';
import type { ServiceEndpoints } from './client-settings.ts';
import { createRecordClients, type RecordClients } from './create-record-clients.ts';
import { createS3Client } from './create-s3-client.ts';

export interface AwsClients extends RecordClients {
  readonly s3: S3Client;
}

/** Clients for the AWS account of the environment, or for the endpoints given. */
export function createClients(endpoints?: ServiceEndpoints): AwsClients {
  const records = createRecordClients(endpoints);
  const s3 = createS3Client(endpoints);
  return {
    ...records,
    s3,
    close: () => {
      records.close();
      s3.destroy();
    },
  };
}
