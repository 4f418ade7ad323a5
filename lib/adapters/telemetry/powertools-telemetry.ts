// Structured logs and EMF metrics through Powertools. Lambda collects them from standard output; the local run passes its own stream,
// to keep them out of the live view.
import { Console } from 'node:console';
import type { Writable } from 'node:stream';
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';

export interface Telemetry {
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** @param options.output where lines go instead of standard output */
export function createTelemetry(options: { service: string; stage: string; output?: Writable }): Telemetry {
  const logger = new Logger({ serviceName: options.service, persistentKeys: { stage: options.stage } });
  const metrics = new Metrics({
    serviceName: options.service,
    namespace: 'QuantumTrader',
    defaultDimensions: { stage: options.stage },
    logger,
  });
  if (options.output !== undefined) {
    // Powertools has no option for its output stream; both classes write only through their own `console`.
    const console = new Console({ stdout: options.output, stderr: options.output });
    Object.assign(logger, { console });
    Object.assign(metrics, { console });
  }
  return { logger, metrics };
}
