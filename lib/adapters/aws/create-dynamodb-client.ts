// The client of the tables.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { traced } from '../telemetry/open-trace.ts';
import { type ServiceEndpoints, settingsAt, throwOnRequestTimeout } from './client-settings.ts';

export interface ItemClients {
  /** Items as plain objects; takes table commands as well. */
  readonly dynamodb: DynamoDBDocumentClient;
  close(): void;
}

export function createDynamoDbClient(endpoints: ServiceEndpoints | undefined): ItemClients {
  const local = endpoints?.inProcess;
  const client = new DynamoDBClient({
    maxAttempts: 4,
    requestHandler: { connectionTimeout: 1000, requestTimeout: 3000, throwOnRequestTimeout },
    ...settingsAt('dynamodb', endpoints),
  });
  const documents = DynamoDBDocumentClient.from(traced(client));
  return {
    dynamodb: local === undefined ? documents : local.documents(documents),
    close: () => client.destroy(),
  };
}
