// The clients of records and flags. Files of their own for what each function needs, here and in create-data-clients.ts and
// create-clients.ts, because a function starts faster without a client that it does not use. Timeouts are short and bounded: a call that
// hangs must become an error while there is still time to act on it.
import { SSMClient } from '@aws-sdk/client-ssm';
import { traced } from '../telemetry/open-trace.ts';
import { type ServiceEndpoints, settingsAt, throwOnRequestTimeout } from './client-settings.ts';
import { createDynamoDbClient, type ItemClients } from './create-dynamodb-client.ts';

export interface RecordClients extends ItemClients {
  readonly ssm: SSMClient;
}

/** Clients for the AWS account of the environment, or for the endpoints given. */
export function createRecordClients(endpoints?: ServiceEndpoints): RecordClients {
  const items = createDynamoDbClient(endpoints);
  // Flags must be at most 1 s old when they are used, so an answer that comes late is worth nothing.
  const ssm = new SSMClient({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 500, requestTimeout: 700, throwOnRequestTimeout },
    ...settingsAt('ssm', endpoints),
  });
  return {
    ...items,
    ssm: traced(ssm),
    close: () => {
      items.close();
      ssm.destroy();
    },
  };
}
