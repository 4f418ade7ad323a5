// That a receiver was not told.
import { StoreError } from '../core/store-error.ts';

/** A receiver that did not take a message. */
export class DeliveryError extends StoreError {
  /** For how long it asks to be left alone; 0 when it asks nothing. */
  readonly pauseMs: number;

  constructor(message: string, options: { retryable: boolean; pauseMs?: number }) {
    super(message, options);
    this.pauseMs = options.pauseMs ?? 0;
  }
}
