// What all AWS clients share. Region, credentials and AWS_ENDPOINT_URL[_<SERVICE>] are read by the SDK itself.
import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';

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
