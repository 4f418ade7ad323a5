// What every function is composed from: AWS clients, clock, version, logs and metrics. The local run overrides them; the defaults,
// which are those on AWS, stand here alone.
import type { Writable } from 'node:stream';
import type { ServiceEndpoints } from '../../adapters/aws/client-settings.ts';
import type { ItemClients } from '../../adapters/aws/create-dynamodb-client.ts';
import { createTelemetry, type Telemetry } from '../../adapters/telemetry/powertools-telemetry.ts';
import type { Clock } from '../../core/ports.ts';
import { CODE_VERSION } from '../config/code-version.ts';
import type { FunctionName } from '../config/function-settings.ts';

export interface RuntimeOverrides {
  /** @default AWS's own, or those of AWS_ENDPOINT_URL */
  readonly endpoints?: ServiceEndpoints;
  /** @default the machine's */
  readonly clock?: Clock;
  /** @default the one stamped into the bundle */
  readonly codeVersion?: string;
  /** Where logs and metrics go. @default standard output */
  readonly logOutput?: Writable;
  /** Set for a simulated exchange on this clock, which stands still while a function runs. @default false */
  readonly isReplay?: boolean;
}

export interface FunctionRuntime<Clients extends ItemClients = ItemClients> {
  readonly clients: Clients;
  readonly clock: Clock;
  readonly codeVersion: string;
  readonly telemetry: Telemetry;
  readonly isReplay: boolean;
  close(): Promise<void>;
}

export const SYSTEM_CLOCK: Clock = { nowMs: Date.now };

/** @param createClients those that the function needs: what it does not need, it does not load */
export function openFunctionRuntime<Clients extends ItemClients>(
  createClients: (endpoints: ServiceEndpoints | undefined) => Clients,
  service: FunctionName,
  stage: string,
  {
    endpoints,
    clock = SYSTEM_CLOCK,
    codeVersion = CODE_VERSION,
    logOutput,
    isReplay = false,
  }: RuntimeOverrides = {},
): FunctionRuntime<Clients> {
  const clients = createClients(endpoints);
  return {
    clients,
    clock,
    codeVersion,
    telemetry: createTelemetry({ service, stage, ...(logOutput && { output: logOutput }) }),
    isReplay,
    close: async () => clients.close(),
  };
}
