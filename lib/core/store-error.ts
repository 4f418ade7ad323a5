// The one error that adapters throw when a store or a service could not be used.

/** A store or service could not be used. Thrown by adapters, with the vendor's error as `cause`. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly retryable: boolean;
  constructor(message: string, options: { cause?: unknown; retryable: boolean }) {
    super(message, { cause: options.cause });
    this.retryable = options.retryable;
  }
}
