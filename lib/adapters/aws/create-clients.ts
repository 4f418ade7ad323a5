// All clients that a stage needs: those of records and flags, and S3.
import type { ServiceEndpoints } from './client-settings.ts';
import { createRecordClients } from './create-record-clients.ts';
import { withS3Client } from './create-s3-client.ts';

export type AwsClients = ReturnType<typeof createClients>;

/** Clients for the AWS account of the environment, or for the endpoints given. */
export const createClients = (endpoints?: ServiceEndpoints) =>
  withS3Client(createRecordClients(endpoints), endpoints);
