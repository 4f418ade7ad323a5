// The one place where AWS clients get their settings. Timeouts are short and bounded: a call that hangs must become an error
// while there is still time to act on it. Region, credentials and AWS_ENDPOINT_URL[_<SERVICE>] are read by the SDK itself.
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SSMClient } from '@aws-sdk/client-ssm';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { MINUTE_MS } from '../../core/units.ts';
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

export interface AwsClients {
  /** Items as plain objects; takes table commands as well. */
  readonly dynamodb: DynamoDBDocumentClient;
  readonly s3: S3Client;
  readonly ssm: SSMClient;
  close(): void;
}

/** Without this the SDK only logs a warning when `requestTimeout` has passed, and goes on waiting. */
const throwOnRequestTimeout = true;

/** The embedded endpoints are in no region, and verify no signature. */
const localSettings = ({ accessKeyId }: ServiceEndpoints) => ({
  region: 'us-east-1',
  credentials: { accessKeyId, secretAccessKey: 'local' },
});

/** Nobody but this process can ask. */
const UNSIGNED = { sign: async <Request>(request: Request): Promise<Request> => request };

/**
 * Clients for the AWS account of the environment, or for the endpoints given. An endpoint from the environment must name its
 * host by IP address for S3: only then does the SDK put the bucket into the path.
 */
export function createClients(endpoints?: ServiceEndpoints): AwsClients {
  const shared = endpoints === undefined ? {} : localSettings(endpoints);
  const local = endpoints?.inProcess;
  const at = (service: 'dynamodb' | 's3' | 'ssm') => ({
    ...(endpoints !== undefined && { endpoint: endpoints[service] }),
    ...(local !== undefined && { requestHandler: local.handlers[service], signer: UNSIGNED }),
  });
  const dynamodb = new DynamoDBClient({
    ...shared,
    maxAttempts: 4,
    requestHandler: { connectionTimeout: 1000, requestTimeout: 3000, throwOnRequestTimeout },
    ...at('dynamodb'),
  });
  const s3 = new S3Client({
    ...shared,
    forcePathStyle: endpoints !== undefined,
    maxAttempts: 4,
    // requestTimeout takes in the upload of the whole body; a stall in either direction ends after socketTimeout.
    requestHandler: {
      connectionTimeout: 1000,
      requestTimeout: MINUTE_MS,
      socketTimeout: 5000,
      throwOnRequestTimeout,
    },
    ...at('s3'),
  });
  // Flags must be at most 1 s old when they are used, so an answer that comes late is worth nothing.
  const ssm = new SSMClient({
    ...shared,
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 500, requestTimeout: 700, throwOnRequestTimeout },
    ...at('ssm'),
  });
  const documents = DynamoDBDocumentClient.from(traced(dynamodb));
  return {
    dynamodb: local === undefined ? documents : local.documents(documents),
    s3: traced(s3),
    ssm: traced(ssm),
    close: () => {
      for (const client of [dynamodb, s3, ssm]) client.destroy();
    },
  };
}
