// What an error of the AWS SDK means to the application: one line for the operator, and whether trying again can help.
import { StoreError } from '../../core/store-error.ts';

interface AwsFailure {
  readonly name: string;
  readonly message: string;
  /** HTTP status of the answer; undefined when there was none. */
  readonly status: number | undefined;
  /** No answer, a fault of the service's, or throttling: the same request may succeed later. */
  readonly retryable: boolean;
}

const THROTTLING_NAMES = new Set([
  'ThrottlingException',
  'Throttling',
  'TooManyRequestsException',
  'TooManyUpdates',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottledException',
  'SlowDown',
]);

/** Configuration that no request gets past: there was no answer, and there will be none. */
const SETUP_NAMES = new Set(['CredentialsProviderError', 'TokenProviderError', 'TypeError', 'RangeError']);
const NO_REGION = 'Region is missing';

/** Reads what the SDK threw; a value that is no Error counts as an unknown failure that is not worth a retry. */
export function readAwsFailure(error: unknown): AwsFailure {
  if (!(error instanceof Error))
    return { name: 'Unknown', message: String(error), status: undefined, retryable: false };
  const status = statusOf(error);
  const isSetup = SETUP_NAMES.has(error.name) || error.message.startsWith(NO_REGION);
  return {
    name: error.name,
    message: error.message.split('\n')[0] || error.name,
    status,
    retryable:
      THROTTLING_NAMES.has(error.name) ||
      (status === undefined ? !isSetup : status >= 500 || status === 429 || status === 200),
  };
}

function statusOf(error: Error): number | undefined {
  if (!('$metadata' in error) || typeof error.$metadata !== 'object' || error.$metadata === null)
    return undefined;
  const { httpStatusCode } = error.$metadata as { httpStatusCode?: unknown };
  return typeof httpStatusCode === 'number' ? httpStatusCode : undefined;
}

/** Whether the SDK had sent the request before: an answer that was lost may have been that of a success. */
export function wasRetried(error: unknown): boolean {
  const { $metadata } = error as { $metadata?: { attempts?: number } };
  return ($metadata?.attempts ?? 1) > 1;
}

/** @param what the operation and its object, e.g. `reading s3://bucket/key` */
export function storeError(what: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const failure = readAwsFailure(error);
  // The whole HTTP exchange, signature and sockets included, is nothing for a log.
  if (error instanceof Error && '$response' in error)
    Object.defineProperty(error, '$response', { enumerable: false });
  return new StoreError(`${what} failed: ${failure.name}: ${failure.message}`, {
    cause: error,
    retryable: failure.retryable,
  });
}
