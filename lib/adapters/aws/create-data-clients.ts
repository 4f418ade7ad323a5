// The clients of what reads and writes tables and objects, and no flag.
import type { ServiceEndpoints } from './client-settings.ts';
import { createDynamoDbClient } from './create-dynamodb-client.ts';
import { withS3Client } from './create-s3-client.ts';

/** Clients for the AWS account of the environment, or for the endpoints given. */
export const createDataClients = (endpoints?: ServiceEndpoints) =>
  withS3Client(createDynamoDbClient(endpoints), endpoints);
