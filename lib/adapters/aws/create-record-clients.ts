// The clients of records and flags, and with create-clients.ts, which adds S3, the one place where AWS clients get their settings. Apart,
// because a function without objects starts faster without S3. Timeouts are short and bounded: a call that hangs must become an error
// while there is still time to act on it. Region, credentials and AWS_ENDPOINT_URL[_<SERVICE>] are read by the SDK itself.
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { SSMClient } from '@aws-sdk/client-ssm';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { traced } from '../telemetry/open-trace.ts';

/** URLs of endpoints other than AWS's own, e.g. the embedded ones. */
export interface ServiceEndpoints {
  readonly dynamodb: string;
  readonly s3: string;
  readonly ssm: string;
  /** By which they know their callers. */
  readonly accessKeyId: string;
  /** Set where they are in this process, which the requests then do not leave. @default they are reached over HTTP */
  readonly inProcess?: ServicesInProcess;
}

export interface ServicesInProcess {
  readonly handlers: Readonly<Record<'dynamodb' | 's3' | 'ssm', RequestHandler>>;
  /** The client, or a shorter way to do the same. */
  documents(client: DynamoDBDocumentClient): DynamoDBDocumentClient;
}
type RequestHandler = NonNullable<DynamoDBClientConfig['requestHandler']>;

export interface RecordClients {
  /** Items as plain objects; takes table commands as well. */
  readonly dynamodb: DynamoDBDocumentClient;
  readonly ssm: SSMClient;
  close(): void;
}

/** Without this the SDK only logs a warning when `requestTimeout` has passed, and goes on waiting. */
export const throwOnRequestTimeout = true;

/** Nobody but this process can ask. */
const UNSIGNED = { sign: async <Request>(request: Request): Promise<Request> => request };

/** The embedded endpoints are in no region, and verify no signature. */
export const settingsAt = (service: 'dynamodb' | 's3' | 'ssm', endpoints: ServiceEndpoints | undefined) =>
  endpoints === undefined
    ? {}
    : {
        region: 'us-east-1',
        credentials: { accessKeyId: endpoints.accessKeyId, secretAccessKey: 'local' },
        endpoint: endpoints[service],
        ...(endpoints.inProcess && {
          requestHandler: endpoints.inProcess.handlers[service],
          signer: UNSIGNED,
        }),
      };

/** Clients for the AWS account of the environment, or for the endpoints given. */
export function createRecordClients(endpoints?: ServiceEndpoints): RecordClients {
  const local = endpoints?.inProcess;
  const dynamodb = new DynamoDBClient({
    maxAttempts: 4,
    requestHandler: { connectionTimeout: 1000, requestTimeout: 3000, throwOnRequestTimeout },
    ...settingsAt('dynamodb', endpoints),
  });
  // Flags must be at most 1 s old when they are used, so an answer that comes late is worth nothing.
  const ssm = new SSMClient({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 500, requestTimeout: 700, throwOnRequestTimeout },
    ...settingsAt('ssm', endpoints),
  });
  const documents = DynamoDBDocumentClient.from(traced(dynamodb));
  return {
    dynamodb: local === undefined ? documents : local.documents(documents),
    ssm: traced(ssm),
    close: () => {
      for (const client of [dynamodb, ssm]) client.destroy();
    },
  };
}
