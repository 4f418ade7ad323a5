// The client of the objects.
import { S3Client } from '@aws-sdk/client-s3';
import { MINUTE_MS } from '../../core/units.ts';
import { traced } from '../telemetry/open-trace.ts';
import { type ServiceEndpoints, settingsAt, throwOnRequestTimeout } from './client-settings.ts';

/** The same clients, and that of the objects. */
export function withS3Client<Clients extends { close(): void }>(
  clients: Clients,
  endpoints: ServiceEndpoints | undefined,
): Clients & { readonly s3: S3Client } {
  const s3 = createS3Client(endpoints);
  return {
    ...clients,
    s3,
    close: () => {
      clients.close();
      s3.destroy();
    },
  };
}

/** An endpoint from the environment must name its host by IP address: only then does the SDK put the bucket into the path. */
function createS3Client(endpoints: ServiceEndpoints | undefined): S3Client {
  const client = new S3Client({
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
  return traced(client);
}
