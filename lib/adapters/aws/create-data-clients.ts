// The clients of what reads and writes tables and objects, and no flag.
import type { S3Client } from '@aws-sdk/client-s3';
import type { ServiceEndpoints } from './client-settings.ts';
import { createDynamoDbClient, type ItemClients } from './create-dynamodb-client.ts';
import { createS3Client } from './create-s3-client.ts';

interface DataClients extends ItemClients {
  readonly s3: S3Client;
}

/** Clients for the AWS account of the environment, or for the endpoints given. */
export function createDataClients(endpoints?: ServiceEndpoints): DataClients {
  const items = createDynamoDbClient(endpoints);
  const s3 = createS3Client(endpoints);
  return {
    ...items,
    s3,
    close: () => {
      items.close();
      s3.destroy();
    },
  };
}
