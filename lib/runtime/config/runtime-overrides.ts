// What the local run replaces around a function; on AWS all of it has its default.
import type { Writable } from 'node:stream';
import type { ServiceEndpoints } from '../../adapters/aws/create-clients.ts';
import type { Clock } from '../../core/ports.ts';

export interface RuntimeOverrides {
  readonly endpoints?: ServiceEndpoints;
  readonly clock?: Clock;
  /** @default the one stamped into the bundle */
  readonly codeVersion?: string;
  /** Where logs and metrics go. @default standard output */
  readonly logOutput?: Writable;
  /** The simulated exchange counts requests by its own, faster clock. */
  readonly unlimitedRequests?: boolean;
}
